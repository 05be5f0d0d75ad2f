"""A view's source that is a session of its own with the camera; for URLs, and where no service runs.

Threads: the view's only.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from evertape.clock import Clock
from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.failure import FailureKind
from evertape.media.capture import CapsChanged, CaptureRequest, CaptureSession, SessionFailed, open_session
from evertape.media.view.terms import (
    MAX_RETRY_NS,
    Picture,
    Pictures,
    SourceCaps,
    SourceEvent,
    SourceState,
    ViewOptions,
)
from evertape.types import NS_PER_S, AccessUnit, DurationNs, Epoch, Track

log = logging.getLogger(__name__)

SLOW_RETRY_NS = 60 * NS_PER_S
"""A refused password locks accounts if it is repeated, and neither it nor an unusable codec mends itself by itself."""
_SLOW = frozenset({FailureKind.AUTH_FAILED, FailureKind.CODEC_UNSUPPORTED})
_FIRST_NS = 20 * NS_PER_S
"""For the first picture, because a session begins with a keyframe; as the recorder's watchdog has it."""

Opener = Callable[[CaptureRequest, Clock], CaptureSession]


def retry_wait(kind: FailureKind | None, attempt: int, retry_ns: int) -> int:
    """How long to wait before ``attempt`` (from 1), after a failure of this kind (``None``: it fell silent). Pure."""
    if kind in _SLOW:
        return SLOW_RETRY_NS
    # Without chance: one viewer's attempts are no crowd.
    return ExponentialBackoff(DurationNs(retry_ns), DurationNs(max(retry_ns, MAX_RETRY_NS)), jitter=False).ceiling(
        attempt
    )


class CameraSource:
    """See the module; a ``ViewSource``.

    Args:
        request: the stream; each session gets an epoch of its own.
        restart_ns: silence for so long ends a session.
        retry_ns: before the first retry.
        clock: both clocks.
        opener: makes sessions.
    """

    def __init__(
        self,
        request: CaptureRequest,
        restart_ns: int,
        retry_ns: int,
        clock: Clock,
        opener: Opener = open_session,
    ) -> None:
        self._request = replace(request, audio=False)
        self._restart_ns = restart_ns
        self._retry_ns = retry_ns
        self._clock = clock
        self._opener = opener
        self._session: CaptureSession | None = None
        self._retry_at = 0
        self._attempt = 0
        self._silent_at = 0
        self._flowing = False
        self._out: list[SourceEvent] = []

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        if self._session is None and now_ns >= self._retry_at:
            self._open(now_ns)
        if self._session is not None:
            self._drain(self._session, now_ns)
        out, self._out = self._out, []
        return out

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return self._session.fileno() if self._session is not None else None

    def close(self) -> None:
        """See ``ViewSource``."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self, now_ns: int) -> None:
        request = replace(self._request, epoch=Epoch(uuid.uuid4().hex))
        self._session = self._opener(request, self._clock)
        self._session.start()
        self._silent_at = now_ns + max(_FIRST_NS, self._restart_ns)

    def _drain(self, session: CaptureSession, now_ns: int) -> None:
        units = [unit for unit in session.drain() if unit.track is Track.VIDEO]
        for event in session.events():
            match event:
                case CapsChanged(caps=caps):
                    units = self._split(units, caps.id)
                    self._out.append(SourceCaps(caps.video))
                case SessionFailed(kind=kind, detail=detail):
                    self._take(units, now_ns)
                    log.warning("[STREAMING] the camera's session failed: %s %s", kind.value, detail.debug)
                    self._give_up(kind, kind.value, now_ns)
                    return
                case _:
                    pass
        self._take(units, now_ns)
        if now_ns >= self._silent_at:
            self._give_up(None, "no picture", now_ns)

    def _split(self, units: list[AccessUnit], caps_id: int) -> list[AccessUnit]:
        """Hand out the units before the change; what remains comes after it."""
        before = [unit for unit in units if unit.caps_id < caps_id]
        if before:
            self._out.append(_pictures(before))
        return [unit for unit in units if unit.caps_id >= caps_id]

    def _take(self, units: list[AccessUnit], now_ns: int) -> None:
        if not units:
            return
        self._silent_at = now_ns + self._restart_ns
        self._attempt = 0
        if not self._flowing:
            self._flowing = True
            self._out.append(SourceState(True))
        self._out.append(_pictures(units))

    def _give_up(self, kind: FailureKind | None, reason: str, now_ns: int) -> None:
        self.close()
        self._flowing = False
        self._attempt += 1
        self._retry_at = now_ns + retry_wait(kind, self._attempt, self._retry_ns)
        self._out.append(SourceState(False, reason.replace("_", " "), self._retry_at))


def _pictures(units: Sequence[AccessUnit]) -> Pictures:
    return Pictures([Picture(unit.epoch, unit.pts_ns, unit.key, unit.data) for unit in units])


def camera_source(url: str, options: ViewOptions, clock: Clock) -> CameraSource:
    """The source for a mere URL."""
    request = CaptureRequest(url, Epoch(uuid.uuid4().hex))
    return CameraSource(request, options.restart_ns, options.retry_ns, clock)
