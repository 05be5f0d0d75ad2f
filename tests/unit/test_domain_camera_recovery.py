"""How long a camera that answers again waits for us: the promise of 2 s, simulated over many outages.

The world is as unkind as the real one: a host without power swallows connection requests, so an attempt
hangs for the whole connect time-out and does not notice that the camera is back; a probe does so for its
deadline. What a session takes to open is added.
"""

import heapq
import random
from collections.abc import Callable

import pytest

from evertape.domain.camera_events import (
    CameraEvent,
    CloseSession,
    OpenSession,
    ProbeAnswered,
    ProbeSilent,
    RetryAt,
    SessionFailed,
    SessionOpened,
    Stalled,
    Start,
    StartProbe,
    StopProbe,
    Tick,
    UnitsArrived,
)
from evertape.domain.camera_state import step
from evertape.domain.camera_types import StreamPolicy, StreamState
from evertape.domain.failure import FailureKind
from evertape.types import NS_PER_S, BootNs

CONNECT_TIMEOUT, PROBE_EVERY, PROBE_DEADLINE, HANDSHAKE = 3.0, 0.5, 1.0, 0.1
POLICY = StreamPolicy()


class World:
    """One camera that goes away at 10 s and is back at ``back``."""

    def __init__(self, mode: str, back: float, seed: int) -> None:
        self.mode, self.back = mode, back
        self.rng = random.Random(seed)
        self.now = 0.0
        self.todo: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0
        self.state = StreamState()
        self.session = self.probe = self.timer = 0
        self.seen: list[float] = []
        self.options: list[float] = []
        self.recovered: float | None = None

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.todo, (when, self.count, what))

    def up(self, when: float) -> bool:
        return not 10 <= when < self.back

    def send(self, event: CameraEvent) -> None:
        self.state, effects = step(self.state, event, BootNs(round(self.now * NS_PER_S)), POLICY, self.rng)
        for effect in effects:
            match effect:
                case OpenSession():
                    self.session += 1
                    self.attempt(self.session)
                case CloseSession():
                    self.session += 1
                case RetryAt(at):
                    self.timer += 1
                    if at is not None:
                        self.at(
                            at / NS_PER_S, lambda mine=self.timer: self.send(Tick()) if mine == self.timer else None
                        )
                case StartProbe():
                    self.probe += 1
                    self.ask(self.probe)
                case StopProbe():
                    self.probe += 1

    def later(self, after: float, session: int, event: CameraEvent) -> None:
        def happen() -> None:
            if session == self.session:
                self.send(event)

        self.at(self.now + after, happen)

    def attempt(self, session: int) -> None:
        if not self.up(self.now):
            refused = self.mode == "killed"
            kind = FailureKind.REFUSED if refused else FailureKind.TIMEOUT
            self.later(0.002 if refused else CONNECT_TIMEOUT, session, SessionFailed(kind))
            return
        self.seen.append(self.now)
        self.later(HANDSHAKE, session, SessionOpened())
        self.at(self.now + HANDSHAKE, lambda: self.frames(session))

    def frames(self, session: int) -> None:
        if session != self.session:
            return
        if not self.up(self.now):
            event = SessionFailed(FailureKind.RESET) if self.mode == "killed" else Stalled()
            self.later(0.0 if self.mode == "killed" else 4.0, session, event)
            return
        if self.now >= self.back and self.recovered is None:
            self.recovered = self.now - self.back
        self.send(UnitsArrived())
        self.at(self.now + 0.2, lambda: self.frames(session))

    def ask(self, probe: int) -> None:
        if probe != self.probe:
            return
        answers = self.up(self.now)
        if answers:
            self.options.append(self.now)
        certain = self.mode == "killed"
        takes = 0.005 if answers or certain else PROBE_DEADLINE

        def reply() -> None:
            if probe == self.probe:
                self.send(ProbeAnswered() if answers else ProbeSilent(certain))

        self.at(self.now + takes, reply)
        self.at(self.now + PROBE_EVERY, lambda: self.ask(probe))

    def run(self) -> float:
        self.send(Start())
        while self.recovered is None:
            self.now, _, what = heapq.heappop(self.todo)
            what()
        return self.recovered


@pytest.mark.parametrize("mode", ["killed", "dark"])
def test_a_camera_streams_again_within_two_seconds_of_answering(mode: str) -> None:
    """p95, as promised, without the wait for a keyframe (up to 1 s at a GOP of 1 s); outages from 6 s to an hour."""
    chance = random.Random(5)
    worlds = [World(mode, 10 + 6 * 600 ** chance.random(), seed) for seed in range(400)]
    waits = sorted(world.run() for world in worlds)
    p95 = waits[len(waits) * 95 // 100]
    assert p95 <= 0.7, f"median {waits[len(waits) // 2]:.2f} s, p95 {p95:.2f} s, worst {waits[-1]:.2f} s"
    assert waits[-1] <= CONNECT_TIMEOUT + PROBE_DEADLINE + HANDSHAKE


@pytest.mark.parametrize("mode", ["killed", "dark"])
def test_a_camera_that_comes_back_is_not_stormed(mode: str) -> None:
    for seed in range(50):
        world = World(mode, 40 + seed, seed)
        world.run()
        for times, most in ((world.seen, 1), (world.options, 2)):
            assert all(sum(t <= u < t + 0.999 for u in times) <= most for t in times)
