"""What keeps processes and their connections well: links, state files, listeners, children, log lines."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from evertape.clock import ManualClock
from evertape.engine.disk_link import DiskLink, lost_volumes
from evertape.engine.process import HUNG, ChildProcess, _relay
from evertape.engine.state_line import StateLine
from evertape.ipc.channel import Channel, Listener, connect
from evertape.ipc.logpipe import PipeLogHandler
from evertape.ipc.messages import (
    Append,
    CloseSegment,
    DiskBusy,
    Durable,
    Heartbeat,
    Hello,
    JobDone,
    Message,
    OpenSegment,
    PutState,
    SegmentIsClosed,
    SegmentIsOpen,
    VolumeEndpoint,
    VolumeInfo,
    VolumeReport,
    WriterFailed,
)
from evertape.types import NS_PER_S


async def until(condition: Callable[[], object], what: str = "") -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


class Peer:
    """The other end of a socket: keeps what it hears, says what a test makes it say."""

    def __init__(self, path: str) -> None:
        self.heard: list[tuple[Message, bytes]] = []
        self.channels: list[Channel] = []
        self.listener = Listener(path, self._connected)

    def _connected(self, sock: Any) -> None:
        self.channels.append(Channel(sock, lambda _c, message, payload: self.heard.append((message, payload))))

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message, _ in self.heard if isinstance(message, kind)]

    def say(self, message: Message) -> None:
        self.channels[-1].send(message)

    def drop(self) -> None:
        self.channels[-1].close()

    def close(self) -> None:
        self.listener.close()
        for channel in self.channels:
            channel.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def body() -> None:
        await scenario()

    asyncio.run(body())


# -- a link to a disk process ---------------------------------------------------------------------------------


class Owner:
    """A writer's owner that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def writer_opened(self, handle: int, path: str) -> None:
        self.told.append("opened")

    def writer_durable(self, handle: int, fragments: int) -> None:
        self.told.append(f"durable {fragments}")

    def writer_closed(self, handle: int, path: str, size: int) -> None:
        self.told.append("closed")

    def writer_failed(self, handle: int, fault: str, errno: int, text: str) -> None:
        self.told.append(f"failed {fault}")


def report(state: str, number: int = 0) -> VolumeReport:
    return VolumeReport(volume=VolumeInfo(name="usb", state=state), report=number)


def open_segment(handle: int) -> OpenSegment:
    return OpenSegment(
        writer=handle, camera="c", segment="s", epoch="e", generation=0, first_video=0, start_utc=0, utc_source="rtcp",
        utc_error=0, codec="h264", width=1, height=1,
    )  # fmt: skip


def append(handle: int, index: int) -> Append:
    return Append(
        writer=handle, index=index, key=True, start_utc=0, end_utc=0, utc_source="rtcp", utc_error=0, dts_start=0,
        dts_end=0,
    )  # fmt: skip


