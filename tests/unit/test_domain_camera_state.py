import random
from dataclasses import dataclass, field, replace

import pytest

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
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.types import NS_PER_S, BootNs

EXACT = StreamPolicy(backoff=ExponentialBackoff(jitter=False))
REFUSED = SessionFailed(FailureKind.REFUSED)
RESET = SessionFailed(FailureKind.RESET)
AUTH = SessionFailed(FailureKind.AUTH_FAILED, ErrorDetail("DESCRIBE", "rtsp", 401, rtsp_status=401))
ANSWERED, UNITS, TICK, CLOSED_PORT = ProbeAnswered(), UnitsArrived(), Tick(), ProbeSilent(certain=True)


@dataclass
class Camera:
    """Drives the machine with a clock in seconds, and keeps what it said."""

    policy: StreamPolicy = EXACT
    state: StreamState = field(default_factory=StreamState)
    now: float = 1000.0
    effects: list[Effect] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(3))

    def boot(self) -> BootNs:
        return BootNs(round(self.now * NS_PER_S))

    def __call__(self, *events: CameraEvent, after: float = 0.0) -> tuple[Effect, ...]:
        said: tuple[Effect, ...] = ()
        self.now += after
        for event in events:
            self.state, effects = step(self.state, event, self.boot(), self.policy, self.rng)
            said += effects
        self.effects += said
        return said

    @property
    def wait(self) -> float | None:
        return None if self.state.retry_at is None else (self.state.retry_at - self.boot()) / NS_PER_S

    def run_retry(self, *events: CameraEvent) -> tuple[Effect, ...]:
        assert self.wait is not None
        return self(TICK, *events, after=self.wait)

    def stream(self, seconds: float) -> None:
        """Frames, ten batches a second."""
        for _ in range(round(seconds * 10)):
            self(UNITS, after=0.1)

    def connect(self) -> None:
        self(Start(), SessionOpened())
        self.stream(3.5)
        assert self.state.status is StreamStatus.CONNECTED

    def lines(self, tag: str = "RECONNECT") -> list[str]:
        return [e.text for e in self.effects if isinstance(e, Log) and e.tag == tag and e.level != "debug"]


def opened(effects: tuple[Effect, ...]) -> int:
    return sum(isinstance(e, OpenSession) for e in effects)


# -- the way up ---------------------------------------------------------------------------------------------------


def test_starting_opens_a_session_at_once() -> None:
    camera = Camera()
    effects = camera(Start())
    assert effects == (
        OpenSession(1),
        Changed(StreamStatus.STOPPED, StreamStatus.CONNECTING, Cause.STARTING, None),
    )
    assert camera(Start()) == ()


def test_connected_only_after_frames_have_kept_coming() -> None:
    camera = Camera()
    camera(Start())
    camera(SessionOpened(), after=0.1)
    assert camera.state.status is StreamStatus.CONNECTING
    camera.stream(0.1)
    assert camera.state.status is StreamStatus.RECEIVING
    assert camera.state.reason is None
    camera.stream(2.9)
    assert camera.state.status is StreamStatus.RECEIVING
    camera.stream(0.2)
    assert camera.state.status is StreamStatus.CONNECTED


def test_two_frames_with_a_long_silence_between_are_not_a_stream() -> None:
    camera = Camera()
    camera(Start(), UNITS)
    camera(UNITS, after=3.5)
    assert camera.state.status is StreamStatus.RECEIVING
    camera(UNITS, after=2.9)
    camera(UNITS, after=0.2)
    assert camera.state.status is StreamStatus.CONNECTED


def test_frames_of_a_well_camera_cost_no_new_state() -> None:
    camera = Camera()
    camera.connect()
    before = camera.state
    assert camera(UNITS, after=0.1) == ()
    assert camera.state is before


def test_stable_at_once_if_so_configured() -> None:
    camera = Camera(replace(EXACT, stable_after=0))
    camera(Start(), UNITS)
    assert camera.state.status is StreamStatus.CONNECTED


