"""A view lets go of its own session when a service begins to record the camera, and takes one up again only later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from evertape.errors import NotRunningError
from evertape.media.view.handover import HandoverSource
from evertape.media.view.terms import SourceEvent, SourceState
from evertape.types import NS_PER_S


class Fake:
    """A source that only says that it is there."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log
        log.append(f"{name} opened")

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        return [SourceState(True, self.name)]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.log.append(f"{self.name} closed")


class Service:
    """One that runs, or does not."""

    def __init__(self, runs: bool) -> None:
        self.runs = runs
        self.asked = 0

    def serves(self) -> bool:
        self.asked += 1
        if not self.runs:
            raise NotRunningError("the service is not running")
        return True

    def seen(self) -> None:
        """Wait until whoever asks has asked anew."""
        before, deadline = self.asked, time.monotonic() + 5
        while self.asked < before + 2:
            assert time.monotonic() < deadline
            time.sleep(0.002)


@contextmanager
def source(service: Service, log: list[str]) -> Iterator[HandoverSource]:
    made: Callable[[str], Callable[[], Fake]] = lambda name: lambda: Fake(name, log)  # noqa: E731
    handover = HandoverSource(
        made("feed"), made("own"), service.serves, on_feed=service.runs, look_s=0.002, away_ns=15 * NS_PER_S
    )
    try:
        yield handover
    finally:
        handover.close()


def test_a_service_that_starts_takes_over_and_the_own_session_is_closed_first() -> None:
    service, log = Service(False), []
    with source(service, log) as handover:
        service.seen()
        assert handover.poll(0) == [SourceState(True, "own")]
        service.runs = True
        service.seen()
        assert handover.poll(1) == [SourceState(True, "feed")]
        assert handover.on_feed
    assert log == ["own opened", "own closed", "feed opened", "feed closed"]


def test_a_service_that_restarts_keeps_its_viewers() -> None:
    service, log = Service(True), []
    with source(service, log) as handover:
        handover.poll(0)
        service.runs = False
        service.seen()
        handover.poll(NS_PER_S)
        handover.poll(14 * NS_PER_S)
        service.runs = True
        service.seen()
        handover.poll(15 * NS_PER_S)
        service.runs = False
        service.seen()
        handover.poll(29 * NS_PER_S)
        assert handover.on_feed
    assert log == ["feed opened", "feed closed"]


def test_a_service_that_is_gone_for_good_leaves_the_camera_to_the_view() -> None:
    service, log = Service(True), []
    with source(service, log) as handover:
        handover.poll(0)
        service.runs = False
        service.seen()
        handover.poll(NS_PER_S)
        assert handover.poll(16 * NS_PER_S) == [SourceState(True, "own")]
    assert log == ["feed opened", "feed closed", "own opened", "own closed"]
