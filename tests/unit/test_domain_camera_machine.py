"""Random lives of a camera's stream: what must hold whatever happens, in whatever order."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.camera_events import (
    CameraEvent,
    Changed,
    CloseSession,
    Effect,
    OpenSession,
    ProbeAnswered,
    ProbeSilent,
    RetryAt,
    SessionFailed,
    SessionOpened,
    SettingsChanged,
    Stalled,
    Start,
    StartProbe,
    Stop,
    StopProbe,
    StreamStatus,
    Tick,
    UnitsArrived,
)
from evertape.domain.camera_state import step
from evertape.domain.camera_types import StreamPolicy, StreamState
from evertape.domain.cause import Cause
from evertape.domain.failure import FailureKind
from evertape.types import NS_PER_MS, NS_PER_S, BootNs

WAITING = {
    StreamStatus.STALLED,
    StreamStatus.WAITING,
    StreamStatus.DISCONNECTED,
    StreamStatus.AUTH_FAILED,
    StreamStatus.ERROR,
}
UNSEEN = {FailureKind.REFUSED, FailureKind.UNREACHABLE, FailureKind.IN_USE}


class CameraLife(RuleBasedStateMachine):
    """Beside the machine stands a naive world: one session or none, one timer or none, one probe or none."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = StreamPolicy(backoff=ExponentialBackoff(max_retries=4))
        self.rng = random.Random(11)
        self.state = StreamState()
        self.now = 1000 * NS_PER_S
        self.session = False
        self.timer: int | None = None
        self.probe = False
        self.numbers = [0]
        self.seen_open = -(10**18)
        self.open_at = -(10**18)
        self.refused_login: int | None = None

    def send(self, event: CameraEvent) -> tuple[Effect, ...]:
        old = self.state
        self.state, effects = step(self.state, event, BootNs(self.now), self.policy, self.rng)
        for effect in effects:
            self.apply(effect, event)
        changed = [e for e in effects if isinstance(e, Changed)]
        told = (old.status, old.reason) != (self.state.status, self.state.reason)
        assert len(changed) == told, "every transition is one event"
        return effects

    def apply(self, effect: Effect, event: CameraEvent) -> None:
        match effect:
            case OpenSession(number):
                assert not self.session, "two sessions to one stream"
                self.session = True
                self.numbers.append(number)
                by_hand = isinstance(event, Start | SettingsChanged)
                assert by_hand or self.now - self.seen_open >= self.policy.spacing, "attempts too close"
                if self.refused_login is not None:
                    assert self.now - self.refused_login >= self.policy.auth_interval, "a refused password is hammered"
                    self.refused_login = self.now
                self.open_at = self.now
            case CloseSession():
                assert self.session, "closed twice"
                self.session = False
            case RetryAt(at):
                assert at != self.timer
                self.timer = at
            case StartProbe():
                assert not self.probe
                self.probe = True
            case StopProbe():
                assert self.probe
                self.probe = False

    @rule(seconds=st.sampled_from((0.0, 0.01, 0.3, 0.9, 1.0, 2.5, 3.1, 10.0, 61.0)))
    def time_passes(self, seconds: float) -> None:
        """A driver fires its timer on time, so no timer is ever slept over."""
        until = self.now + round(seconds * NS_PER_S)
        while self.timer is not None and self.timer <= until:
            self.now = max(self.now, self.timer)
            silent = self.state.silent
            effects = self.send(Tick())
            opened = any(isinstance(e, OpenSession) for e in effects)
            assert opened or (silent and self.timer is not None and self.timer > self.now), (
                "a retry that was due got lost"
            )
        self.now = max(self.now, until)
        self.send(Tick())

    @rule()
    def start(self) -> None:
        self.send(Start())
        assert self.state.status is not StreamStatus.STOPPED

    @rule(cause=st.sampled_from((Cause.STOPPED_BY_PERSON, Cause.REMOVED_BY_PERSON)))
    def stop(self, cause: Cause) -> None:
        self.send(Stop(cause))
        assert self.state.status is StreamStatus.STOPPED
        assert not self.session
        assert self.timer is None
        assert not self.probe

    @rule()
    def opened(self) -> None:
        self.send(SessionOpened())
        if self.session:
            self.refused_login = None

    @rule(times=st.integers(1, 40))
    def units(self, times: int) -> None:
        for _ in range(times):
            self.send(UnitsArrived())
            self.now += 100 * NS_PER_MS
        if self.session:
            self.refused_login = None
            assert self.state.status.flowing

    @rule(kind=st.sampled_from(FailureKind))
    def failed(self, kind: FailureKind) -> None:
        was_open = self.session
        self.send(SessionFailed(kind))
        self.after_failure(was_open, kind)

    @rule()
    def stalled(self) -> None:
        was_open = self.session
        self.send(Stalled("nothing"))
        self.after_failure(was_open, FailureKind.NO_MEDIA)

    def after_failure(self, was_open: bool, kind: FailureKind) -> None:
        if not was_open:
            return
        assert self.timer is not None, "it gave up"
        assert self.timer - self.now <= self.policy.backoff.cap, "longer than the cap"
        if kind not in UNSEEN:
            self.seen_open = self.open_at
        if kind is FailureKind.AUTH_FAILED:
            self.refused_login = self.now

    @precondition(lambda self: self.probe)
    @rule(certain=st.booleans())
    def silent(self, certain: bool) -> None:
        self.send(ProbeSilent(certain))

    @precondition(lambda self: self.probe)
    @rule(by_refusal=st.booleans())
    def away_and_back(self, by_refusal: bool) -> None:
        """A camera that was seen to be away and answers is tried within a second, unless its password was refused."""
        for _ in range(1 if by_refusal else 2):
            self.send(ProbeSilent(by_refusal))
        self.send(ProbeAnswered())
        if self.refused_login is None:
            assert self.session or (self.timer is not None and self.timer - self.now <= self.policy.spacing)

    @rule()
    def answered(self) -> None:
        self.send(ProbeAnswered())

    @rule(credentials=st.booleans())
    def settings_changed(self, credentials: bool) -> None:
        if credentials:
            self.refused_login = None
        wanted = self.state.status is not StreamStatus.STOPPED
        effects = self.send(SettingsChanged(credentials))
        if credentials and wanted:
            assert any(isinstance(e, OpenSession) for e in effects)

    @invariant()
    def one_thing_is_pending(self) -> None:
        """Wanted means: a session, or exactly one retry; never both, never neither."""
        assert self.timer == self.state.retry_at
        assert self.session == self.state.status.in_session
        assert self.probe == self.state.probing
        wanted = self.state.status is not StreamStatus.STOPPED
        assert (self.session + (self.timer is not None)) == wanted
        assert (self.timer is not None) == (self.state.status in WAITING)
        assert not self.probe or self.timer is not None

    @invariant()
    def sessions_count_up(self) -> None:
        assert self.numbers == list(range(len(self.numbers)))

    @invariant()
    def well_means_no_reason(self) -> None:
        assert (self.state.reason is None) == (self.state.status.flowing or self.state == StreamState())


CameraLife.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCameraLife = CameraLife.TestCase
