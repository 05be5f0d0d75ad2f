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
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.camera_events import (
    CameraEvent,
    Changed,
    CloseSession,
    Effect,
    Log,
    OpenSession,
    ProbeAnswered,
    ProbeSilent,
    Reconnected,
    RetryAt,
    SettingsChanged,
    Stalled,
    Start,
    StartProbe,
    Stop,
    StopProbe,
    Tick,
    UnitsArrived,
)
from evertape.domain.camera_events import SessionFailed as SessionFailedEvent
from evertape.domain.camera_events import SessionOpened as SessionOpenedEvent
from evertape.domain.camera_state import step
from evertape.domain.camera_types import StreamPolicy, StreamState
from evertape.domain.cause import Cause
from evertape.domain.classify import Failure, classify_error
from evertape.domain.error_table import Classification, ErrorPriority
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.engine.answer_probe import AnswerProbe
from evertape.engine.guard import Guard
from evertape.engine.rate import Rate
from evertape.ipc.messages import CameraSettings, StreamInfo
from evertape.media.capture import (
    Backend,
    CapsChanged,
    CaptureEvent,
    CaptureRequest,
    CaptureSession,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    Transport,
    open_session,
)
from evertape.media.ring import Ring
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, DurationNs, Epoch, Stream, StreamCaps, Track

log = logging.getLogger(__name__)

# While a session is being made its replies are a round trip apart; waiting for the next ordinary round
# each time would cost half a second.
_PROMPT_S = 0.01


