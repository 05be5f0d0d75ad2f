"""One stream of one camera: sessions come and go, the stream stays.

``StreamWorker`` is the effects around ``domain.camera_state``; a ``CaptureSession`` lives once and is thrown
away. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Sequence

import msgspec

from evertape.clock import Clock
from evertape.domain import camera_events as told
from evertape.domain.camera_state import step
from evertape.domain.camera_types import StreamState
from evertape.domain.cause import Cause
from evertape.domain.classify import Failure, classify_error
from evertape.domain.error_table import Classification, ErrorPriority
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.engine.answer_probe import AnswerProbe
from evertape.engine.guard import Guard
from evertape.engine.stream_intake import Intake
from evertape.engine.stream_owner import StreamOwner
from evertape.engine.stream_session import capture_request, describe, login, stream_policy
from evertape.engine.stream_wake import PromptReader, RetryTimer
from evertape.ipc.messages import CameraSettings, StreamInfo
from evertape.media.capture import (
    CapsChanged,
    CaptureEvent,
    CaptureSession,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    open_session,
)
from evertape.media.ring import Ring
from evertape.types import NS_PER_S, AccessUnit, BootNs, Epoch, Stream

log = logging.getLogger(__name__)


class StreamWorker:
    """See the module. Also known as the reconnector: it is the one owner of the one pending retry.

    Args:
        settings: the camera.
        stream: main or sub.
        ring: where units go.
        owner: who is told.
        clock: both clocks.
        transcoder: encodes G.711, or ``None``.
    """

    def __init__(
        self,
        settings: CameraSettings,
        stream: Stream,
        ring: Ring,
        owner: StreamOwner,
        clock: Clock,
        transcoder: TranscoderFactory | None = None,
    ) -> None:
        self.settings = settings
        self.stream = stream
        self.ring = ring
        held = settings.login_hold_ns if stream is Stream.MAIN else settings.sub_login_hold_ns
        self.state = StreamState(auth_hold=BootNs(held))
        self.viewers = 0
        self.watch_key = -1
        """Ring position of the keyframe the watchdog was last told of."""
        self._owner = owner
        self._clock = clock
        self._transcoder = transcoder
        self._loop = asyncio.get_running_loop()
        self._rng = random.Random()
        self._policy = stream_policy(settings)
        self._session: CaptureSession | None = None
        self._intake = Intake(ring)
        self._began = False
        self._retry = RetryTimer(clock, self._tick)
        self._prompt = PromptReader(self._prompt_drain)
        self._probe: AnswerProbe | None = None
        self._public: str | None = None
        self._changed_utc = clock.utc_ns()
        self.guard = Guard(f"streaming of {self._name}", self._broke_soon)
        self.trouble: Classification | None = None
        """What the latest failure means; ``None`` while frames come."""

    # -- control --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The stream is wanted."""
        self._dispatch(told.Start())

    def stop(self, cause: Cause) -> None:
        """The stream is no longer wanted; the session ends now."""
        self._dispatch(told.Stop(cause))

    def restart(self, settings: CameraSettings | None = None) -> None:
        """Throw the session away and make another at once, with new settings if given."""
        # What has come belongs to the old session; it must not be lost with it.
        self.drain(self._clock.boot_ns())
        credentials = False
        if settings is not None:
            credentials = login(self.settings, self.stream) != login(settings, self.stream)
            self.settings = settings
            self._policy = stream_policy(settings)
        self._dispatch(told.SettingsChanged(credentials=credentials))

    def update_policy(self, settings: CameraSettings) -> None:
        """New settings that the running session need not know."""
        self.settings = settings
        self._policy = stream_policy(settings)

    def stalled(self, text: str) -> None:
        """The watchdog's verdict on the running session."""
        self.trouble = classify_error(Failure(kind=FailureKind.NO_MEDIA))
        self._dispatch(told.Stalled(text))

    # -- the round ------------------------------------------------------------------------------------------

    def drain(self, now_ns: int) -> int:
        """Take in what has come; returns the number of video units."""
        with self.guard:
            return self._drain()
        return 0

    def _drain(self) -> int:
        session = self._session
        if session is None:
            return 0
        units = session.drain()
        events = session.events()
        self._before_units(events)
        frames = self._intake.take(units, self._clock.boot_ns()) if units else 0
        if frames:
            if not self._began:
                self._begin()
            self._dispatch(told.UnitsArrived())
        for event in events:
            if isinstance(event, SessionFailed) and session is self._session:
                self.trouble = classify_error(Failure(event.kind, event.detail))
                self._dispatch(told.SessionFailed(event.kind, event.detail))
        self._watch()
        return frames

    @property
    def due_ns(self) -> int | None:
        """Boot-time clock: when ``drain`` is to be called at the latest, unless it is called by itself before."""
        # With a watched descriptor nothing waits for the round.
        return self._session.next_deadline_ns() if self._session is not None and self._prompt.watched is None else None

    @property
    def frames(self) -> int:
        """Video units ever taken in."""
        return self._intake.frames

    @property
    def newest(self) -> AccessUnit | None:
        """The newest unit held."""
        return self.ring.newest_unit

    def info(self, now_ns: int) -> StreamInfo:
        """What it looks like right now."""
        state = self.state
        return msgspec.structs.replace(
            self._intake.info(str(self.stream), str(state.status), now_ns, state.status.flowing),
            reason=str(state.reason) if state.reason else "",
            since_utc=self._changed_utc,
            attempt=state.attempt,
            retry_in_s=None if state.retry_at is None else max(0.0, (state.retry_at - now_ns) / NS_PER_S),
            viewers=self.viewers,
        )

    # -- inside: units --------------------------------------------------------------------------------------

    def _before_units(self, events: Sequence[CaptureEvent]) -> None:
        for event in events:
            match event:
                case CapsChanged(caps):
                    self._intake.describe(caps)
                case SessionOpened():
                    self._intake.opened = event
                    log.info("[STREAMING] %s: session opened (%s)", self._name, describe(event))
                    self._dispatch(told.SessionOpened())
                case StreamNotice():
                    self._owner.stream_noticed(self, event)

    def _begin(self) -> None:
        first = self._intake.first_of(self._epoch)
        if first is not None:
            self._began = True
            self._owner.stream_began(self, first)

    # -- inside: the state machine --------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self.settings.id if self.stream is Stream.MAIN else f"{self.settings.id}/{self.stream}"

    def _dispatch(self, event: told.CameraEvent) -> None:
        self.state, effects = step(self.state, event, self._clock.boot_ns(), self._policy, self._rng)
        if self.state.status.flowing:
            self.trouble = None
        for effect in effects:
            # Each by itself: a session that cannot be made must not cost the pending retry or the event.
            with self.guard:
                self._perform(effect)

    def _perform(self, effect: told.Effect) -> None:
        match effect:
            case told.OpenSession(number):
                self._open(number)
            case told.CloseSession():
                self._close()
            case told.RetryAt(at):
                self._retry.schedule(at)
            case told.StartProbe():
                self._start_probe()
            case told.StopProbe():
                self._stop_probe()
            case told.Log(tag, text, level):
                log.log(self._level(level), "[%s] %s: %s", tag, self._name, text)
            case told.Changed():
                self._changed_utc = self._clock.utc_ns()
                self._owner.stream_changed(self, effect)
            case told.Reconnected():
                pass

    def _level(self, level: str) -> int:
        """A warning about something that no retry will help is an error."""
        critical = self.trouble is not None and self.trouble.priority is ErrorPriority.CRITICAL
        return logging.ERROR if critical and level == "warning" else logging.getLevelNamesMapping()[level.upper()]

    def _broke_soon(self) -> None:
        # Not from inside whatever raised: the state machine may be in the middle of its effects.
        self._loop.call_soon(self._broke)

    def _broke(self) -> None:
        """A mistake in what works on the session: it cannot be trusted any more; the retry is the state machine's."""
        self.trouble = classify_error(Failure(kind=FailureKind.INTERNAL))
        text = "a mistake in Evertape; the log has it"
        self._dispatch(told.SessionFailed(FailureKind.INTERNAL, ErrorDetail(element="recorder", debug=text)))

    def _open(self, number: int) -> None:
        self._epoch = Epoch(uuid.uuid4().hex)
        self._intake.session_begins()
        self._began = False
        request = capture_request(self.settings, self.stream, self._epoch, self._public)
        session = open_session(request, self._clock, self._transcoder)
        log.debug("[STREAMING] %s: session %d begins", self._name, number)
        self._session = session
        session.start()
        self._watch()

    def _close(self) -> None:
        session, self._session = self._session, None
        self._prompt.stop()
        if session is not None:
            session.close()
        self._intake.session_ends()

    def _tick(self) -> None:
        self._dispatch(told.Tick())
        if self.state.retry_at is not None and not self._retry.pending:
            self._retry.soon()

    def _watch(self) -> None:
        session = self._session
        self._prompt.follow(session.fileno() if session is not None else None, session is not None and not self._began)

    def _prompt_drain(self) -> None:
        now = self._clock.boot_ns()
        if self.drain(now):
            self._owner.stream_drained(self, now)

    # -- inside: the answer probe ---------------------------------------------------------------------------

    def _start_probe(self) -> None:
        url = self.settings.url if self.stream is Stream.MAIN else self.settings.sub_url
        self._probe = AnswerProbe(url, self._clock, self._probe_result)
        self._probe.start()

    def _stop_probe(self) -> None:
        if self._probe is not None:
            self._probe.stop()
            self._probe = None

    def _probe_result(self, answered: bool, certain: bool) -> None:
        # Only for the session that this very answer opens.
        self._public = self._probe.public if self._probe is not None else None
        self._dispatch(told.ProbeAnswered() if answered else told.ProbeSilent(certain=certain))
        self._public = None


RTSPReconnector = StreamWorker
"""The name this had in the recorder Evertape grew out of."""
