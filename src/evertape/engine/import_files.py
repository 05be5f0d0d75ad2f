"""``evertape adopt`` of another recorder's MP4 or Matroska files: they become segments of ours, losslessly.

Blocking, while no service runs. The originals are only read. Each file appears whole on the volume or not at all; what
is done is known by the ids, which are made of the files' names, sizes and times. So it may be interrupted anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.disk.fault import step
from evertape.disk.journal_restore import add_to_journal
from evertape.disk.layout import CONTROL_DIR, day_and_time, file_name, is_camera
from evertape.disk.marker import VolumeHandle
from evertape.disk.new_file import put_segment, there_already
from evertape.domain.file_names import SUFFIXES
from evertape.engine.adopt import SOURCE
from evertape.engine.found_files import adopted
from evertape.engine.import_source import Recording, Rules, read_recording
from evertape.engine.keeper_tail import rebuild
from evertape.errors import ProtocolError
from evertape.ipc.events import EventStamp, SegmentClosed
from evertape.mp4.digest import hash_file
from evertape.mp4.scan import scan
from evertape.store.index import Index

BATCH_BYTES = 1 << 30
"""After so much the journal and the index hear of it; each time makes a file of the journal."""
Progress = Callable[[int, int], None]
"""Told the bytes done, and of how many."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one file.

    Args:
        file: its path, relative to the folder.
        camera: whose footage.
        start_utc: when it began, UTC ns.
        by: how that is known.
        pictures: in it.
        known: it was taken in before.
    """

    file: str
    camera: str
    start_utc: int
    by: str
    pictures: int
    known: bool


@dataclass(slots=True)
class ImportReport:
    """What came of it.

    Args:
        files: looked at.
        bytes: of these.
        taken: taken in.
        known: that had been taken in before.
        pictures: in those that were taken in.
        cameras: files by camera, of those that were taken in, or would be.
        by: files by how their start is known, of the same.
        broken: of which nothing can be taken: path, and why.
        left_out: what is not kept of the others, in words, and of how many files.
        cut: files of which the end is missing.
        ended_before: files that ended before ``keep_from``.
        volumes: folders that were passed over, because they are volumes of Evertape.
        planned: each file that can be taken, if nothing is to be done.
    """

    files: int = 0
    bytes: int = 0
    taken: int = 0
    known: int = 0
    pictures: int = 0
    cameras: dict[str, int] = field(default_factory=dict)
    by: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    ended_before: int = 0
    volumes: list[str] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the footage goes.

    Args:
        handle: the verified volume.
        file_time: ``utc``, ``local`` or a time zone's name, for files' names.
        min_free: bytes that must stay free.
        keep_from: UTC ns; what ended before is deleted by the rules of retention.
    """

    handle: VolumeHandle
    file_time: str
    min_free: int
    keep_from: int


class Import:
    """See the module.

    Args:
        data: the data directory.
        top: the folder.
        target: where to; ``None``: only see what would be done.
        rules: how files are read.
        clock: stamps what is found.
        progress: see ``Progress``.
    """

    def __init__(
        self,
        data: DataDir,
        top: Path,
        target: Target | None,
        rules: Rules,
        clock: Clock,
        progress: Progress = lambda _done, _all: None,
    ) -> None:
        self._data, self._top, self._target, self._rules = data, top, target, rules
        self._clock, self._progress = clock, progress
        self._stamp = EventStamp(SOURCE, "", clock)
        self._events: list[SegmentClosed] = []
        self._unsaid = 0
        self.report = ImportReport()

    def run(self) -> ImportReport:
        """Do it.

        Raises:
            VolumeFaultError: the volume cannot take more; do it again when it can.
            OSError, IndexBusyError: the folder, the journal or the index; do it again.
        """
        rebuild(self._data.index_file, self._data.journal)
        found = list(self._walk())
        total = sum(size for _, size in found)
        try:
            for path, size in found:
                self._progress(self.report.bytes, total)
                self._one(path, size)
                self.report.files += 1
                self.report.bytes += size
                if self._unsaid >= BATCH_BYTES:
                    self._write_down()
        finally:
            self._write_down()
        self._progress(total, total)
        return self.report

    def _walk(self) -> Iterator[tuple[str, int]]:
        """Path and size of every file that may be a recording, in order of paths; links are not followed."""
        for folder, names, files in os.walk(self._top):
            if (Path(folder) / CONTROL_DIR).is_dir():
                self.report.volumes.append(folder)
                names.clear()
                continue
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder) / name
                if (
                    path.suffix.lower() in SUFFIXES
                    and not name.startswith(".")
                    and path.is_file()
                    and not path.is_symlink()
                ):
                    yield path.relative_to(self._top).as_posix(), path.stat().st_size

    def _one(self, relative: str, size: int) -> None:
        report = self.report
        try:
            recording = read_recording(self._top, relative, self._rules, int(self._clock.utc_ns()))
            if not is_camera(recording.header.camera_id):
                raise ProtocolError(f"{recording.header.camera_id!r} is no camera's id")
            known = self._known(recording)
            if self._target is None:
                self._plan(relative, recording, known)
            elif known:
                report.known += 1
            else:
                self._take(recording, self._target, size)
        except ProtocolError as error:
            report.broken[relative] = error.what
        except OSError as error:
            report.broken[relative] = f"it cannot be read: {error.strerror}"
        else:
            if not known:
                self._count(relative, recording)

    def _known(self, recording: Recording) -> bool:
        segment = recording.header.segment_id
        if any(event.segment == segment for event in self._events):
            return True
        with Index.open(self._data.index_file) as index:
            return index.segment(segment) is not None

    def _plan(self, relative: str, recording: Recording, known: bool) -> None:
        header = recording.header
        planned = Planned(relative, header.camera_id, header.start_utc_ns, recording.by, recording.pictures, known)
        self.report.planned.append(planned)
        self.report.known += known

    def _count(self, relative: str, recording: Recording) -> None:
        report, camera = self.report, recording.header.camera_id
        report.cameras[camera] = report.cameras.get(camera, 0) + 1
        report.by[recording.by] = report.by.get(recording.by, 0) + 1
        for text in recording.movie.left_out if recording.movie is not None else ():
            report.left_out[text] = report.left_out.get(text, 0) + 1
        if recording.movie is not None and recording.movie.cut:
            report.cut.append(relative)
        if self._target is not None:
            report.taken += 1
            report.pictures += recording.pictures
            report.ended_before += recording.end_utc < self._target.keep_from

    def _take(self, recording: Recording, target: Target, size: int) -> None:
        header, handle = recording.header, target.handle
        day, time = day_and_time(header.start_utc_ns, target.file_time)
        wanted = f"{header.camera_id}/{day}/{file_name(header.camera_id, day, time)}"
        # Put there by a run that was interrupted before it could say so.
        with step("M1"):
            place, known = there_already(handle, header.segment_id, wanted), ""
        if not place:
            with recording.path.open("rb") as file:
                need = target.min_free + size
                place, _, known = put_segment(handle, header.segment_id, wanted, recording.pieces(file), need)
        there = Path(handle.path) / place
        with there.open("rb") as file:
            scanned = scan(file)
        self._events.append(adopted(self._stamp, scanned, handle.volume_id, place, known or hash_file(there)[0]))
        self._unsaid += size

    def _write_down(self) -> None:
        events, self._events, self._unsaid = self._events, [], 0
        if add_to_journal(self._data.journal, events):
            rebuild(self._data.index_file, self._data.journal)