class LinkBench:
    """A link, the disk process it talks to, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.peer = Peer(str(folder / "disk.sock"))
        self.changes: list[str] = []
        endpoint = VolumeEndpoint(name="usb", role="primary", order=0, socket=str(folder / "disk.sock"), path="/usb")
        self.link = DiskLink(endpoint, "recorder-0", self.clock, lambda link: self.changes.append(link.state))

    async def online(self) -> None:
        await until(lambda: self.peer.of(Hello))
        self.peer.say(report("online"))
        await until(lambda: self.link.usable)

    def waited(self) -> float:
        return self.link.waited_ns(self.clock.boot_ns()) / NS_PER_S

    def close(self) -> None:
        self.link.shutdown()
        self.peer.close()


def test_a_volume_counts_only_once_its_process_has_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await until(lambda: bench.link.connected)
        assert not bench.link.usable
        await bench.online()
        assert bench.changes == ["online"]
        bench.peer.drop()
        await until(lambda: len(bench.peer.channels) == 2 and bench.link.connected)
        assert bench.link.state == "unknown", "what a dead process said is no news"
        bench.peer.say(report("online"))
        await until(lambda: bench.link.usable)
        # The same state from another process is news: whoever distrusts the volume should look again.
        assert bench.changes == ["online", "hung", "online"]
        bench.close()

    run(scenario)


def test_a_disk_owes_an_answer_until_everything_is_durable_and_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await bench.online()
        owner = Owner()
        handle = bench.link.open(owner, open_segment, b"head")
        bench.link.append(append(handle, 0), [b"x"])
        bench.clock.advance(3 * NS_PER_S)
        assert bench.waited() == 3
        bench.peer.say(SegmentIsOpen(writer=handle, path="p"))
        await until(lambda: owner.told == ["opened"])
        assert bench.waited() == 0
        bench.clock.advance(NS_PER_S)
        assert bench.waited() == 1, "the fragment is still owed"
        bench.peer.say(Durable(writer=handle, fragments=1, bytes=1))
        await until(lambda: "durable 1" in owner.told)
        bench.clock.advance(60 * NS_PER_S)
        assert bench.waited() == 0, "nothing is owed to a camera that sends nothing"
        bench.link.append(append(handle, 1), [b"x"])
        close = CloseSegment(writer=handle, reason="stop", start_utc=0, end_utc=0, utc_source="rtcp", utc_error=0)
        bench.link.close(close)
        bench.peer.say(Durable(writer=handle, fragments=2, bytes=1))
        await until(lambda: "durable 2" in owner.told)
        bench.clock.advance(6 * NS_PER_S)
        assert lost_volumes([bench.link], bench.clock.boot_ns(), 5 * NS_PER_S) == [bench.link], "the close is owed"
        bench.peer.say(SegmentIsClosed(writer=handle, path="p", fragments=2, bytes=1))
        await until(lambda: "closed" in owner.told)
        assert bench.waited() == 0
        bench.close()

    run(scenario)


def test_a_disk_that_makes_other_files_durable_is_slow_and_not_hung(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await bench.online()
        waits, served = Owner(), Owner()
        bench.link.open(waits, open_segment, b"head")
        handle = bench.link.open(served, open_segment, b"head")
        for index in range(8):
            bench.link.append(append(handle, index), [b"x"])
            bench.clock.advance(4 * NS_PER_S)
            bench.peer.say(Durable(writer=handle, fragments=index + 1, bytes=1))
            await until(lambda n=index + 1: f"durable {n}" in served.told)  # type: ignore[misc]
            if index == 5:
                assert lost_volumes([bench.link], bench.clock.boot_ns(), 5 * NS_PER_S) == []
        assert lost_volumes([bench.link], bench.clock.boot_ns(), 5 * NS_PER_S) == [bench.link], "it waits for ever"
        bench.close()

    run(scenario)


def test_every_end_of_a_writer_is_told_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await bench.online()
        owners = [Owner() for _ in range(4)]
        handles = [bench.link.open(owner, open_segment, b"head") for owner in owners]
        bench.peer.say(WriterFailed(writer=handles[0], fault="full"))
        bench.peer.say(SegmentIsClosed(writer=handles[1], path="p", fragments=0, bytes=1))
        await until(lambda: owners[1].told)
        bench.link.forget(handles[2])
        bench.link.give_up("hung", "no answer")
        bench.link.give_up("hung", "no answer")
        told = [[word for word in owner.told if word.startswith(("failed", "closed"))] for owner in owners]
        assert told == [["failed full"], ["closed"], [], ["failed hung"]]
        assert bench.waited() == 0
        bench.close()

    run(scenario)


def test_a_disk_that_keeps_nothing_takes_no_more_and_is_congested_until_it_has_kept_up_for_a_while(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await bench.online()
        link, clock, owner = bench.link, bench.clock, Owner()
        handle = link.open(owner, open_segment, b"head")
        arrived, given, seen = clock.boot_ns(), 0, []

        def second() -> None:
            nonlocal given
            if link.admits("cam", arrived):
                link.append(append(handle, given), [bytes(1 << 20)])
                given += 1
            link.look(clock.boot_ns())
            seen.append(link.congested)
            clock.advance(NS_PER_S)

        for _ in range(8):
            second()
        assert given == 3, "what was handed over first was owed for two seconds"
        assert seen == [False] * 5 + [True] * 3, "held back since the fourth second"
        bench.peer.say(Durable(writer=handle, fragments=given, bytes=1))
        await until(lambda: f"durable {given}" in owner.told)
        for _ in range(12):
            second()
            bench.peer.say(Durable(writer=handle, fragments=given, bytes=1))
            await until(lambda: f"durable {given}" in owner.told)
        assert seen[8:18] == [True] * 10
        assert not seen[-1]
        bench.close()


def test_a_disk_process_that_says_it_gets_on_is_not_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = LinkBench(tmp_path)
        await bench.online()
        bench.link.open(Owner(), open_segment, b"head")
        bench.clock.advance(6 * NS_PER_S)
        assert bench.waited() == 6
        bench.peer.say(DiskBusy())
        await until(lambda: bench.waited() == 1)
        bench.clock.advance(60 * NS_PER_S)
        assert bench.waited() == 60, "and then said nothing more"
        bench.close()

    run(scenario)


# -- small files ----------------------------------------------------------------------------------------------


def test_a_wish_is_sent_until_it_is_on_disk(tmp_path: Path) -> None:
    path = str(tmp_path / "data.sock")

    async def scenario() -> None:
        line = StateLine(path)
        line.put("wishes.json", b"1")
        peer = Peer(path)
        await until(lambda: peer.of(PutState))
        peer.close()  # killed before it wrote anything
        line.put("wishes.json", b"2")
        peer = Peer(path)
        await until(lambda: peer.of(PutState))
        ((put, text),) = [(m, payload) for m, payload in peer.heard if isinstance(m, PutState)]
        assert text == b"2"
        line.put("wishes.json", b"3")
        peer.say(JobDone(request=put.request, ok=True))
        await until(lambda: len(peer.of(PutState)) == 2)
        assert line.unconfirmed == {"wishes.json"}, "the newest is not on disk yet"
        peer.say(JobDone(request=peer.of(PutState)[-1].request, ok=False, text="full"))
        await until(lambda: len(peer.of(PutState)) == 3)
        peer.say(JobDone(request=peer.of(PutState)[-1].request, ok=True))
        assert await line.close(5)
        assert line.unconfirmed == set()
        peer.close()

    run(scenario)


def test_closing_without_a_disk_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        line = StateLine(str(tmp_path / "nobody.sock"))
        line.put("wishes.json", b"1")
        assert not await line.close(0.0)

    run(scenario)


# -- sockets --------------------------------------------------------------------------------------------------


def test_a_listener_that_closes_late_leaves_its_successors_socket_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = str(tmp_path / "x.sock")
        old, new = Listener(path, lambda _: None), Listener(path, lambda _: None)
        old.close()
        connect(path).close()
        new.close()
        assert not os.path.exists(path)

    run(scenario)


def test_a_message_that_is_handled_badly_does_not_hold_up_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        heard: list[Message] = []

        def handle(_channel: Channel, message: Message, _payload: bytes) -> None:
            heard.append(message)
            if len(heard) == 1:
                raise RuntimeError("a mistake")

        channels: list[Channel] = []
        listener = Listener(str(tmp_path / "x.sock"), lambda sock: channels.append(Channel(sock, handle)))
        ours = Channel(connect(listener.path), lambda *_: None, gather=True)
        ours.send(Heartbeat(boot=1))
        ours.send(Heartbeat(boot=2))
        await until(lambda: len(heard) == 2)
        assert not channels[0].closed
        for channel in (ours, *channels):
            channel.close()
        listener.close()

    run(scenario)
    assert "a mistake" in caplog.text


# -- children -------------------------------------------------------------------------------------------------


class Nobody:
    """A ``ProcessOwner`` that does not care, or that makes mistakes."""

    def __init__(self) -> None:
        self.ups = 0
        self.died: list[str] = []
        self.raises = False

    def child_up(self, child: object) -> None:
        self.ups += 1
        if self.raises:
            self.raises = False
            raise RuntimeError("a mistake")

    def child_said(self, child: object, message: Message) -> None:
        pass

    def child_died(self, child: object, pid: int, how: str) -> None:
        self.died.append(how)


IDLE = "import sys, socket; socket.socket(fileno=int(sys.argv[sys.argv.index('--supervisor-fd') + 1])).recv(1)"


@pytest.fixture
def idle_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A child that waits until its supervisor says anything, then ends."""
    (tmp_path / "idle_child.py").write_text(IDLE)
    (tmp_path / "stuck_child.py").write_text("import signal\nsignal.pause()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "idle_child"


def test_a_mistake_in_telling_a_child_what_to_do_costs_that_child_not_its_successor(idle_module: str) -> None:
    async def scenario() -> None:
        owner = Nobody()
        owner.raises = True
        child = ChildProcess("idle", idle_module, lambda: (), owner)
        child.start()
        await until(lambda: owner.ups == 2 and child.running)
        await child.stop(3)

    run(scenario)


@pytest.mark.usefixtures("idle_module")
def test_a_killed_child_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        owner = Nobody()
        child = ChildProcess("stuck", "stuck_child", lambda: (), owner)
        child.start()
        await until(lambda: child.running)
        process = child._process
        assert process is not None
        # Stands for one in an uninterruptible sleep: the signal does nothing.
        monkeypatch.setattr(process, "kill", lambda: None)
        child._beat -= 60
        child._started -= 60
        child.check()
        await until(lambda: owner.ups == 2 and child.running)
        assert owner.died == ["hung"]
        assert child.pid != process.pid
        os.kill(process.pid, 9)
        await process.wait()
        assert not await child.stop(0.1)

    run(scenario)


def test_children_are_not_blamed_for_what_held_up_their_supervisor(idle_module: str) -> None:
    async def scenario() -> None:
        owner = Nobody()
        child = ChildProcess("idle", idle_module, lambda: (), owner)
        child.start()
        await until(lambda: child.running)
        child._started -= 100
        child._beat -= 90  # a heartbeat came after the start, then nothing for long
        hung = []
        child.excuse(90)
        child.check()
        hung.append(child._how == HUNG)
        child._beat -= 5
        child.check()
        hung.append(child._how == HUNG)
        assert hung == [False, True]
        await until(lambda: bool(owner.died))
        await child.stop(3)

    run(scenario)


# -- log lines ------------------------------------------------------------------------------------------------


def test_what_a_library_prints_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    _relay("recorder-0", "WARN rtspsrc: could not open rtsp://admin:hunter2@10.0.0.1/stream")
    assert "hunter2" not in caplog.text
    assert "10.0.0.1" in caplog.text


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], bytes]:
    """Standard error's place taken by a pipe that takes what the test allows."""
    taken = bytearray()
    allowed = [0]

    def write(_fd: int, data: bytes) -> int:
        count = min(allowed[0], len(data))
        if not count:
            raise BlockingIOError
        allowed[0] -= count
        taken.extend(data[:count])
        return count

    monkeypatch.setattr("evertape.ipc.logpipe.os.write", write)

    def take(count: int) -> bytes:
        allowed[0] = count
        return bytes(taken)

    return take


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, args, None)


def test_a_line_that_the_pipe_took_a_part_of_is_finished_before_the_next(pipe: Callable[[int], bytes]) -> None:
    handler = PipeLogHandler("recorder-0")
    pipe(20)
    handler.emit(record("first"))
    handler.emit(record("dropped"))
    pipe(10_000)
    handler.emit(record("third"))
    lines = pipe(0).decode().splitlines()
    assert ["first" in lines[0], "third" in lines[1], '"dropped": 1' in lines[1]] == [True] * 3
    assert len(lines) == 2


def test_a_line_that_cannot_be_made_does_not_stop_whoever_logs(
    pipe: Callable[[int], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe(10_000)
    PipeLogHandler("recorder-0").emit(record("%d pictures", "seven"))
    assert "Logging error" in capsys.readouterr().err