class StreamOwner(Protocol):
    """Who is told what happens to a stream."""

    def stream_changed(self, worker: StreamWorker, change: Changed) -> None:
        """Status or reason changed."""

    def stream_began(self, worker: StreamWorker, first: AccessUnit) -> None:
        """The first unit of a session came; it is a keyframe and in the ring."""

    def stream_noticed(self, worker: StreamWorker, notice: StreamNotice) -> None:
        """The session noticed something and goes on."""

    def stream_drained(self, worker: StreamWorker, now_ns: int) -> None:
        """Units were taken in outside the regular round; the ring has grown."""


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
        self.state = StreamState()
        self.frames = 0
        self.viewers = 0
        self.watch_key = -1
        """Ring position of the keyframe the watchdog was last told of."""
        self._owner = owner
        self._clock = clock
        self._transcoder = transcoder
        self._loop = asyncio.get_running_loop()
        self._rng = random.Random()
        self._policy = _policy(settings)
        self._session: CaptureSession | None = None
        self._opened: SessionOpened | None = None
        self._caps: dict[int, StreamCaps] = {}
        self._last_caps: StreamCaps | None = None
        self._began = False
        self._retry: asyncio.TimerHandle | None = None
        self._prompt: asyncio.TimerHandle | None = None
        self._watched: int | None = None
        self._probe: AnswerProbe | None = None
        self._public: str | None = None
        self._rate = Rate()
        self._changed_utc = clock.utc_ns()
        self.guard = Guard(f"streaming of {self._name}", self._broke_soon)
        self.trouble: Classification | None = None
        """What the latest failure means; ``None`` while frames come."""

    # -- control --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The stream is wanted."""
        self._dispatch(Start())

    def stop(self, cause: Cause) -> None:
        """The stream is no longer wanted; the session ends now."""
        self._dispatch(Stop(cause))

    def restart(self, settings: CameraSettings | None = None) -> None:
        """Throw the session away and make another at once, with new settings if given."""
        # What has come belongs to the old session; it must not be lost with it.
        self.drain(self._clock.boot_ns())
        credentials = False
        if settings is not None:
            credentials = self._login(self.settings) != self._login(settings)
            self.settings = settings
            self._policy = _policy(settings)
        self._dispatch(SettingsChanged(credentials=credentials))

    def update_policy(self, settings: CameraSettings) -> None:
        """New settings that the running session need not know."""
        self.settings = settings
        self._policy = _policy(settings)

    def stalled(self, text: str) -> None:
        """The watchdog's verdict on the running session."""
        self.trouble = classify_error(Failure(kind=FailureKind.NO_MEDIA))
        self._dispatch(Stalled(text))

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
        frames = self._take(units) if units else 0
        if frames:
            if not self._began:
                self._begin()
            self._dispatch(UnitsArrived())
        for event in events:
            if isinstance(event, SessionFailed) and session is self._session:
                self.trouble = classify_error(Failure(event.kind, event.detail))
                self._dispatch(SessionFailedEvent(event.kind, event.detail))
        self._watch()
        return frames

    @property
    def due_ns(self) -> int | None:
        """Boot-time clock: when ``drain`` is to be called at the latest, unless it is called by itself before."""
        # With a watched descriptor nothing waits for the round.
        return self._session.next_deadline_ns() if self._session is not None and self._watched is None else None

    @property
    def newest(self) -> AccessUnit | None:
        """The newest unit held."""
        return self.ring.newest_unit

    def info(self, now_ns: int) -> StreamInfo:
        """What it looks like right now."""
        state, caps = self.state, self._last_caps
        fps, bitrate = self._rate.value(now_ns)
        wait = None if state.retry_at is None else max(0.0, (state.retry_at - now_ns) / NS_PER_S)
        unit = self.ring.newest_unit
        return StreamInfo(
            stream=str(self.stream),
            state=str(state.status),
            reason=str(state.reason) if state.reason else "",
            since_utc=self._changed_utc,
            attempt=state.attempt,
            retry_in_s=wait,
            codec=str(caps.video.codec) if caps else "",
            width=caps.video.width if caps else 0,
            height=caps.video.height if caps else 0,
            audio=str(caps.audio.codec) if caps and caps.audio else "",
            fps=fps if state.status.flowing else 0.0,
            bitrate=bitrate if state.status.flowing else 0.0,
            gop_s=self._rate.gop_ns / NS_PER_S,
            units=self.frames,
            ring_bytes=self.ring.bytes,
            ring_s=self.ring.reach_ns(now_ns) / NS_PER_S,
            viewers=self.viewers,
            utc_source=str(unit.utc_source) if unit else "",
            receiver=str(self._opened.backend) if self._opened else "",
        )

    # -- inside: units --------------------------------------------------------------------------------------

    def _before_units(self, events: Sequence[CaptureEvent]) -> None:
        for event in events:
            match event:
                case CapsChanged(caps):
                    self._caps[caps.id] = caps
                    self._last_caps = caps
                case SessionOpened():
                    self._opened = event
                    log.info("[STREAMING] %s: session opened (%s)", self._name, _describe(event))
                    self._dispatch(SessionOpenedEvent())
                case StreamNotice():
                    self._owner.stream_noticed(self, event)

    def _take(self, units: Sequence[AccessUnit]) -> int:
        ring, caps = self.ring, self._caps
        frames = 0
        for unit in units:
            if not ring.append(unit, caps[unit.caps_id]):
                continue
            if unit.track is Track.VIDEO:
                frames += 1
                self._rate.frame(unit)
        self.frames += frames
        self._rate.count(self._clock.boot_ns(), frames, sum([len(unit.data) for unit in units]))
        return frames

    def _begin(self) -> None:
        gop = self.ring.newest
        first = next((g.units[0] for g in self.ring.gops_from(0) if g.view.epoch == self._epoch), None)
        if gop is not None and first is not None:
            self._began = True
            self._owner.stream_began(self, first)

    # -- inside: the state machine --------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self.settings.id if self.stream is Stream.MAIN else f"{self.settings.id}/{self.stream}"

    def _dispatch(self, event: CameraEvent) -> None:
        self.state, effects = step(self.state, event, self._clock.boot_ns(), self._policy, self._rng)
        if self.state.status.flowing:
            self.trouble = None
        for effect in effects:
            # Each by itself: a session that cannot be made must not cost the pending retry or the event.
            with self.guard:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case OpenSession(number):
                self._open(number)
            case CloseSession():
                self._close()
            case RetryAt(at):
                self._schedule(at)
            case StartProbe():
                self._start_probe()
            case StopProbe():
                self._stop_probe()
            case Log(tag, text, level):
                log.log(self._level(level), "[%s] %s: %s", tag, self._name, text)
            case Changed():
                self._changed_utc = self._clock.utc_ns()
                self._owner.stream_changed(self, effect)
            case Reconnected():
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
        self._dispatch(SessionFailedEvent(FailureKind.INTERNAL, ErrorDetail(element="recorder", debug=text)))

    def _login(self, settings: CameraSettings) -> tuple[str, ...]:
        if self.stream is Stream.SUB:
            return (settings.sub_url,)
        return settings.user, settings.password, settings.url

    def _open(self, number: int) -> None:
        settings = self.settings
        self._epoch = Epoch(uuid.uuid4().hex)
        self._caps.clear()
        self._began = False
        self._opened = None
        main = self.stream is Stream.MAIN
        session = open_session(
            CaptureRequest(
                url=settings.url if main else settings.sub_url,
                epoch=self._epoch,
                # A sub stream's URL brings its own credentials.
                user=settings.user or None if main else None,
                password=settings.password or None if main else None,
                transport=Transport(settings.transport),
                backend=Backend(settings.receiver),
                latency_ms=settings.latency_ns // NS_PER_MS,
                stream=self.stream,
                keepalive_ns=settings.keepalive_ns,
                audio=settings.audio,
                connect_timeout_ns=settings.connect_timeout_ns,
                tls_verify=settings.tls_verify,
                public=self._public,
            ),
            self._clock,
            self._transcoder,
        )
        log.debug("[STREAMING] %s: session %d begins", self._name, number)
        self._session = session
        session.start()
        self._watch()

    def _close(self) -> None:
        session, self._session = self._session, None
        self._unwatch()
        if session is not None:
            session.close()
        self._rate.reset()

    def _schedule(self, at: int | None) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if at is not None:
            delay = max(0.0, (at - self._clock.boot_ns()) / NS_PER_S)
            self._retry = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._retry = None
        self._dispatch(Tick())
        if self.state.retry_at is not None and self._retry is None:
            # The loop's clock and the boot-time clock differ by a hair; the pending retry is still pending.
            self._retry = self._loop.call_later(0.005, self._tick)

    # -- inside: prompt service -----------------------------------------------------------------------------

    def _watch(self) -> None:
        fd = self._session.fileno() if self._session is not None else None
        if fd != self._watched:
            self._unwatch()
            if fd is not None:
                self._loop.add_reader(fd, self._prompt_drain)
                self._watched = fd
        waiting = self._session is not None and not self._began
        if waiting and self._prompt is None:
            self._prompt = self._loop.call_later(_PROMPT_S, self._prompt_round)

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None
        if self._prompt is not None:
            self._prompt.cancel()
            self._prompt = None

    def _prompt_round(self) -> None:
        self._prompt = None
        self._prompt_drain()

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
        self._dispatch(ProbeAnswered() if answered else ProbeSilent(certain=certain))
        self._public = None


RTSPReconnector = StreamWorker
"""The name this had in the recorder Evertape grew out of."""


def _policy(settings: CameraSettings) -> StreamPolicy:
    return StreamPolicy(
        backoff=ExponentialBackoff(
            base=DurationNs(settings.backoff_base_ns),
            cap=DurationNs(settings.backoff_cap_ns),
            factor=settings.backoff_factor,
            jitter=settings.backoff_jitter,
            max_retries=settings.max_retries,
        ),
        stable_after=DurationNs(settings.stable_after_ns),
        give_up=settings.give_up,
    )


def _describe(opened: SessionOpened) -> str:
    parts = [str(opened.codec)]
    if opened.width and opened.height:
        parts.append(f"{opened.width}x{opened.height}")
    parts += [opened.audio or "no audio", f"by {opened.transport}", str(opened.backend)]
    if opened.server:
        parts.append(opened.server)
    return ", ".join(parts)
