"""How much a process may take, when it is replaced for taking more, and how deaths of memory are told from others."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from evertape.domain.downtime import cause_of_death
from evertape.domain.memory import (
    AGAIN_S,
    FORGIVEN_S,
    OTHER_BYTES,
    RECORDER_BYTES,
    Action,
    Watched,
    how_it_ended,
    limit_bytes,
    says_exhausted,
    step,
)
from evertape.engine.guard import Guard
from evertape.engine.memory_watch import ControlGroup, MemoryWatch
from evertape.engine.process import Vitals

MIB = 1 << 20
GIB = 1 << 30
LIMIT = 100 * MIB


class Story:
    """Heartbeats of one process, one a second."""

    def __init__(self) -> None:
        self.state = Watched()
        self.now = 1000.0
        self.generation = 0

    def beats(self, *mib: int) -> list[Action | None]:
        actions = []
        for rss in mib:
            self.state, action = step(self.state, self.generation, rss * MIB, LIMIT, self.now)
            self.now += 1
            actions.append(action)
            if action is Action.REPLACE:
                self.generation += 1
        return actions


def test_a_peak_is_no_reason() -> None:
    assert Story().beats(90, 150, 90, 150, 150, 90) == [None] * 6


def test_a_process_over_its_limit_in_three_heartbeats_is_replaced_once() -> None:
    assert Story().beats(90, 110, 120, 130, 50, 50) == [None, None, None, Action.REPLACE, None, None]


def test_a_process_that_is_over_again_at_once_waits_ever_longer_and_says_so_once() -> None:
    story = Story()
    actions = story.beats(*[150] * 300)
    replaced = [at for at, action in enumerate(actions) if action is Action.REPLACE]
    waits = [after - before for before, after in pairwise(replaced)]
    assert waits[:3] == [AGAIN_S, 4 * AGAIN_S, 16 * AGAIN_S]
    warned = [at for at, action in enumerate(actions) if action is Action.WARN]
    assert len(warned) == len(replaced), "one warning for each new process"


def test_a_process_that_held_out_for_an_hour_is_replaced_without_delay() -> None:
    story = Story()
    story.beats(*[150] * 300)
    story.now += FORGIVEN_S
    assert story.beats(50, 150, 150, 150)[-1] is Action.REPLACE


@pytest.mark.parametrize(
    ("configured", "ring", "available", "limit"),
    [
        (None, 200 * MIB, 16 * GIB, RECORDER_BYTES + 300 * MIB),
        (None, None, 16 * GIB, OTHER_BYTES),
        (None, 1 * GIB, 1 * GIB, int(0.8 * GIB)),
        (128 * MIB, 1 * GIB, 16 * GIB, 128 * MIB),
        (64 * GIB, None, 1 * GIB, 64 * GIB),
    ],
)
def test_the_limit(configured: int | None, ring: int | None, available: int, limit: int) -> None:
    assert limit_bytes(configured, ring, available) == limit


@pytest.mark.parametrize(
    ("how", "said", "oom_kill", "told", "cause"),
    [
        ("signal 9", False, True, "out of memory (killed by the kernel)", "out_of_memory"),
        ("signal 9", False, False, "signal 9", "process_crash"),
        ("signal 9", True, False, "signal 9", "process_crash"),
        ("signal 5", True, False, "out of memory (signal 5)", "out_of_memory"),
        ("exit 1", True, False, "out of memory (exit 1)", "out_of_memory"),
        ("exit 1", False, True, "exit 1", "process_crash"),
        ("hung", True, True, "hung", "recorder_hung"),
        ("out of memory", False, False, "out of memory", "out_of_memory"),
    ],
)
def test_how_it_ended_and_what_the_ledger_calls_it(how: str, said: bool, oom_kill: bool, told: str, cause: str) -> None:
    assert how_it_ended(how, said=said, oom_kill=oom_kill) == told
    assert cause_of_death(told) == cause


@pytest.mark.parametrize(
    "line",
    ["GLib-ERROR **: gmem.c:136: failed to allocate 4096 bytes", "MemoryError", "mmap: Cannot allocate memory"],
)
def test_last_words_about_memory_are_understood(line: str) -> None:
    assert says_exhausted(line)
    assert not says_exhausted("could not open rtsp://camera: Connection refused")


# -- the watch ------------------------------------------------------------------------------------------------


@dataclass
class FakeChild:
    name: str
    vitals: Vitals | None
    said_exhausted: bool = False
    replaced: list[str] = field(default_factory=list)

    def replace(self, how: str, _deadline_s: float) -> None:
        self.replaced.append(how)


class System:
    """A ``/proc`` and a ``/sys/fs/cgroup`` in a folder."""

    def __init__(self, folder: Path, cgroup: str) -> None:
        self.proc, self.mounted = folder / "proc", folder / "cgroup"
        self.write(self.proc / "self/cgroup", cgroup)
        self.write(self.proc / "vmstat", "nr_free_pages 1\noom_kill 3\n")

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def group(self) -> ControlGroup:
        return ControlGroup(self.proc, self.mounted)


def test_version_2_is_read_where_the_service_is_and_every_limit_above_it_counts(tmp_path: Path) -> None:
    system = System(tmp_path, "0::/system.slice/evertape.service\n")
    own = system.mounted / "system.slice/evertape.service"
    system.write(own / "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n")
    system.write(own / "memory.max", "max\n")
    system.write(system.mounted / "system.slice/memory.max", f"{2 * GIB}\n")
    assert system.group.oom_kills() == 1
    assert system.group.limit() == 2 * GIB


def test_version_1_is_read_too(tmp_path: Path) -> None:
    system = System(tmp_path, "4:memory:/evertape\n1:cpu:/evertape\n0::/\n")
    own = system.mounted / "memory/evertape"
    system.write(own / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    system.write(own / "memory.limit_in_bytes", f"{GIB}\n")
    system.write(system.mounted / "memory/memory.limit_in_bytes", "9223372036854771712\n")
    assert system.group.oom_kills() == 5
    assert system.group.limit() == GIB


def test_without_a_control_group_the_whole_system_is_asked(tmp_path: Path) -> None:
    group = System(tmp_path, "0::/\n").group
    assert (group.oom_kills(), group.limit()) == (3, None)
    assert ControlGroup(tmp_path / "nowhere", tmp_path / "nowhere").oom_kills() == 0


@pytest.fixture
def clock() -> list[float]:
    return [50.0]


def watch(system: System, clock: list[float], configured: int | None = LIMIT) -> MemoryWatch:
    return MemoryWatch(16 * GIB, lambda _name: (configured, None), system.group, lambda: clock[0])


def test_only_who_is_over_its_limit_is_replaced(tmp_path: Path, clock: list[float]) -> None:
    watching = watch(System(tmp_path, "0::/\n"), clock)
    large = FakeChild("recorder-0", Vitals(1, 0, 150 * MIB, 0.0))
    small = FakeChild("recorder-1", Vitals(2, 0, 50 * MIB, 0.0))
    starting = FakeChild("keeper", None)
    for _ in range(5):
        watching.look([large, small, starting])  # type: ignore[list-item]
        clock[0] += 0.5
    assert (large.replaced, small.replaced, starting.replaced) == (["out of memory"], [], [])


def test_a_part_that_runs_in_this_process_is_never_replaced(tmp_path: Path, clock: list[float]) -> None:
    watching = watch(System(tmp_path, "0::/\n"), clock)
    inside = FakeChild("recorder-0", Vitals(os.getpid(), 0, 150 * MIB, 0.0))
    for _ in range(5):
        watching.look([inside])  # type: ignore[list-item]
        clock[0] += 1
    assert inside.replaced == []


def test_a_kill_by_the_kernel_is_told_from_one_by_a_person(tmp_path: Path, clock: list[float]) -> None:
    system = System(tmp_path, "0::/\n")
    watching = watch(system, clock)
    victim = FakeChild("recorder-0", None)
    assert watching.how_it_ended(victim, "signal 9") == "signal 9"  # type: ignore[arg-type]
    system.write(system.proc / "vmstat", "oom_kill 4\n")
    assert "memory" in watching.how_it_ended(victim, "signal 9")  # type: ignore[arg-type]
    clock[0] += 60
    assert watching.how_it_ended(victim, "signal 9") == "signal 9"  # type: ignore[arg-type]


def test_a_recorder_without_memory_is_not_mended_but_left(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Guard, "exhausted", lambda: told.append("exhausted"))
    guard = Guard("streaming of cam_01", lambda: told.append("mended"))
    with guard:
        raise MemoryError
    assert told == ["exhausted"]
    with guard:
        raise ValueError
    assert told == ["exhausted", "mended"]
