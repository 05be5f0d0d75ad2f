"""Parts of the hub by themselves: news, the line to the engine, threads of volumes, spans to draw, instants, codecs."""

from __future__ import annotations

import asyncio
import socket
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.cause import Cause
from evertape.domain.roles import Role
from evertape.domain.spans import GapSpan, RecordedSpan, Span
from evertape.errors import NotRunningError, UsageError
from evertape.hub import files
from evertape.hub.api.times import instant, parse_instant
from evertape.hub.engine_link import EngineLink
from evertape.hub.failure import HubError
from evertape.hub.news import MOST, News
from evertape.hub.serving import listen
from evertape.hub.timeline_spans import Drawn, drawn
from evertape.ipc.channel import Channel, Listener
from evertape.ipc.events import AnyEvent, CameraStateChanged
from evertape.ipc.messages import EventNews, Hello, Message, Reply, Request, Welcome
from evertape.mp4.codecs import codec_strings
from evertape.store.places import Place
from evertape.types import NS_PER_S, AudioCaps, Codec, StreamCaps, UtcNs, VideoCaps
from evertape_lab.story import Story
from hub.canned import REAL, Canned, iso, play


def event(camera: str = "door", at: float = 1) -> CameraStateChanged:
    about = {"camera": camera, "stream": "main", "old": "connecting", "state": "connected", "reason": ""}
    return CameraStateChanged(**Story().stamp("recorder-0", at), **about)


# -- news ---------------------------------------------------------------------------------------------------


def test_a_listener_who_is_slow_loses_the_oldest_and_is_told() -> None:
    async def scenario() -> None:
        news = News()
        with news.listen() as slow, news.listen(lambda one: one.camera == "gate") as picky:  # type: ignore[union-attr]
            news.put([event(at=n) for n in range(MOST + 5)])
            news.put([event("gate")])
            happened, missed = await slow.next()
            assert len(happened) == MOST and missed and happened[-1].camera == "gate"
            assert await picky.next() == ([happened[-1]], False)
            news.interrupted()
            assert await picky.next() == ([], True)
        news.put([event()])
        assert not slow._waiting

    asyncio.run(scenario())


def test_events_come_over_a_socket_only_to_who_may_see_them(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        hub.become(Role.VIEWER, "door")

        async with hub.socket("/events/live", "kind=camera_state") as browser:
            assert (await browser.hear())["type"] == "websocket.accept"
            hub.services.news.put([event("gate"), event("door")])
            first = await browser.said()
            hub.services.news.interrupted()
            second = await browser.said()
        assert (first["type"], first["kind"], first["camera"], first["at"]) == ("event", "camera_state", "door", iso(1))
        assert second == {"type": "missed"}
        assert not hub.services.news._listeners, "nobody listens any more"

    play(tmp_path, scenario)


def test_a_socket_that_is_refused_is_closed(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        async with hub.socket("/events/live", "kind=no_such_thing") as browser:
            assert (await browser.hear())["type"] in ("websocket.close", "websocket.http.response.start")
        async with hub.socket("/nothing") as browser:
            assert (await browser.hear())["type"] in ("websocket.close", "websocket.http.response.start")

    play(tmp_path, scenario)


# -- the line to the engine ---------------------------------------------------------------------------------


class Supervisor:
    """Answers ``status``, refuses the rest, and tells news."""

    def __init__(self, path: str) -> None:
        self.channels: list[Channel] = []
        self.asked: list[str] = []
        self.listener = Listener(path, lambda sock: self.channels.append(Channel(sock, self.message)))

    def message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        match message:
            case Hello():
                channel.send(Welcome(role="supervisor", name="supervisor", pid=1))
            case Request(request=number, verb=verb):
                self.asked.append(verb)
                if verb in ("status", "events"):
                    channel.send(Reply(request=number, ok=True, data={"asked": len(self.asked)}))
                elif verb != "silence":
                    channel.send(Reply(request=number, ok=False, error="no", hint="never"))

    def close(self) -> None:
        self.listener.close()
        for channel in self.channels:
            channel.close()


async def connected(link: EngineLink) -> None:
    for _ in range(400):
        if link.connected:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not connected")


def test_the_line_asks_listens_and_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        path, heard, times = str(tmp_path / "control.sock"), list[AnyEvent](), list[int]()
        link = EngineLink(path, heard.extend, lambda: times.append(1))
        link.start()
        with pytest.raises(NotRunningError):
            await link.ask("status")
        supervisor = Supervisor(path)
        await connected(link)
        first, second = await asyncio.gather(link.status(), link.status())
        assert first == second and supervisor.asked.count("status") == 1, "who asks at once gets the same answer"
        await link.status(fresh=True)
        assert supervisor.asked.count("status") == 2
        with pytest.raises(UsageError, match="no; never"):
            await link.ask("record")
        with pytest.raises(NotRunningError, match="in time"):
            await link.ask("silence", timeout_s=0.05)
        supervisor.channels[0].send(EventNews(events=(event(),)))
        waiting = asyncio.create_task(link.ask("silence"))
        while not heard:
            await asyncio.sleep(0.01)
        supervisor.close()
        with pytest.raises(NotRunningError, match="has ended"):
            await waiting
        again = Supervisor(path)
        await connected(link)
        assert (await link.status(fresh=True))["asked"]
        while len(times) < 2:
            await asyncio.sleep(0.01)
        await link.close()
        again.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))


