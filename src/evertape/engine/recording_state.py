"""The state of a recording that people see: ``recording``, ``waiting`` with a reason, ``stopped``.

Threads: the owner's loop only.
"""

from __future__ import annotations

from evertape.domain.cause import Cause
from evertape.engine.recording_host import RecordingHost
from evertape.ipc.events import RecordingStateChanged


class RecordingStatus:
    """One place, one event per change.

    Args:
        camera: whose recording.
        host: the recorder.
    """

    def __init__(self, camera: str, host: RecordingHost) -> None:
        self.state = "stopped"
        self.reason = ""
        self._camera = camera
        self._host = host

    def judge(self, wanted: bool, no_footage: Cause | None, volume: str, no_volume: Cause | None) -> None:
        """Take notice of how it stands.

        Args:
            wanted: somebody wants it.
            no_footage: why there is nothing to store, if there is nothing.
            volume: where it is written to; empty: nowhere.
            no_volume: why nothing takes what is to be stored; ``None``: nothing is to be stored just now.
        """
        if not wanted:
            self._change("stopped", "", volume)
        elif no_footage is not None:
            self._change("waiting", str(no_footage), volume)
        elif volume:
            self._change("recording", "", volume)
        elif no_volume is not None:
            self._change("waiting", str(no_volume), volume)
        elif self.state == "stopped":
            self._change("waiting", "", volume)

    def _change(self, state: str, reason: str, volume: str) -> None:
        if (state, reason) == (self.state, self.reason):
            return
        old, self.state, self.reason = self.state, state, reason
        host = self._host
        host.journal(
            RecordingStateChanged(
                **host.stamp(), camera=self._camera, old=old, state=state, reason=reason, volume=volume
            )
        )
