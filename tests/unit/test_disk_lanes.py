"""Worker threads: order within a lane, concurrency between lanes, and the clock on calls that hang."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from evertape.disk.lanes import QUEUED_SHARE, Lanes

SECOND = 1_000_000_000


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(bounded())


def test_calls_of_one_lane_run_in_order_and_one_at_a_time() -> None:
    async def work() -> None:
        lanes = Lanes(4)
        seen: dict[int, list[int]] = {n: [] for n in range(6)}
        running: set[int] = set()

        def call(lane: int, number: int) -> None:
            assert lane not in running
            running.add(lane)
            time.sleep(random.random() / 2000)
            seen[lane].append(number)
            running.discard(lane)

        made = [lanes.lane() for _ in seen]
        jobs = [made[n].submit("x", lambda n=n, i=i: call(n, i)) for i in range(30) for n in seen]  # type: ignore[misc]
        await asyncio.gather(*jobs)
        assert all(order == list(range(30)) for order in seen.values())
        lanes.stop()

    run(work)


def test_a_hung_lane_holds_no_other_as_long_as_there_are_threads() -> None:
    async def work() -> None:
        lanes = Lanes(3)
        release = threading.Event()
        stuck = [lanes.lane().submit("stuck", release.wait) for _ in range(2)]
        free = lanes.lane()
        for n in range(50):
            assert await free.submit("free", lambda n=n: n) == n  # type: ignore[misc]
        assert not any(job.done() for job in stuck)
        release.set()
        await asyncio.gather(*stuck)
        lanes.stop()

    run(work)


def test_gathered_calls_of_one_turn_share_a_thread_and_keep_each_lanes_order() -> None:
    async def work() -> None:
        lanes = Lanes(8)
        made = [lanes.lane() for _ in range(6)]
        ran: list[tuple[int, int, int]] = []

        def call(n: int, i: int) -> None:
            ran.append((n, i, threading.get_ident()))

        jobs = [lane.submit("write", lambda n=n: call(n, 0), gather=True) for n, lane in enumerate(made)]  # type: ignore[misc]
        # Not gathered, but behind one that is: it waits for its turn all the same.
        jobs.append(made[2].submit("sync", lambda: call(2, 1)))
        jobs.append(made[2].submit("write", lambda: call(2, 2), gather=True))
        await asyncio.gather(*jobs)
        assert [i for n, i, _ in ran if n == 2] == [0, 1, 2]
        assert len({thread for _, i, thread in ran if i == 0}) == 1
        await lanes.drained()
        lanes.stop()

    run(work)


def test_a_gathered_call_that_hangs_holds_up_no_other_turn() -> None:
    async def work() -> None:
        lanes = Lanes(2)
        release = threading.Event()
        stuck = lanes.lane().submit("stuck", release.wait, gather=True)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(lanes.lane().submit("next", lambda: 1, gather=True), 5) == 1
        release.set()
        await stuck
        lanes.stop()

    run(work)


def test_the_oldest_running_call_is_known_by_name_and_age() -> None:
    async def work() -> None:
        lanes = Lanes(2)
        assert lanes.oldest() == (0, "")
        release, begun = threading.Event(), threading.Event()

        def hang() -> None:
            begun.set()
            release.wait()

        job = lanes.lane().submit("writing to door", hang)
        await asyncio.to_thread(begun.wait)
        first, what = lanes.oldest()
        await asyncio.sleep(0.02)
        second, _ = lanes.oldest()
        assert what == "writing to door"
        assert second - first >= 15_000_000
        release.set()
        await job
        await lanes.drained()
        assert lanes.oldest() == (0, "")
        lanes.stop()

    run(work)


def test_a_call_that_says_it_gets_on_is_not_old() -> None:
    async def work() -> None:
        lanes = Lanes(1)
        release, said = threading.Event(), threading.Event()
        began: list[int] = []

        def long() -> None:
            began.append(time.monotonic_ns())
            time.sleep(0.05)
            lanes.alive()
            said.set()
            release.wait()

        job = lanes.lane().submit("scanning", long)
        await asyncio.to_thread(said.wait)
        age, what = lanes.oldest()
        assert what == "scanning"
        assert age < time.monotonic_ns() - began[0] - 40_000_000
        release.set()
        await job
        lanes.alive()  # from a thread that runs no call: nothing happens
        lanes.stop()

    run(work)


def test_an_error_reaches_whoever_waits_and_the_lane_goes_on() -> None:
    async def work() -> None:
        lanes = Lanes(1)
        lane = lanes.lane()

        def fail() -> None:
            raise OSError(28, "full")

        first, second = lane.submit("a", fail), lane.submit("b", lambda: 2)
        with pytest.raises(OSError, match="full"):
            await first
        assert await second == 2
        lanes.stop()

    run(work)


def test_clear_forgets_what_has_not_begun() -> None:
    async def work() -> None:
        lanes = Lanes(1)
        release, begun = threading.Event(), threading.Event()
        ran: list[int] = []

        def hang() -> None:
            begun.set()
            release.wait()

        lane = lanes.lane()
        first = lane.submit("first", hang)
        await asyncio.to_thread(begun.wait)
        rest = [lane.submit("rest", lambda n=n: ran.append(n)) for n in range(5)]  # type: ignore[misc]
        lane.clear()
        after = lane.submit("after", lambda: ran.append(99))
        release.set()
        await asyncio.gather(first, after)
        assert all(job.cancelled() for job in rest)
        assert ran == [99]
        await lanes.drained()
        lanes.stop()

    run(work)


def test_threads_end_after_stop() -> None:
    async def work() -> None:
        lanes = Lanes(4, "ending")
        await asyncio.gather(*(lanes.lane().submit("x", lambda: time.sleep(0.01)) for _ in range(4)))
        lanes.stop()
        while any(thread.name.startswith("ending") for thread in threading.enumerate()):
            await asyncio.sleep(0.005)

    run(work)


def test_a_call_in_a_queue_that_moves_is_no_sign_of_a_disk_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        lanes, release = Lanes(4), threading.Event()
        now = time.monotonic_ns()
        monkeypatch.setattr("evertape.disk.lanes.time.monotonic_ns", lambda: now)
        stuck = lanes.lane().submit("a write that waits", release.wait, kind="write")
        other = lanes.lane().submit("a look at the folder", release.wait)
        now += 5 * SECOND
        assert lanes.oldest()[0] == 5 * SECOND
        await lanes.lane().submit("another write", lambda: None, kind="write")
        now += SECOND
        assert lanes.oldest() == (6 * SECOND, "a look at the folder"), "what is of no kind is not excused"
        release.set()
        await asyncio.gather(stuck, other)
        lanes.stop()

    run(work)


def test_a_call_that_never_comes_back_is_found_though_others_of_its_kind_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        lanes, release = Lanes(4), threading.Event()
        now = time.monotonic_ns()
        monkeypatch.setattr("evertape.disk.lanes.time.monotonic_ns", lambda: now)
        stuck = lanes.lane().submit("a sync that is lost", release.wait, kind="sync")
        for _ in range(30):
            now += SECOND
            await lanes.lane().submit("another sync", lambda: None, kind="sync")
        assert lanes.oldest() == (30 * SECOND // QUEUED_SHARE, "a sync that is lost")
        await lanes.lane().submit("a write into the cache", lambda: None, kind="write")
        now += 40 * SECOND
        assert lanes.oldest()[0] == 40 * SECOND, "that the cache takes writes excuses no sync"
        release.set()
        await stuck
        lanes.stop()

    run(work)


def test_a_call_that_goes_first_waits_for_the_one_under_way_only() -> None:
    async def work() -> None:
        lanes, release, seen = Lanes(2), threading.Event(), list[str]()
        lane = lanes.lane()
        running = lane.submit("under way", release.wait)
        await asyncio.sleep(0.01)
        waiting = [lane.submit("waits", lambda n=n: seen.append(f"waits {n}")) for n in range(3)]  # type: ignore[misc]
        first = lane.submit("first", lambda: seen.append("first"), first=True)
        release.set()
        await asyncio.gather(running, first, *waiting)
        assert seen == ["first", "waits 0", "waits 1", "waits 2"]
        lanes.stop()

    run(work)


def test_a_call_that_waits_while_the_device_gets_on_has_time_as_one_in_a_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        lanes, release = Lanes(4), threading.Event()
        now = time.monotonic_ns()
        monkeypatch.setattr("evertape.disk.lanes.time.monotonic_ns", lambda: now)
        stuck = lanes.lane().submit("a sync", release.wait, kind="sync")
        for _ in range(12):
            now += SECOND
            lanes.device_moved()
        assert lanes.progressed == now
        assert (lanes.oldest()[0], lanes.longest()) == (12 * SECOND // QUEUED_SHARE, 12 * SECOND)
        now += 5 * SECOND
        assert lanes.oldest()[0] == 5 * SECOND, "it no longer does"
        other = lanes.lane().submit("a write", release.wait, kind="write")
        now += 6 * SECOND
        lanes.device_moved()
        assert lanes.oldest() == (6 * SECOND, "a write"), "which need not wait for the device"
        release.set()
        await asyncio.gather(stuck, other)
        assert (lanes.longest(), lanes.oldest()) == (0, (0, ""))
        lanes.stop()

    run(work)