# -- volumes ------------------------------------------------------------------------------------------------


def test_a_volume_that_hangs_holds_up_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "DEADLINE_S", 0.2)
    stuck, real = threading.Event(), files._open

    def hangs(location: files.Location, segment: Any) -> tuple[int, int]:
        stuck.wait(20)
        return real(location, segment)

    async def scenario(hub: Canned) -> None:
        monkeypatch.setattr(files, "_open", hangs)
        tries = [hub.fails("GET", f"/segments/{REAL}/file", 503, "volume_unusable") for _ in range(files.THREADS + 2)]
        found = await asyncio.gather(*tries)
        assert all("does not answer" in one["what"] for one in found)
        assert (await hub.get("/status"))["cameras"], "everything else goes on"
        stuck.set()

    play(tmp_path, scenario)


def test_a_full_queue_of_a_volume_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_WAITING", 1)
    monkeypatch.setattr(files, "DEADLINE_S", 5.0)

    async def scenario() -> None:
        pool, free = files._Pool("usb1"), threading.Event()
        first = asyncio.create_task(pool.run(free.wait, 10))
        await asyncio.sleep(0)
        with pytest.raises(HubError):
            await pool.run(int)
        free.set()
        assert await first
        assert await pool.run(int) == 0

    asyncio.run(scenario())


# -- what is drawn ------------------------------------------------------------------------------------------


def recorded(start: int, end: int, *segments: str) -> RecordedSpan:
    return RecordedSpan(UtcNs(start), UtcNs(end), segments)


def gap(start: int, end: int, cause: Cause = Cause.CAMERA_UNREACHABLE) -> GapSpan:
    return GapSpan(UtcNs(start), UtcNs(end), cause)


def test_footage_is_drawn_by_volume() -> None:
    places = {name: Place(name, at, volume, spill) for name, at, volume, spill in (
        ("a", 0, "v", ""), ("b", 10, "v", ""), ("c", 20, "w", "w"), ("d", 30, "v", "w"),
    )}  # fmt: skip
    found = drawn([recorded(5, 40, "a", "b", "c", "d")], places, 0)
    assert [(one.start, one.end, one.volume, one.spilled, one.segments) for one in found] == [
        (5, 20, "v", False, ("a", "b")), (20, 30, "w", True, ("c",)), (30, 40, "v", True, ("d",)),
    ]  # fmt: skip


def test_a_short_gap_in_long_footage_stays_what_it_is() -> None:
    found = drawn([recorded(0, 1000, "a"), gap(1000, 1001), recorded(1001, 2000, "b")], {}, 100)
    assert [(one.start, one.end, one.cause) for one in found] == [
        (0, 1000, None), (1000, 1001, Cause.CAMERA_UNREACHABLE), (1001, 2000, None),
    ]  # fmt: skip