# -- backing off --------------------------------------------------------------------------------------------------


def test_waits_without_jitter_are_exactly_5_10_20_40_60_60() -> None:
    camera = Camera()
    camera(Start(), REFUSED)
    waits = []
    for _ in range(6):
        waits.append(camera.wait)
        camera.run_retry(REFUSED)
    assert waits == [5, 10, 20, 40, 60, 60]


def test_the_log_says_when_and_which_attempt() -> None:
    camera = Camera(StreamPolicy())
    camera(Start(), REFUSED)
    camera.run_retry(REFUSED)
    first, second = camera.lines()
    assert first == "Reconnecting in 3.81s (attempt 1/10)"
    assert second == "Reconnecting in 4.56s (attempt 2/10)"


def test_after_max_retries_it_is_shown_disconnected_and_still_retried_at_the_cap() -> None:
    camera = Camera(replace(EXACT, backoff=ExponentialBackoff(jitter=False, max_retries=3)))
    camera(Start(), REFUSED)
    for _ in range(2):
        camera.run_retry(REFUSED)
        assert camera.state.status is StreamStatus.WAITING
    camera.run_retry(REFUSED)
    assert camera.state.status is StreamStatus.DISCONNECTED
    assert camera.lines() == [
        "Reconnecting in 5.00s (attempt 1/3)",
        "Reconnecting in 10.00s (attempt 2/3)",
        "Reconnecting in 20.00s (attempt 3/3)",
        "Max retries reached",
    ]
    for _ in range(20):
        assert camera.wait == 60
        assert camera.state.probing
        assert opened(camera.run_retry(REFUSED)) == 1
    assert camera.lines().count("Max retries reached") == 1


def test_it_gives_up_only_if_told_to() -> None:
    camera = Camera(replace(EXACT, give_up=True, backoff=ExponentialBackoff(jitter=False, max_retries=2)))
    camera(Start(), REFUSED)
    camera.run_retry(REFUSED)
    effects = camera.run_retry(REFUSED)
    assert camera.state.gave_up
    assert camera.state.status is StreamStatus.DISCONNECTED
    assert not camera.state.probing
    assert not any(isinstance(e, StartProbe) for e in effects)
    assert camera(TICK, ANSWERED, after=1e6) == ()
    assert opened(camera(Start())) == 1
    assert camera.state.attempt == 0


def test_the_backoff_does_not_reset_on_a_mere_connect() -> None:
    """A10: a camera that returns for less than it takes to be well."""
    camera = Camera()
    camera.connect()
    attempts = []
    for _ in range(5):
        camera(RESET)
        camera(CLOSED_PORT)
        attempts.append(camera.state.attempt)
        camera(ANSWERED, after=3)
        camera(SessionOpened())
        camera.stream(2.5)
        assert camera.state.status is StreamStatus.RECEIVING
    # One backoff step; then the quick retries of a camera that has just come back.
    assert attempts == [1, 1, 1, 1, 1]
    camera.stream(1.0)
    assert camera.state.status is StreamStatus.CONNECTED
    assert (camera.state.attempt, camera.state.quick_left) == (0, 0)


def test_reconnecting_is_said_to_have_succeeded_once_frames_keep_coming() -> None:
    camera = Camera()
    camera.connect()
    camera(RESET)
    camera.run_retry(REFUSED)
    camera(ANSWERED, after=2)
    camera(SessionOpened())
    camera.stream(2.5)
    assert "Reconnected successfully" not in camera.lines()
    camera.stream(1.0)
    assert camera.lines()[-1] == "Reconnected successfully"
    assert [e for e in camera.effects if isinstance(e, Reconnected)] == [Reconnected(2)]


def test_a_first_connection_is_not_a_reconnection() -> None:
    camera = Camera()
    camera.connect()
    assert camera.lines() == []


# -- the probe ----------------------------------------------------------------------------------------------------


