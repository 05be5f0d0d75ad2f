"""Tells people of cameras that refuse us or are not recorded: in the supervisor, because it hears every recorder.

What was told is kept across restarts of the service, so that one outage is one alert whoever dies meanwhile.
Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from evertape.clock import Clock
from evertape.config.schema import Config
from evertape.domain.camera_events import StreamStatus
from evertape.domain.camera_outage import WELL, CameraAlert, CameraFacts, CameraOutage, changed, step
from evertape.domain.cause import Cause, explain
from evertape.engine.alarm import CHANGED, UNUSED, Alarm
from evertape.engine.state_files import ALERTS, KnownAlert, alerts_text, read_alerts
from evertape.ipc.events import AnyEvent, EventStamp
from evertape.ipc.messages import CameraInfo
from evertape.types import NS_PER_S, BootNs, CameraId

STALE_NS = 3 * NS_PER_S
"""A recorder says once a second how its cameras are; one that did not for so long does not record."""

_WELL_TEXT = {
    CameraAlert.LOGIN_REFUSED: "the camera {} takes the login",
    CameraAlert.NOT_FOUND: "the camera {} has the stream",
    CameraAlert.NOT_RECORDING: "the camera {} is recorded again",
}


class CameraAlarmsHost(Protocol):
    """What they need from the supervisor."""

    placed: dict[str, int]

    @property
    def clock(self) -> Clock:
        """Both clocks."""

    @property
    def stamp(self) -> EventStamp:
        """For events of the supervisor."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down and tell the clients that listen."""

    def put_state(self, name: str, text: bytes) -> None:
        """Keep a small file across restarts."""


class CameraAlarms:
    """One alarm for each camera and kind.

    Args:
        host: the supervisor.
        wanted: whether a camera is to be recorded now.
    """

    def __init__(self, host: CameraAlarmsHost, wanted: Callable[[str], bool]) -> None:
        self._host = host
        self._wanted = wanted
        self._outages: dict[str, CameraOutage] = {}
        self._alarms: dict[tuple[str, CameraAlert], Alarm] = {}
        self._heard: dict[str, int] = {}
        self._changed_utc: dict[str, int] = {}
        self._closed = False

    def load(self, state: Path) -> None:
        """Take up what people were told by earlier runs of the service."""
        for known in read_alerts(state):
            kind = CameraAlert(known.kind)
            self._alarm(known.camera, kind).resume(known.alert, known.text)
            outage = self._outages.get(known.camera, WELL)
            self._outages[known.camera] = CameraOutage(outage.told | {kind})

    def apply(self, old: Config | None, new: Config) -> None:
        """A configuration came into force."""
        for name in [name for name in self._outages if name not in self._host.placed]:
            self._tell(name, WELL, (UNUSED, "the camera {} is not used any more"))
            del self._outages[name]
        for name in self._host.placed:
            before, after = old.cameras.get(CameraId(name)) if old else None, new.cameras[CameraId(name)]
            if before is not None and before.main_stream() != after.main_stream():
                self._changed_utc[name] = int(self._host.clock.utc_ns())
                over = CHANGED, "the settings of the camera {} were changed"
                self._tell(name, changed(self._outages.get(name, WELL)), over)

    def heard(self, cameras: Iterable[CameraInfo]) -> None:
        """A recorder said how its cameras are."""
        now = self._host.clock.boot_ns()
        for info in cameras:
            self._heard[info.id] = now

    def look(self, infos: Mapping[str, CameraInfo]) -> None:
        """Judge every camera by its latest news; call it with each, and twice a second."""
        if self._closed:
            return
        now = BootNs(self._host.clock.boot_ns())
        for name in self._host.placed:
            facts = self._facts(name, infos.get(name), now)
            self._tell(name, step(self._outages.get(name, WELL), facts, now), facts=facts)

    def close(self) -> None:
        """The service leaves: cameras are no longer recorded, and on purpose."""
        self._closed = True

    # -- inside ---------------------------------------------------------------------------------------------

    def _facts(self, name: str, info: CameraInfo | None, now: BootNs) -> CameraFacts:
        wanted = self._wanted(name)
        if info is None:
            return CameraFacts(wanted, recorded=False, cause=Cause.STARTING)
        if now - self._heard.get(name, now) > STALE_NS:
            return CameraFacts(wanted, recorded=False, cause=Cause.RECORDER_HUNG)
        recording, stream = info.recording, next((s for s in info.streams if s.stream == "main"), None)
        # What it was before its settings changed is no news.
        old = stream is None or stream.since_utc < self._changed_utc.get(name, 0)
        return CameraFacts(
            wanted,
            recording.state == "recording",
            _cause(recording.reason) or (_cause(stream.reason) if stream else None) or Cause.STARTING,
            None if stream is None or old else StreamStatus(stream.state),
            None if stream is None or old else _cause(stream.reason),
        )

    def _tell(
        self, name: str, outage: CameraOutage, over: tuple[str, str] | None = None, facts: CameraFacts | None = None
    ) -> None:
        before = self._outages.get(name, WELL)
        self._outages[name] = outage
        if outage.told == before.told:
            return
        for kind in sorted(before.told - outage.told):
            why, text = over or ("", _WELL_TEXT[kind])
            self._alarm(name, kind).set(False, over=text.format(name), **({"why": why} if why else {}))
        for kind in sorted(outage.told - before.told):
            cause = _cause_told(kind, facts)
            self._alarm(name, kind).set(True, text_of(name, kind, cause), cause=str(cause))
        open_ = [KnownAlert(n, str(k), a.alert, a.text) for (n, k), a in sorted(self._alarms.items()) if a.on]
        self._host.put_state(ALERTS, alerts_text(open_))

    def _alarm(self, name: str, kind: CameraAlert) -> Alarm:
        return self._alarms.setdefault((name, kind), Alarm(str(kind), self._host, camera=name))


def text_of(name: str, kind: CameraAlert, cause: Cause) -> str:
    """What a person is told: what happened, and what he can do."""
    found = explain(cause)
    if kind is not CameraAlert.NOT_RECORDING:
        return f"the camera {name}: {found.what} {found.remedy}"
    if cause.value.startswith("storage_"):
        # The cause's own words are of the gap that comes of it later, when memory is full.
        why = cause.value.replace("_", " ")
        return f"the camera {name} is on no disk now ({why}): its newest footage waits in memory. {found.remedy}"
    return f"the camera {name} is not recorded: {found.what} {found.remedy}"


def _cause(word: str) -> Cause | None:
    """``None`` for none, and for a word of a newer version."""
    try:
        return Cause(word)
    except ValueError:
        return None


def _cause_told(kind: CameraAlert, facts: CameraFacts | None) -> Cause:
    match kind:
        case CameraAlert.LOGIN_REFUSED:
            return Cause.AUTH_FAILED
        case CameraAlert.NOT_FOUND:
            return Cause.STREAM_NOT_FOUND
        case CameraAlert.NOT_RECORDING:
            return facts.cause if facts is not None else Cause.UNKNOWN
