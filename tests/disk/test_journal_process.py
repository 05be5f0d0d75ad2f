"""The journal in the data folder's process, and the client that everybody uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.disk.journal_client import JournalClient
from evertape.disk.journal_format import FOLDER
from evertape.ipc.events import CameraStateChanged, EventStamp, GapOpened, Notice, VolumeStateChanged
from evertape.ipc.messages import JobDone, JournalAppend, JournalDurable, PutState
from evertape_lab.disk_peer import DiskRig

STAMP = EventStamp("recorder-0", "service", SystemClock())


def notice(text: str) -> Notice:
    return Notice(**STAMP(), text=text)


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def texts(rig: DiskRig) -> list[str]:
    return [event.text for event in rig.events(Notice)]


def with_client(rig: DiskRig, work: Callable[[JournalClient], Awaitable[None]], **settings: int) -> None:
    async def run() -> None:
        client = JournalClient(rig.keeper.path, STAMP, **settings)
        try:
            await work(client)
        finally:
            await client.close(0.1)

    asyncio.run(run())


def test_a_batch_is_confirmed_once_it_is_in_a_file(rig: DiskRig) -> None:
    peer = rig.keeper.connect()
    events = tuple(notice(f"n{n}") for n in range(3))
    peer.send(JournalAppend(events=events, last=events[-1].id))
    assert peer.wait(JournalDurable).last == events[-1].id
    assert rig.events(Notice) == list(events)


def test_each_start_begins_a_file_and_reading_spans_them(rig: DiskRig) -> None:
    for text in ("before", "after"):
        peer = rig.keeper.connect()
        event = notice(text)
        peer.send(JournalAppend(events=(event,), last=event.id))
        peer.wait(JournalDurable)
        rig.restart_keeper()
    assert texts(rig) == ["before", "after"]
    assert len(list((rig.data / FOLDER).glob("*.jsonl"))) >= 2


def test_the_data_folder_journals_its_own_state(rig: DiskRig) -> None:
    assert rig.event(VolumeStateChanged).volume == "data"


def test_events_of_many_senders_share_syncs(rig: DiskRig) -> None:
    peers = [rig.keeper.connect() for _ in range(10)]
    for round_ in range(5):
        for n, peer in enumerate(peers):
            event = notice(f"{round_}-{n}")
            peer.send(JournalAppend(events=(event,), last=event.id))
    for peer in peers:
        for _ in range(5):
            peer.wait(JournalDurable)
    assert sorted(texts(rig)) == sorted(f"{r}-{n}" for r in range(5) for n in range(10))


def test_put_state_replaces_a_small_file_and_refuses_paths(rig: DiskRig) -> None:
    peer = rig.keeper.connect("supervisor")
    for request, data in ((1, b"{}"), (2, b'{"door": true}')):
        peer.send(PutState(request=request, name="wishes.json"), data)
        assert peer.wait(JobDone).ok
    assert (rig.data / "state" / "wishes.json").read_bytes() == b'{"door": true}'
    assert [path.name for path in (rig.data / "state").iterdir()] == ["wishes.json"]
    peer.send(PutState(request=3, name="../wishes.json"), b"x")
    assert not peer.wait(JobDone).ok
    assert not (rig.data / "wishes.json").exists()


def test_the_client_keeps_events_while_the_journal_is_away_and_sends_them_when_it_is_back(rig: DiskRig) -> None:
    async def work(client: JournalClient) -> None:
        client.put(notice("before"))
        await until(lambda: client.unconfirmed == 0)
        rig.keeper.kill()
        for n in range(3):
            client.put(notice(f"meanwhile {n}"))
        await asyncio.sleep(0.1)
        assert client.unconfirmed == 3
        rig.restart_keeper()
        await until(lambda: client.unconfirmed == 0)

    with_client(rig, work)
    assert texts(rig) == ["before", "meanwhile 0", "meanwhile 1", "meanwhile 2"]


def test_durable_says_whether_it_is(rig: DiskRig) -> None:
    async def work(client: JournalClient) -> None:
        assert await client.durable(notice("kept"))
        assert "kept" in texts(rig)
        rig.keeper.kill()
        assert not await client.durable(notice("later"), timeout_s=0.2)
        rig.restart_keeper()
        await until(lambda: client.unconfirmed == 0)

    with_client(rig, work)
    assert texts(rig) == ["kept", "later"]


def test_when_too_many_wait_the_least_important_go_first_and_it_is_noted(rig: DiskRig) -> None:
    rig.keeper.kill()

    async def work(client: JournalClient) -> None:
        for n in range(60):
            client.put(notice(f"n{n}"))
            client.put(CameraStateChanged(**STAMP(), camera="door", old="a", state="b"))
            if n % 2 == 0:
                client.put(GapOpened(**STAMP(), gap=f"g{n}", camera="door", cause="x", start_utc=1))
        assert client.unconfirmed <= 100
        dropped = client.dropped
        assert dropped > 0
        rig.restart_keeper()
        await until(lambda: client.unconfirmed == 0 and client.dropped == 0)
        noted = [event for event in rig.events(Notice) if "dropped" in event.text]
        assert [event.detail["count"] for event in noted] == [dropped]

    with_client(rig, work, most_kept=100)
    assert [event.gap for event in rig.events(GapOpened)] == [f"g{n}" for n in range(0, 60, 2)]


def test_a_data_folder_that_vanishes_and_returns_loses_no_event(rig: DiskRig) -> None:
    async def work(client: JournalClient) -> None:
        assert await client.durable(notice("one"))
        rig.data.rename(rig.folder / "away")
        client.put(notice("two"))
        supervisor = rig.keeper.supervisor
        await asyncio.to_thread(supervisor.state, "missing")
        client.put(notice("three"))
        await asyncio.sleep(0.2)
        (rig.folder / "away").rename(rig.data)
        await until(lambda: client.unconfirmed == 0)

    with_client(rig, work)
    assert texts(rig) == ["one", "two", "three"]


@pytest.mark.parametrize("garbage", [b"\0" * 100, b'{"type":"notice","id":"x"'])
def test_a_new_process_does_not_append_to_a_torn_file(rig: DiskRig, garbage: bytes) -> None:
    async def first(client: JournalClient) -> None:
        assert await client.durable(notice("whole"))

    with_client(rig, first)
    rig.keeper.kill()
    newest: Path = max((rig.data / FOLDER).glob("*.jsonl"))
    with open(newest, "ab") as file:
        file.write(garbage)
    rig.restart_keeper()

    async def second(client: JournalClient) -> None:
        assert await client.durable(notice("after the crash"))

    with_client(rig, second)
    assert texts(rig) == ["whole", "after the crash"]