def test_an_answer_from_a_camera_that_was_away_ends_the_wait() -> None:
    camera = Camera()
    camera(Start(), REFUSED)
    effects = camera(ANSWERED, after=0.5)
    assert effects[:3] == (StopProbe(), RetryAt(None), OpenSession(2))
    assert camera.state.status is StreamStatus.RECONNECTING


def test_a_lost_camera_is_probed_at_once_and_one_answer_is_enough() -> None:
    camera = Camera()
    camera.connect()
    effects = camera(RESET)
    assert effects[0] == CloseSession()
    assert StartProbe() in effects
    assert opened(camera(ANSWERED, after=0.01)) == 1


def test_a_camera_that_answers_while_its_sessions_fail_is_retried_after_1_2_4_then_backed_off() -> None:
    camera = Camera()
    camera.connect()
    camera(RESET)
    camera(ANSWERED, after=0.5)
    waits = []
    for _ in range(6):
        camera(SessionFailed(FailureKind.SERVER_ERROR), after=0.1)
        waits.append(camera.wait)
        assert opened(camera(ANSWERED, ANSWERED)) == 0, "an answer that is no news"
        camera.run_retry()
    assert waits == [1, 2, 4, 10, 20, 40]


def test_a_camera_that_comes_back_under_an_attempt_and_ends_it_is_met_by_its_next_answer() -> None:
    camera = Camera()
    camera(Start(), REFUSED, CLOSED_PORT)
    camera.run_retry()  # the attempt hangs: a router or a frozen process took it, and comes back by resetting it
    camera(RESET, after=2)
    assert opened(camera(ANSWERED, after=0.1)) == 1


def test_an_attempt_that_follows_an_answer_and_fails_is_not_repeated_at_the_next_answer() -> None:
    camera = Camera()
    camera(Start(), REFUSED, CLOSED_PORT)
    assert opened(camera(ANSWERED, after=1)) == 1
    camera(RESET, after=0.1)
    assert opened(camera(ANSWERED, after=0.1)) == 0


def test_a_camera_that_never_was_away_gets_no_quick_retries() -> None:
    camera = Camera()
    camera(Start(), SessionFailed(FailureKind.NOT_FOUND))
    assert camera.wait == 5
    assert opened(camera(ANSWERED, after=1)) == 0


def test_a_closed_port_is_certain_a_slow_answer_is_not() -> None:
    for silence, opens in ((CLOSED_PORT, 1), (ProbeSilent(), 0)):
        camera = Camera()
        camera(Start(), SessionFailed(FailureKind.NOT_FOUND))
        camera(silence, after=1.0)
        assert opened(camera(ANSWERED, after=1)) == opens
    camera = Camera()
    camera(Start(), SessionFailed(FailureKind.NOT_FOUND))
    camera(ProbeSilent(), ProbeSilent(), after=1.0)
    assert opened(camera(ANSWERED, after=0.5)) == 1


def test_no_attempt_hangs_at_a_camera_that_leaves_the_probe_unanswered() -> None:
    """It would still hang when the camera is back. Every fourth is made all the same."""
    camera = Camera()
    camera.connect()
    camera(Stalled())
    opens = []
    for _ in range(9):
        camera(ProbeSilent(), ProbeSilent())
        opens.append(opened(camera.run_retry()))
        camera(SessionFailed(FailureKind.TIMEOUT))
    assert opens == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    assert camera.lines()[:3] == [f"Reconnecting in {s}.00s (attempt {n}/10)" for n, s in ((1, 5), (2, 10), (3, 20))]
    assert camera.state.reason is Cause.STREAM_STALLED
    assert opened(camera(ANSWERED, after=1)) == 1


def test_a_camera_that_never_answered_anything_is_attempted_all_the_same() -> None:
    camera = Camera()
    camera(Start(), SessionFailed(FailureKind.TIMEOUT))
    camera(ProbeSilent(), ProbeSilent())
    assert opened(camera.run_retry()) == 1