def test_what_is_put_together_shows_the_worst_and_counts() -> None:
    spans: list[Span] = [
        recorded(0, 40, "a"),
        gap(40, 45, Cause.STOPPED_BY_PERSON),
        recorded(45, 50, "b"),
        gap(50, 52),
        gap(52, 60, Cause.STARTING),
    ]
    (one,) = drawn(spans, {}, 1000)
    assert (one.cause, one.gaps, one.recorded) == (Cause.STARTING, 3, 45)
    assert one.cause is not None and not one.cause.on_purpose


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from([None, *Cause])), min_size=1, max_size=40),
    st.integers(0, 120),
)
def test_nothing_is_lost_or_doubled_whatever_is_put_together(
    parts: list[tuple[int, Cause | None]], resolution: int
) -> None:
    spans: list[Span] = []
    at = 0
    for length, cause in parts:
        spans.append(recorded(at, at + length, f"s{at}") if cause is None else gap(at, at + length, cause))
        at += length
    found: list[Drawn] = drawn(spans, {}, resolution)
    assert found[0].start == 0 and found[-1].end == at
    assert all(old.end == new.start for old, new in pairwise(found))
    assert sum(one.recorded for one in found) == sum(length for length, cause in parts if cause is None)
    assert sum(one.gaps for one in found) == sum(cause is not None for _, cause in parts)
    bad = any(cause is not None and not cause.on_purpose for _, cause in parts)
    assert any(one.cause is not None and not one.cause.on_purpose for one in found) == bad
    assert len(found) <= 2 * (at // max(1, resolution)) + 3 or resolution == 0


# -- words --------------------------------------------------------------------------------------------------


@given(st.integers(0, (1 << 33) * NS_PER_S - 1))
def test_an_instant_keeps_every_nanosecond(utc_ns: int) -> None:
    assert parse_instant(instant(utc_ns)) == utc_ns


@pytest.mark.parametrize(
    ("text", "utc_ns"),
    [("1970-01-01T00:00:01Z", NS_PER_S), ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:00.5Z", 500_000_000)],
)
def test_instants_are_read_with_their_zone(text: str, utc_ns: int) -> None:
    assert parse_instant(text) == utc_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "9999-01-01T00:00:00Z",
     "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:00+99:00", "1969-12-31T23:59:59Z", 5, None],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"instant|date|between"):
        parse_instant(text)


def test_codecs_are_named_as_browsers_want_them() -> None:
    h264 = VideoCaps(Codec.H264, b"\x01\x64\x00\x1f\xff", 1, 1)
    # Main profile, level 4.0 (ISO/IEC 14496-15 E.3 has this example): hvc1.1.6.L120.90.
    h265 = VideoCaps(Codec.H265, b"\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x78\xf0", 1, 1)
    sound = AudioCaps(Codec.AAC, b"\x11\x90", 48000, 2)
    assert codec_strings(StreamCaps(0, h264, sound)) == ["avc1.64001f", "mp4a.40.2"]
    assert codec_strings(StreamCaps(0, h265)) == ["hvc1.1.6.L120.90"]


def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement() -> None:
    async def scenario() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def came(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1:0") as sock:
            async with await asyncio.start_server(came, sock=sock):
                _, writer = await asyncio.open_connection(*sock.getsockname())
                found = await accepted
                writer.close()
        return found

    assert asyncio.run(scenario())


# -- a port that is taken -----------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from evertape.config.show import reveal
    from evertape.hub import process as hub_process
    from evertape.ipc.messages import HubAssignment, HubListens
    from evertape.ipc.places import run_dir

    async def scenario(hub: Canned) -> None:
        run_dir(hub.root, create=True)
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = reveal(hub.services.config)
        config["hub"]["listen"] = f"127.0.0.1:{port}"
        told: list[HubListens] = []
        process = hub_process.HubProcess(hub.clock)
        process.tell = lambda message: told.append(message) if isinstance(message, HubListens) else None
        process.message(HubAssignment(data=str(hub.root), config_file="x", service="s", version="1", config=config))
        while not told:
            await asyncio.sleep(0.02)
        assert told[0].url == "" and "cannot listen" in told[0].problem
        taken.close()
        while not any(one.url for one in told):
            await asyncio.sleep(0.02)
        assert told[-1].url == f"http://127.0.0.1:{port}"
        assert (run_dir(hub.root) / "hub.json").exists()
        await process.close(3)
        assert not (run_dir(hub.root) / "hub.json").exists()

    with_short_wait(scenario, tmp_path)
    assert sum("cannot listen" in record.getMessage() for record in caplog.records) == 1


def with_short_wait(scenario: Any, folder: Path) -> None:
    from evertape.hub import process as hub_process

    before, hub_process._AGAIN_S = hub_process._AGAIN_S, 0.05
    try:
        play(folder, scenario)
    finally:
        hub_process._AGAIN_S = before
