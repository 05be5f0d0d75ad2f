"""How slow a disk is, from its sync rounds; also when no round is ever over because the next one runs into it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from evertape.disk.sync import SyncLoop
from evertape.domain.volume_state import Observation, VolumeState

SECOND = 1_000_000_000


class Writers(list[Any]):
    """Open files, and how long what is written to them had to wait."""

    waited_ms = 0.0
    idle = False

    def longest_wait_ms(self) -> float:
        return self.waited_ms


def bench(count: int) -> tuple[SyncLoop, Writers, list[Observation], list[asyncio.Future[tuple[int, int]]], Any]:
    seen: list[Observation] = []
    jobs: list[asyncio.Future[tuple[int, int]]] = []

    def submit(_what: str, _call: object, *, first: bool, kind: str) -> asyncio.Future[tuple[int, int]]:
        assert first
        assert kind == "sync"
        jobs.append(asyncio.get_running_loop().create_future())
        return jobs[-1]

    session = SimpleNamespace(checks=None, lost=False)
    volume = SimpleNamespace(
        session=session,
        assignment=SimpleNamespace(layers=(), sync_ns=SECOND // 2),
        hung=False,
        status=SimpleNamespace(state=VolumeState.ONLINE),
        see=seen.append,
    )
    writers = Writers(
        SimpleNamespace(
            written=1, durable=0, syncing=False, failed=False, slow=False, sync_began_ns=0, session=session,
            file=SimpleNamespace(sync=None),
            lane=SimpleNamespace(submit=submit), channel=SimpleNamespace(send=lambda _: None),
            want=SimpleNamespace(camera=f"cam{n}", writer=n),
        )
        for n in range(count)
    )  # fmt: skip
    return SyncLoop(volume, writers), writers, seen, jobs, volume  # type: ignore[arg-type]


def test_a_disk_is_slow_though_its_rounds_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now = SECOND
        monkeypatch.setattr("evertape.disk.sync.time.monotonic_ns", lambda: now)
        loop, writers, seen, jobs, _ = bench(2)
        done = 0
        for tick in range(8):
            for writer in writers:
                writer.written = tick + 1
            loop.tick()
            now += SECOND // 2
            if len(jobs) > done + 1:
                # One of two files is synced; there is always another one under way.
                jobs[done].set_result((tick + 1, 100))
                done += 1
            await asyncio.sleep(0)
        assert seen
        assert seen[-1].layer == "deadline"
        assert loop.median_ms > 750

    asyncio.run(scenario())


def test_a_disk_is_slow_though_it_syncs_fast_while_what_came_waits_to_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("evertape.disk.sync.time.monotonic_ns", lambda: SECOND)
        loop, writers, seen, jobs, volume = bench(1)
        writers.waited_ms = 3000.0
        for tick in range(3):
            writers[0].written = tick + 1
            loop.tick()
            jobs[-1].set_result((tick + 1, 100))
            await asyncio.sleep(0)
        assert loop.median_ms == 3000
        assert seen
        volume.status.state = VolumeState.SLOW
        writers.waited_ms = 0.0
        for _ in range(5):
            loop.tick()
        assert seen[-1].sync_ms == 3000, "something waits, and is not done"
        writers.idle = True
        for _ in range(3):
            loop.tick()
        assert seen[-1].sync_ms == 0, "nothing is to be done"

    asyncio.run(scenario())


def test_a_disk_that_keeps_up_is_not_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now = SECOND
        monkeypatch.setattr("evertape.disk.sync.time.monotonic_ns", lambda: now)
        loop, writers, seen, jobs, _ = bench(2)
        for tick in range(6):
            for writer in writers:
                writer.written = tick + 1
            loop.tick()
            now += SECOND // 5
            for job in jobs:
                if not job.done():
                    job.set_result((tick + 1, 100))
            await asyncio.sleep(0)
        assert loop.median_ms == 200
        assert not seen

    asyncio.run(scenario())


def test_a_file_that_is_slow_to_sync_does_not_wait_for_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now = SECOND
        monkeypatch.setattr("evertape.disk.sync.time.monotonic_ns", lambda: now)
        loop, writers, _, jobs, _ = bench(2)
        slow, quick = writers
        loop.tick()
        jobs[1].set_result((1, 100))
        await asyncio.sleep(0)
        now += 2 * SECOND
        jobs[0].set_result((1, 100))
        await asyncio.sleep(0)
        assert (slow.slow, quick.slow) == (True, False)
        slow.written = quick.written = 2
        loop.hurry()
        assert (len(jobs), slow.syncing, quick.syncing) == (3, True, False)
        loop.hurry()
        assert len(jobs) == 3, "one at a time"
        jobs[2].set_result((2, 100))
        await asyncio.sleep(0)
        slow.written = 3
        loop.hurry()
        assert len(jobs) == 3, "it was quick this time, so it waits for its round"

    asyncio.run(scenario())


def test_a_disk_that_hung_is_not_slow_for_having_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now = SECOND
        monkeypatch.setattr("evertape.disk.sync.time.monotonic_ns", lambda: now)
        loop, writers, _, jobs, volume = bench(1)
        loop.tick()
        for _ in range(20):
            now += SECOND // 2
            loop.tick()
        assert loop.median_ms > 5000
        volume.hung, writers[0].failed = True, True
        loop.tick()
        volume.hung = False
        jobs[0].set_result((1, 100))
        await asyncio.sleep(0)
        writers.clear()
        for _ in range(5):
            loop.tick()
        assert loop.median_ms == 0

    asyncio.run(scenario())
