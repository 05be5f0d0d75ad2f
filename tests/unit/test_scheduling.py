"""How the suite is given out to several workers: everything once, modules together, what measures last and alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("xdist", reason="pytest-xdist is not installed")

from scheduling import QuietScheduling


class Worker:
    """Behaves as xdist's: begins a test once it knows which is next, or that none is."""

    gateway = SimpleNamespace(id="gw")

    def __init__(self) -> None:
        self.queue: list[int] = []
        self.running: int | None = None
        self.shutting_down = False

    def send_runtest_some(self, tests: Sequence[int]) -> None:
        assert not self.shutting_down
        self.queue += tests

    def shutdown(self) -> None:
        self.shutting_down = True

    def begin(self) -> bool:
        if self.running is None and len(self.queue) >= (1 if self.shutting_down else 2):
            self.running = self.queue.pop(0)
            return True
        return False


class Config:
    hook = None

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def getvalue(self, _name: str) -> list[str]:
        return ["popen"] * self.workers

    def getoption(self, _name: str) -> None:
        return None


class Run:
    """Plays a whole run; which worker is how fast is left to chance."""

    def __init__(self, tests: list[str], timed: set[str], workers: int, seed: int, *, crashes: bool = False) -> None:
        self.tests, self.timed = tests, timed
        self.random = random.Random(seed)
        self.workers = [Worker() for _ in range(workers)]
        self.began: list[tuple[Worker, str]] = []
        self.crashed: list[str] = []
        self.scheduling = QuietScheduling(Config(workers), None, lambda: timed)
        for worker in self.workers:
            self.add(worker)
        self.scheduling.schedule()
        self.play(crashes)

    def add(self, worker: Any) -> None:
        self.scheduling.add_node(worker)
        self.scheduling.add_node_collection(worker, self.tests)

    def play(self, crashes: bool) -> None:
        while True:
            self.begin()
            busy = [worker for worker in self.workers if worker.running is not None]
            if not busy:
                break
            worker = self.random.choice(busy)
            if crashes and len(self.crashed) < 3 and self.random.random() < 0.05:
                self.crash(worker)
            else:
                done, worker.running = worker.running, None
                self.scheduling.mark_test_complete(worker, done)  # type: ignore[arg-type]
                if self.scheduling.tests_finished:
                    for each in self.workers:
                        each.shutdown()

    def begin(self) -> None:
        for worker in self.workers:
            if worker.begin():
                assert worker.running is not None
                name = self.tests[worker.running]
                # A worker that takes over from one that died may still be at it: that run has failed anyhow.
                others = (
                    []
                    if self.crashed
                    else [self.tests[w.running] for w in self.workers if w is not worker and w.running is not None]
                )
                assert not (others and (name in self.timed or set(others) & self.timed)), (name, others)
                self.began.append((worker, name))

    def crash(self, worker: Worker) -> None:
        self.workers.remove(worker)
        died_of = self.scheduling.remove_node(worker)  # type: ignore[arg-type]
        assert worker.running is not None
        assert died_of == self.tests[worker.running]
        self.crashed.append(died_of)
        self.workers.append(Worker())
        self.add(self.workers[-1])
        self.scheduling.schedule()


def suite(size: int) -> list[str]:
    folders = ("unit", "media", "faults", "contract")
    return sorted(f"tests/{folders[n % 4]}/test_{n % 7}.py::test_{n}" for n in range(size))


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 2, 3, 9, 60])
@pytest.mark.parametrize("measuring", [0, 1, 2, 7])
def test_everything_runs_once_and_what_measures_runs_alone(
    size: int, measuring: int, workers: int, crashes: bool
) -> None:
    for seed in range(20):
        tests = suite(size)
        timed = set(random.Random(seed).sample(tests, min(measuring, size)))
        run = Run(tests, timed, workers, seed, crashes=crashes)
        assert sorted(name for _, name in run.began) == sorted(tests)


def test_the_slow_folders_come_first_and_what_measures_comes_last() -> None:
    tests = suite(60)
    timed = {tests[20], tests[59]}
    began = [name for _, name in Run(tests, timed, 2, 1).began]
    assert all("faults" in name for name in began[:8])
    assert set(began[-2:]) == timed


def test_a_module_stays_on_one_worker_but_for_the_slow_tests() -> None:
    run = Run(suite(60), set(), 4, 1)
    homes: dict[str, set[int]] = {}
    for worker, name in run.began:
        homes.setdefault(name.partition("::")[0], set()).add(id(worker))
    assert all(len(workers) == 1 for module, workers in homes.items() if "faults" not in module)
    assert any(len(workers) > 1 for module, workers in homes.items() if "faults" in module)
