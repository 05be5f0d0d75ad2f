"""What is known of each camera's recording: from events as they happen, and from the state that is asked for. Pure.

``now_s`` is monotonic seconds throughout, instants are UTC nanoseconds of the recorder's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evertape.types import NS_PER_S
from evertape_desktop.backend.model import CameraLook, EventLook, RecordingLook, ServiceLook, utc_ns
from evertape_desktop.recording.latest import Latest

RECORDING, WAITING, STOPPED = "recording", "waiting", "stopped"
OVERDUE_S = 15.0
"""A wish that the engine has taken but not obeyed by then is told of."""


@dataclass(frozen=True, slots=True)
class Transition:
    """Footage of a camera begins to be written, or no longer is."""

    camera: str
    started: bool


@dataclass(slots=True)
class Entry:
    """One camera.

    Args:
        camera: the newest look.
        state: ``recording``, ``waiting``, ``stopped``; newer than the look if an event said so.
        reason: a cause; empty while all is well.
        volume: what it is written to.
        asked: what a person asked for, until the engine says so.
        asked_at: when.
        problem: why that did not work.
        began_utc: when this recording was begun; ``None``: not known.
    """

    camera: CameraLook
    state: str = STOPPED
    reason: str = ""
    volume: str = ""
    asked: bool | None = None
    asked_at: float = 0.0
    problem: str = ""
    began_utc: int | None = None
    seen_at: float = 0.0
    _base_bytes: int = 0
    _base_s: float = 0.0

    @property
    def recording(self) -> RecordingLook:
        """The newest numbers."""
        return self.camera.recording or RecordingLook(wanted=False, state=STOPPED)

    @property
    def is_on(self) -> bool:
        """It is recorded, or waits to be."""
        return self.state in (RECORDING, WAITING)

    @property
    def bytes(self) -> int:
        """Of this recording; of all since the recorder was started, if it began before anybody looked."""
        return max(0, self.recording.bytes - self._base_bytes)

    @property
    def rate(self) -> float:
        """Bits per second that are being recorded."""
        main = self.camera.main
        return main.bitrate if main is not None and self.state == RECORDING else 0.0

    def elapsed_s(self, now_utc: int) -> float:
        """Of this recording."""
        if not self.is_on:
            return 0.0
        if self.began_utc is None:
            return max(0.0, self.recording.recorded_s - self._base_s)
        return max(0.0, (now_utc - self.began_utc) / NS_PER_S)

    def retry_in_s(self, now_s: float) -> float | None:
        """Seconds until the next attempt to find a volume, counted down since it was said."""
        due = self.recording.retry_in_s
        return None if due is None or self.state != WAITING else max(0.0, due - (now_s - self.seen_at))

    def look(self, camera: CameraLook, now_s: float) -> None:
        """Take a look over, but for its state."""
        self.camera, self.seen_at = camera, now_s
        numbers = self.recording
        if self.state == STOPPED or numbers.bytes < self._base_bytes:
            # Stopped: whatever comes is of the next one. Fewer than before: the recorder was started again.
            stopped = self.state == STOPPED
            self._base_bytes, self._base_s = (numbers.bytes, numbers.recorded_s) if stopped else (0, 0.0)


@dataclass(slots=True)
class RecordingBook:
    """See the module."""

    entries: dict[str, Entry] = field(default_factory=dict)
    _latest: Latest = field(default_factory=Latest)
    _now: tuple[int, float] | None = None

    def utc(self, now_s: float) -> int:
        """The recorder's clock; 0 before it was heard of."""
        return 0 if self._now is None else self._now[0] + round((now_s - self._now[1]) * NS_PER_S)

    def asked(self, cameras: Iterable[str], wanted: bool, now_s: float) -> None:
        """A person asks for it."""
        for name in cameras:
            if (entry := self.entries.get(name)) is not None:
                entry.problem = ""
                if entry.is_on is not wanted:
                    entry.asked, entry.asked_at = wanted, now_s

    def refused(self, cameras: Iterable[str], problem: str) -> None:
        """It was not taken."""
        for name in cameras:
            if (entry := self.entries.get(name)) is not None:
                entry.asked, entry.problem = None, problem

    def overdue(self, now_s: float) -> Sequence[Entry]:
        """Those that were asked for long ago; they are not waited for any longer."""
        late = [
            entry for entry in self.entries.values() if entry.asked is not None and now_s - entry.asked_at > OVERDUE_S
        ]
        for entry in late:
            entry.asked = None
        return late

    def heard(self, event: EventLook, now_s: float) -> list[Transition]:
        """An event."""
        entry = self.entries.get(event.camera)
        if event.kind != "recording_state" or entry is None:
            return []
        said = event.fields
        state, old = str(said.get("state", "")), str(said.get("old", ""))
        self._latest.heard(event.camera, state, now_s)
        if state == STOPPED:
            entry.began_utc = None
        elif old == STOPPED:
            entry.began_utc = _instant(event.at)
        return self._become(entry, state, str(said.get("reason", "")), str(said.get("volume", "")))

    def saw(self, look: ServiceLook, now_s: float) -> list[Transition]:
        """A state."""
        if (now_utc := _instant(look.now)) is not None:
            self._now = (now_utc, now_s)
        found: list[Transition] = []
        entries = {}
        for camera in look.cameras:
            entry = self.entries.get(camera.id)
            state, reason, volume = _state_of(camera)
            if entry is None:
                entry = Entry(camera, state, reason, volume)
            elif self._latest.believes(camera.id, state, now_s):
                if entry.state == STOPPED and state != STOPPED:
                    entry.began_utc = now_utc
                found += self._become(entry, state, reason, volume)
            entry.look(camera, now_s)
            entries[camera.id] = entry
        self.entries = entries
        return found

    def began(self, camera: str, at_utc: int) -> None:
        """An earlier event told when the recording that goes on was begun."""
        if (entry := self.entries.get(camera)) is not None and entry.is_on and entry.began_utc is None:
            entry.began_utc = at_utc

    def _become(self, entry: Entry, state: str, reason: str, volume: str) -> list[Transition]:
        before, entry.state, entry.reason = entry.state, state, reason
        entry.volume = volume or ("" if state != RECORDING else entry.volume)
        if entry.asked is not None and _obeyed(entry.asked, state, reason):
            entry.asked, entry.problem = None, ""
        if (before == RECORDING) is (state == RECORDING):
            return []
        return [Transition(entry.camera.id, state == RECORDING)]


def _obeyed(wanted: bool, state: str, reason: str) -> bool:
    # A recording that is asked for waits for a moment without a reason before its first file is there.
    return state == RECORDING or (state == WAITING and bool(reason)) if wanted else state == STOPPED


def _state_of(camera: CameraLook) -> tuple[str, str, str]:
    recording = camera.recording
    if recording is None or recording.state not in (RECORDING, WAITING):
        return STOPPED, "", ""
    return recording.state, recording.reason, recording.volume


def _instant(text: str) -> int | None:
    try:
        return utc_ns(text)
    except ValueError:
        return None
