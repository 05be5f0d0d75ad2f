"""A view's source that is a session of its own with the camera; for URLs, and where no service runs.

When to try again is decided as for a recording (``domain.camera_state``): what is different is only that somebody is
looking at the card and waiting, so the waits are shorter. Threads: the view's only.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from evertape.clock import Clock
from evertape.domain import camera_events as told
from evertape.domain.backoff import ExponentialBackoff, Rng
from evertape.domain.camera_state import step
from evertape.domain.camera_types import StreamPolicy, StreamState
from evertape.domain.failure import FailureKind
from evertape.domain.watchdog import PipelineWatchdog, Trouble, WatchdogPolicy
from evertape.media.capture import (
    CapsChanged,
    CaptureRequest,
    CaptureSession,
    SessionFailed,
    SessionOpened,
    open_session,
)
from evertape.media.rtsp.asking import Asking
from evertape.media.view.terms import (
    MAX_RETRY_NS,
    Picture,
    Pictures,
    SourceCaps,
    SourceEvent,
    SourceState,
    ViewOptions,
)
from evertape.types import AccessUnit, DurationNs, Epoch, Track

log = logging.getLogger(__name__)

Opener = Callable[[CaptureRequest, Clock], CaptureSession]
Asker = Callable[[str, Clock], Asking]


def view_policy(retry_ns: int) -> StreamPolicy:
    """How patient a view is with a camera of its own. Pure.

    Args:
        retry_ns: before the first retry; each further failure doubles it, up to ``MAX_RETRY_NS``.
    """
    first = DurationNs(retry_ns)
    # Without chance: one viewer's attempts are no crowd.
    backoff = ExponentialBackoff(first, DurationNs(max(retry_ns, MAX_RETRY_NS)), jitter=False)
    return StreamPolicy(backoff=backoff)


class CameraSource:
    """See the module; a ``ViewSource``.

    Args:
        request: the stream; each session gets an epoch of its own.
        restart_ns: silence for so long ends a session.
        retry_ns: before the first retry.
        clock: both clocks.
        opener: makes sessions.
        asker: asks whether the camera answers, while one waits.
        rng: chance, for a policy that has some.
    """

    def __init__(
        self,
        request: CaptureRequest,
        restart_ns: int,
        retry_ns: int,
        clock: Clock,
        opener: Opener = open_session,
        asker: Asker = Asking,
        rng: Rng | None = None,
    ) -> None:
        self._request = replace(request, audio=False)
        self._clock = clock
        self._opener = opener
        self._asker = asker
        self._rng = rng or random.Random()
        self._policy = view_policy(retry_ns)
        self._state = StreamState()
        self._watchdog = PipelineWatchdog[str](WatchdogPolicy(stall_timeout=DurationNs(restart_ns)))
        self._session: CaptureSession | None = None
        self._asking: Asking | None = None
        self._public: str | None = None
        self._reason = ""
        self._out: list[SourceEvent] = []

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        if self._state.status is told.StreamStatus.STOPPED:
            self._tell(told.Start())
        if self._asking is not None:
            self._listen(self._asking)
        if self._state.retry_at is not None and now_ns >= self._state.retry_at:
            self._tell(told.Tick())
        if self._session is not None:
            self._drain(self._session)
        out, self._out = self._out, []
        return out

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return self._session.fileno() if self._session is not None else None

    def close(self) -> None:
        """See ``ViewSource``."""
        self._tell(told.Stop())

    # -- the session ------------------------------------------------------------------------------

    def _drain(self, session: CaptureSession) -> None:
        units = [unit for unit in session.drain() if unit.track is Track.VIDEO]
        failed: SessionFailed | None = None
        for event in session.events():
            match event:
                case CapsChanged(caps=caps):
                    self._take([unit for unit in units if unit.caps_id < caps.id])
                    units = [unit for unit in units if unit.caps_id >= caps.id]
                    self._out.append(SourceCaps(caps.video))
                case SessionOpened():
                    self._tell(told.SessionOpened())
                case SessionFailed():
                    failed = event
                case _:
                    pass
        self._take(units)
        if failed is not None:
            # Who has the stream is what a person needs to know.
            self._reason = failed.detail.debug if failed.kind is FailureKind.IN_USE else failed.kind.value
            self._tell(told.SessionFailed(failed.kind, failed.detail))
            return
        for verdict in self._watchdog.due(self._clock.boot_ns()):
            if verdict.trouble is Trouble.STALLED:
                self._reason = "no picture"
                self._tell(told.Stalled(verdict.text))
            else:
                log.info("[STREAMING] the camera's session: %s (%s)", verdict.trouble, verdict.text)

    def _take(self, units: Sequence[AccessUnit]) -> None:
        if not units:
            return
        highest = max(unit.pts_ns for unit in units)
        key = any(unit.key for unit in units)
        self._watchdog.feed("", self._clock.boot_ns(), len(units), key=key, pts_ns=highest)
        self._tell(told.UnitsArrived())
        self._out.append(_pictures(units))

    def _listen(self, asking: Asking) -> None:
        for answer in asking.poll():
            # Only for the session that this very answer opens.
            self._public = answer.public
            self._tell(told.ProbeAnswered() if answer.answered else told.ProbeSilent(certain=answer.certain))
            self._public = None
            if self._asking is not asking:
                return

    # -- the state machine ------------------------------------------------------------------------

    def _tell(self, event: told.CameraEvent) -> None:
        before = self._state
        now = self._clock.boot_ns()
        self._state, effects = step(before, event, now, self._policy, self._rng)
        for effect in effects:
            self._perform(effect)
        after = self._state
        if after.status.flowing:
            self._reason = ""
        flowing = after.status.flowing
        tries = before.retry_at is not None and after.sessions != before.sessions
        waits = after.retry_at is not None and after.retry_at != before.retry_at
        if flowing != before.status.flowing or tries or waits:
            retry_at = now if tries else after.retry_at
            self._out.append(SourceState(flowing, self._reason.replace("_", " "), retry_at))

    def _perform(self, effect: told.Effect) -> None:
        match effect:
            case told.OpenSession():
                request = replace(self._request, epoch=Epoch(uuid.uuid4().hex), public=self._public)
                self._session = self._opener(request, self._clock)
                self._watchdog.opened("", self._clock.boot_ns())
                self._session.start()
            case told.CloseSession():
                session, self._session = self._session, None
                self._watchdog.closed("")
                if session is not None:
                    session.close()
            case told.StartProbe():
                self._asking = self._asker(self._request.url, self._clock)
            case told.StopProbe():
                asking, self._asking = self._asking, None
                if asking is not None:
                    asking.close()
            case told.Log(tag, text, level):
                log.log(logging.getLevelNamesMapping()[level.upper()], "[%s] the view's camera: %s", tag, text)
            case _:
                pass  # the pending retry is in the state, and changes are what ``_tell`` looks at


def _pictures(units: Sequence[AccessUnit]) -> Pictures:
    return Pictures([Picture(unit.epoch, unit.pts_ns, unit.key, unit.data) for unit in units])


def camera_source(url: str, options: ViewOptions, clock: Clock) -> CameraSource:
    """The source for a mere URL."""
    request = CaptureRequest(url, Epoch(uuid.uuid4().hex))
    return CameraSource(request, options.restart_ns, options.retry_ns, clock)