def test_attempts_that_a_camera_sees_are_a_second_apart() -> None:
    camera = Camera()
    camera.connect()
    camera(RESET)
    assert opened(camera(ANSWERED, after=0.1)) == 1
    camera(RESET, CLOSED_PORT, after=0.1)
    assert opened(camera(ANSWERED, after=0.1)) == 0
    assert camera.wait == pytest.approx(0.8)
    assert opened(camera.run_retry()) == 1


def test_an_attempt_that_was_refused_delays_nothing() -> None:
    camera = Camera()
    camera(Start(), REFUSED)
    camera.run_retry(REFUSED)
    assert opened(camera(ANSWERED, after=0.05)) == 1


# -- kinds of trouble ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, status, reason, wait",
    [
        (FailureKind.UNREACHABLE, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE, 5),
        (FailureKind.REFUSED, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE, 5),
        (FailureKind.TIMEOUT, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE, 5),
        (FailureKind.RESET, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE, 5),
        (FailureKind.EOS, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE, 5),
        (FailureKind.AUTH_FAILED, StreamStatus.AUTH_FAILED, Cause.AUTH_FAILED, 60),
        (FailureKind.NOT_FOUND, StreamStatus.ERROR, Cause.STREAM_NOT_FOUND, 5),
        (FailureKind.SERVER_ERROR, StreamStatus.ERROR, Cause.CAMERA_ERROR, 5),
        (FailureKind.PROTOCOL, StreamStatus.ERROR, Cause.CAMERA_ERROR, 5),
        (FailureKind.CODEC_UNSUPPORTED, StreamStatus.ERROR, Cause.CODEC_UNSUPPORTED, 60),
        (FailureKind.TLS, StreamStatus.ERROR, Cause.CAMERA_ERROR, 5),
        (FailureKind.NO_MEDIA, StreamStatus.STALLED, Cause.STREAM_STALLED, 1),
        (FailureKind.IN_USE, StreamStatus.ERROR, Cause.STREAM_IN_USE, 5),
        (FailureKind.INTERNAL, StreamStatus.ERROR, Cause.INTERNAL_ERROR, 5),
    ],
)
def test_each_failure_of_a_first_session_has_its_state_reason_and_wait(
    kind: FailureKind, status: StreamStatus, reason: Cause, wait: float
) -> None:
    camera = Camera()
    camera(Start(), SessionFailed(kind))
    assert (camera.state.status, camera.state.reason, camera.wait) == (status, reason, wait)
    assert camera.state.probing is (kind is not FailureKind.AUTH_FAILED)


def test_every_kind_of_failure_is_in_the_table_above() -> None:
    (mark,) = test_each_failure_of_a_first_session_has_its_state_reason_and_wait.pytestmark  # type: ignore[attr-defined]
    assert [row[0] for row in mark.args[1]] == list(FailureKind)


def test_a_stalled_camera_that_stays_silent_has_one_reason_throughout() -> None:
    """A2, A3: the ledger shows one gap, of the stall."""
    camera = Camera()
    camera(Start(), UNITS, Stalled("no picture for 4.0 s"))
    assert camera.state.status is StreamStatus.STALLED
    for kind in (FailureKind.TIMEOUT, FailureKind.UNREACHABLE, FailureKind.TIMEOUT):
        camera.run_retry(SessionFailed(kind))
        assert camera.state.reason is Cause.STREAM_STALLED
    camera.run_retry(REFUSED)
    assert camera.state.reason is Cause.CAMERA_UNREACHABLE


def test_sessions_that_stay_silent_are_renewed_after_a_second() -> None:
    """A4: the session lives, RTP stopped. A session was wait enough, so the next one is there when RTP returns."""
    camera = Camera()
    camera.connect()
    camera(Stalled())
    assert opened(camera(ANSWERED, after=0.01)) == 1
    for _ in range(20):
        camera(SessionOpened())
        camera(SessionFailed(FailureKind.NO_MEDIA), after=10)
        assert camera.wait == 1
        assert camera.state.status in (StreamStatus.STALLED, StreamStatus.DISCONNECTED)
        camera.run_retry()


