"""What somebody may ask of one camera's writer: partial restarts, apart from its capture and its viewers.

``docs/design/restarts.md`` compares them with a restart of the whole camera. Threads: the owner's loop only.
"""

from __future__ import annotations

from typing import Protocol

from evertape.engine.disk_link import DiskLink
from evertape.engine.guard import Guard
from evertape.engine.recording_host import RecordingHost
from evertape.engine.recording_run import RecordingRun
from evertape.engine.recording_storage import RecordingStorage
from evertape.engine.segment_writer import SegmentWriter
from evertape.errors import UsageError


class Commanded(Protocol):
    """A camera's recording, as far as the commands need it."""

    guard: Guard

    @property
    def run(self) -> RecordingRun | None:
        """The run that goes on."""

    @property
    def writer(self) -> SegmentWriter | None:
        """The segment that takes units now."""

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now, if there is one."""

    def replaces(self, why: str, writer: SegmentWriter) -> None:
        """This writer is about to be replaced by another one."""


class RecordingCommands:
    """Each says what was done, or ``None`` if nothing is being written.

    Args:
        recording: the camera's.
        storage: its.
        host: the recorder.
    """

    def __init__(self, recording: Commanded, storage: RecordingStorage, host: RecordingHost) -> None:
        self._recording = recording
        self._storage = storage
        self._host = host

    def split(self) -> str | None:
        """Begin a new file: with the last keyframe, or with the next if the file has but one."""
        recording, run, writer = self._recording, self._recording.run, self._recording.writer
        if run is None or writer is None:
            return None
        with recording.guard:
            if not run.split("split"):
                return "a new file begins with the next keyframe"
            recording.replaces("split", writer)
            self._pump(run)
        return self._written_to()

    def restart_writer(self) -> str | None:
        """Throw the writer away and write anew what is not durable."""
        recording, run, writer = self._recording, self._recording.run, self._recording.writer
        if run is None or writer is None:
            return None
        with recording.guard:
            recording.replaces("restart-writer", writer)
            run.restart_writers()
            self._pump(run)
        return self._written_to()

    def move(self, volume: str) -> str | None:
        """Write to this volume from now on, until it fails or something else is asked for.

        Args:
            volume: its name; empty: the one that would be chosen without being asked.

        Raises:
            UsageError: there is no such volume, or it takes no footage now.
        """
        recording, run, writer = self._recording, self._recording.run, self._recording.writer
        self._storage.prefer(volume)
        if run is None or writer is None:
            return None
        if recording.choose_link() is not writer.link:
            with recording.guard:
                recording.replaces("move", writer)
                if not run.split("move"):
                    run.restart_writers()
                self._pump(run)
        return self._written_to()

    def perform(self, command: str, volume: str = "") -> str | None:
        """One of them by its name on the command line; raises ``UsageError`` if there is none of that name."""
        match command:
            case "split":
                return self.split()
            case "restart-writer":
                return self.restart_writer()
            case "move":
                return self.move(volume)
            case _:
                raise UsageError(f"a camera cannot {command}")

    def _pump(self, run: RecordingRun) -> None:
        run.pump(self._host.clock.boot_ns())

    def _written_to(self) -> str:
        writer = self._recording.writer
        return f"a new file on {writer.link.endpoint.name}" if writer is not None else "no volume takes footage now"
