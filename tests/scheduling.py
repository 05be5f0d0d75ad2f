"""The order in which ``pytest -n`` runs the suite: what takes long first, what measures last and alone.

- Tests that break things for real take many seconds, most of them waiting: they begin, and each may go to any worker.
- A module's other tests stay together, because they share what the module set up once.
- Tests marked ``timed`` hold a duration or a share of the processor so tight that other tests would be measured along
  with them. They run when all others are done, one after the other on one worker.

xdist's controller knows tests by their names only, so the workers write the names of the timed ones into a file for it.
A worker runs a test once it knows which is next, or that none is: the last it was given rests with it until then.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xdist.scheduler.load import LoadScheduling

FIRST = (
    "tests/faults/test_cameras_soak",
    "tests/faults/",
    "tests/contract/",
    "tests/media/",
    "tests/store/",
    "tests/disk/",
    "tests/unit/",
)
"""What takes longest first."""


def rank(test: str) -> int:
    """Where in ``FIRST`` a test stands; unknown ones come first, so that they cannot come late."""
    return next((n for n, folder in enumerate(FIRST) if test.startswith(folder)), -1)


def unit(test: str) -> str:
    """Tests of the same unit stay together."""
    return test if test.startswith("tests/faults/") else test.partition("::")[0]


def write_timed(path: Path, names: Sequence[str]) -> None:
    """Write down, whole or not at all, which tests are timed; every worker writes the same."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text("\n".join(names))
    os.replace(part, path)


class QuietScheduling(LoadScheduling):
    """See the module.

    Args:
        config: the controller's.
        log: xdist's.
        timed: the names of the tests that run alone; asked once they are known.
    """

    def __init__(self, config: Any, log: Any, timed: Callable[[], set[str]]) -> None:
        super().__init__(config, log)
        self._timed_names = timed
        self._timed: set[int] = set()
        self._order: dict[int, tuple[bool, int, int]] = {}
        self._last_worker: Any = None

    def schedule(self) -> None:
        """Begin, or take a new worker in."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            self.collection = next(iter(self.node2collection.values()))
            names = self._timed_names()
            self._timed = {n for n, test in enumerate(self.collection) if test in names}
            self._order = {n: (n in self._timed, rank(test), n) for n, test in enumerate(self.collection)}
            self.pending[:] = sorted(self._order, key=self._order.__getitem__)
        self._feed_all()

    def check_schedule(self, node: Any, duration: float = 0) -> None:
        """Give a worker what it needs to go on, and the rest to the one that waits for silence once it is there."""
        self._feed(node)
        if self._last_worker is not None and self._last_worker is not node:
            self._feed(self._last_worker)

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone; the test it died of is not given to another."""
        if node is self._last_worker:
            self._last_worker = None
        pending = self.node2pending.pop(node)
        crashed = self.collection[pending.pop(0)] if pending and self.collection is not None else None
        self.pending[:] = sorted([*self.pending, *pending], key=self._order.__getitem__)
        self._feed_all()
        return crashed

    def _feed_all(self) -> None:
        for node in self.nodes:
            self._feed(node)

    def _feed(self, node: Any) -> None:
        while not node.shutting_down and len(self.node2pending[node]) < 2:
            if self.pending and self.pending[0] not in self._timed:
                self._send_tests(node, self._unit_length())
            elif not self.pending or (self._last_worker or node) is not node:
                node.shutdown()
            elif any(pending for other, pending in self.node2pending.items() if other is not node):
                self._wait_for_silence(node)
                return
            elif set(self.node2pending[node]) <= self._timed:
                self._send_tests(node, len(self.pending))
                node.shutdown()
            else:
                self._send_tests(node, 1)

    def _wait_for_silence(self, node: Any) -> None:
        """Let a worker do its last ordinary test; the timed one that follows it rests until the others are done."""
        self._last_worker = node
        # Not the very last: the controller ends the run as soon as everything is given out and nobody has two left.
        if len(self.pending) > 1 and self.node2pending[node] and not set(self.node2pending[node]) & self._timed:
            self._send_tests(node, 1)

    def _unit_length(self) -> int:
        assert self.collection is not None
        first = unit(self.collection[self.pending[0]])
        same = itertools.takewhile(
            lambda n: n not in self._timed and unit(self.collection[n]) == first,  # type: ignore[index]
            self.pending,
        )
        return sum(1 for _ in same)