# -- credentials --------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_tried_once_a_minute() -> None:
    camera = Camera()
    camera(Start(), AUTH)
    for _ in range(5):
        assert camera.wait == 60
        assert opened(camera(ANSWERED, CLOSED_PORT, ANSWERED, TICK, after=30)) == 0
        assert opened(camera.run_retry(AUTH)) == 1


def test_new_credentials_are_tried_at_once() -> None:
    """A5."""
    camera = Camera()
    camera(Start(), AUTH)
    assert opened(camera(SettingsChanged(credentials=True), after=0.2)) == 1
    assert camera.state.reason is Cause.SETTINGS_CHANGED


def test_neither_a_restart_nor_other_settings_hammer_a_refused_password() -> None:
    camera = Camera()
    camera(Start(), AUTH)
    effects = camera(Stop(), Start(), SettingsChanged(), after=10)
    assert opened(effects) == 0
    assert camera.state.status is StreamStatus.AUTH_FAILED
    assert camera.wait == 50
    assert opened(camera.run_retry(SessionFailed(FailureKind.TIMEOUT))) == 1
    assert camera.wait == 60, "still unproven"


@pytest.mark.parametrize("proof", [SessionOpened(), UnitsArrived()])
def test_a_login_that_worked_ends_the_caution(proof: CameraEvent) -> None:
    camera = Camera()
    camera(Start(), AUTH)
    camera.run_retry(proof, RESET)
    assert camera.wait is not None
    assert camera.wait < 60


def test_settings_that_changed_renew_a_session_that_is_well() -> None:
    camera = Camera()
    camera.connect()
    effects = camera(SettingsChanged())
    assert effects[:2] == (CloseSession(), OpenSession(2))
    assert camera.state.status is StreamStatus.CONNECTING


def test_settings_of_a_stopped_stream_change_nothing() -> None:
    camera = Camera()
    assert camera(SettingsChanged(credentials=True)) == ()


# -- stopping -----------------------------------------------------------------------------------------------------


def test_stopping_cancels_a_pending_retry() -> None:
    camera = Camera()
    camera(Start(), REFUSED)
    assert camera(Stop())[:2] == (StopProbe(), RetryAt(None))
    assert camera.state.status is StreamStatus.STOPPED
    assert camera(TICK, ANSWERED, UNITS, REFUSED, after=1000) == ()


def test_stopping_closes_the_session() -> None:
    camera = Camera()
    camera.connect()
    assert camera(Stop(Cause.REMOVED_BY_PERSON)) == (
        CloseSession(),
        Changed(StreamStatus.CONNECTED, StreamStatus.STOPPED, Cause.REMOVED_BY_PERSON, None),
    )


# -- the log ------------------------------------------------------------------------------------------------------


def test_the_first_failure_is_a_warning_with_everything_known_and_repeats_are_quiet() -> None:
    camera = Camera()
    detail = ErrorDetail("connect", "socket", 111, errno=111, debug="rtsp://admin:geheim@cam/1 refused")
    camera(Start(), SessionFailed(FailureKind.REFUSED, detail))
    camera.run_retry(SessionFailed(FailureKind.REFUSED, detail))
    assert camera.lines("STREAMING") == [
        "No stream: refused (connect, socket 111, errno 111, rtsp://admin:***@cam/1 refused)"
    ]


def test_each_change_of_state_or_reason_is_one_event() -> None:
    camera = Camera()
    camera.connect()
    camera(RESET)
    camera.run_retry(AUTH)
    news = [(e.old.value, e.status.value, e.reason) for e in camera.effects if isinstance(e, Changed)]
    assert news == [
        ("stopped", "connecting", Cause.STARTING),
        ("connecting", "receiving", None),
        ("receiving", "connected", None),
        ("connected", "waiting", Cause.CAMERA_UNREACHABLE),
        ("waiting", "reconnecting", Cause.CAMERA_UNREACHABLE),
        ("reconnecting", "auth_failed", Cause.AUTH_FAILED),
    ]
