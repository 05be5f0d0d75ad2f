"""A view's own session with a camera: when it is made again, on a clock that is told to move."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evertape.clock import ManualClock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.capture import CapsChanged, CaptureEvent, CaptureRequest, SessionFailed
from evertape.media.rtsp.asking import Answer
from evertape.media.view.camera import CameraSource
from evertape.media.view.terms import Pictures, SourceCaps, SourceEvent, SourceState
from evertape.types import NS_PER_S, AccessUnit, Codec, Epoch, StreamCaps, Track, UtcSource, VideoCaps

S = NS_PER_S
STEP = S // 50
CAPS = StreamCaps(0, VideoCaps(Codec.H264, b"\x01", 64, 48))


class FakeSession:
    """A session that says what it is told to."""

    def __init__(self, request: CaptureRequest, at: int) -> None:
        self.request = request
        self.at = at
        self.units: list[AccessUnit] = []
        self.said: list[CaptureEvent] = []
        self.closed = False

    def start(self) -> None: ...

    def drain(self) -> Sequence[AccessUnit]:
        units, self.units = self.units, []
        return units

    def events(self) -> Sequence[CaptureEvent]:
        said, self.said = self.said, []
        return said

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    def fails(self, kind: FailureKind) -> None:
        self.said.append(SessionFailed(kind, ErrorDetail()))

    def shows(self, seq: int) -> None:
        if seq == 0:
            self.said.append(CapsChanged(CAPS))
        at = seq * S // 25
        epoch = self.request.epoch
        self.units.append(
            AccessUnit(epoch, Track.VIDEO, seq, at, at, self.at, 0, UtcSource.ARRIVAL, 0, seq == 0, 0, b"x")
        )


class FakeAsking:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.closed = False

    def poll(self) -> list[Answer]:
        answers, self.answers = self.answers, []
        return answers

    def close(self) -> None:
        self.closed = True


class Bench:
    """A source, its fakes and its clock."""

    def __init__(self, restart_s: int = 5, retry_s: float = 1) -> None:
        self.clock = ManualClock()
        self.began = self.clock.boot_ns()
        self.sessions: list[FakeSession] = []
        self.askings: list[FakeAsking] = []
        self.events: list[SourceEvent] = []
        request = CaptureRequest("rtsp://camera/x", Epoch("0"))
        self.source = CameraSource(
            request, restart_s * S, int(retry_s * S), self.clock, self._open, self._ask  # type: ignore[arg-type]
        )  # fmt: skip

    def _open(self, request: CaptureRequest, _clock: object) -> FakeSession:
        assert all(session.closed for session in self.sessions), "two sessions at once"
        self.sessions.append(FakeSession(request, self.clock.boot_ns()))
        return self.sessions[-1]

    def _ask(self, _url: str, _clock: object) -> FakeAsking:
        self.askings.append(FakeAsking())
        return self.askings[-1]

    def poll(self) -> list[SourceEvent]:
        new = list(self.source.poll(self.clock.boot_ns()))
        self.events += new
        return new

    def run(self, seconds: float) -> None:
        until = self.clock.boot_ns() + int(seconds * S)
        while self.clock.boot_ns() < until:
            self.poll()
            self.clock.advance(STEP)
        self.poll()

    def play(self, seconds: float, first: int = 0) -> None:
        for n in range(int(seconds * 25)):
            self.sessions[-1].shows(first + n)
            self.run(1 / 25)

    def states(self) -> list[SourceState]:
        return [event for event in self.events if isinstance(event, SourceState)]


def test_retries_slow_down_to_what_a_person_waits_for() -> None:
    waits = []
    bench = Bench()
    bench.poll()
    for _ in range(7):
        failed = bench.clock.boot_ns()
        bench.sessions[-1].fails(FailureKind.NOT_FOUND)
        count = len(bench.sessions)
        while len(bench.sessions) == count:
            bench.run(STEP / S)
        waits.append(round((bench.sessions[-1].at - failed) / S))
    assert waits == [1, 2, 4, 5, 5, 5, 5]


def test_the_first_wait_is_the_configured_one() -> None:
    bench = Bench(retry_s=8)
    bench.poll()
    bench.sessions[-1].fails(FailureKind.NOT_FOUND)
    bench.run(7.9)
    assert len(bench.sessions) == 1
    bench.run(0.2)
    assert len(bench.sessions) == 2


def test_a_camera_that_answers_again_is_not_kept_waiting_and_not_asked_twice() -> None:
    bench = Bench()
    bench.poll()
    bench.play(4)
    for kind in (FailureKind.RESET, FailureKind.REFUSED, FailureKind.REFUSED, FailureKind.REFUSED):
        bench.sessions[-1].fails(kind)
        bench.run(5.1)
    bench.sessions[-1].fails(FailureKind.REFUSED)
    bench.run(1)
    asking = bench.askings[-1]
    asking.answers = [Answer(False, certain=True)]
    bench.run(0.5)
    count, answered = len(bench.sessions), bench.clock.boot_ns()
    asking.answers = [Answer(True, public="OPTIONS, DESCRIBE")]
    bench.poll()
    assert len(bench.sessions) == count + 1
    assert bench.sessions[-1].at == answered
    assert bench.sessions[-1].request.public == "OPTIONS, DESCRIBE"
    assert asking.closed


@pytest.mark.parametrize("restart_s", [2, 5])
def test_a_session_that_falls_silent_is_ended_after_the_configured_time(restart_s: int) -> None:
    bench = Bench(restart_s)
    bench.poll()
    bench.play(1)
    silent = bench.clock.boot_ns()
    while not bench.sessions[0].closed:
        bench.run(STEP / S)
    assert (bench.clock.boot_ns() - silent) / S == pytest.approx(restart_s, abs=0.1)
    assert bench.states()[-1].reason == "no picture"
    bench.run(2)
    assert len(bench.sessions) == 2


def test_the_first_picture_may_take_as_long_as_a_long_gop() -> None:
    bench = Bench(restart_s=2)
    bench.run(19)
    assert len(bench.sessions) == 1
    bench.run(3)
    assert len(bench.sessions) == 2


def test_a_refused_password_is_not_hammered_though_the_camera_answers() -> None:
    bench = Bench()
    bench.poll()
    bench.sessions[-1].fails(FailureKind.AUTH_FAILED)
    for _ in range(59):
        for asking in bench.askings:
            asking.answers = [Answer(True)]
        bench.run(1)
    assert len(bench.sessions) == 1
    bench.run(2)
    assert len(bench.sessions) == 2


def test_what_is_told_is_the_reason_the_next_try_and_the_return() -> None:
    bench = Bench()
    bench.poll()
    bench.play(0.2)
    assert [type(event) for event in bench.events[:3]] == [SourceCaps, SourceState, Pictures]
    bench.sessions[-1].fails(FailureKind.NOT_FOUND)
    (lost,) = [event for event in bench.poll() if isinstance(event, SourceState)]
    assert (lost.flowing, lost.reason) == (False, "not found")
    assert lost.retry_at_ns == bench.clock.boot_ns() + S
    bench.run(1.1)
    trying = bench.states()[-1]
    assert (trying.flowing, trying.reason) == (False, "not found")
    assert trying.retry_at_ns == bench.sessions[-1].at
    bench.play(0.1)
    assert bench.states()[-1] == SourceState(True)


def test_pictures_of_another_size_come_after_their_description() -> None:
    bench = Bench()
    bench.poll()
    session = bench.sessions[-1]
    session.shows(0)
    other = StreamCaps(1, VideoCaps(Codec.H264, b"\x02", 128, 96))
    session.said.append(CapsChanged(other))
    session.units.append(
        AccessUnit(session.request.epoch, Track.VIDEO, 1, S, S, 0, 0, UtcSource.ARRIVAL, 0, True, 1, b"y")
    )
    kinds = [type(event) for event in bench.poll()]
    assert kinds == [SourceCaps, SourceState, Pictures, SourceCaps, Pictures]


def test_closing_lets_go_of_the_session_and_of_the_asking() -> None:
    bench = Bench()
    bench.poll()
    bench.source.close()
    assert bench.sessions[-1].closed
    bench = Bench()
    bench.poll()
    bench.sessions[-1].fails(FailureKind.REFUSED)
    bench.poll()
    bench.source.close()
    assert bench.askings[-1].closed
