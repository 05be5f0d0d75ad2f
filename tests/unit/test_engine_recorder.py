"""The recorder's round with fake sessions: edges around each camera, clock steps, reloads, viewers, memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evertape.clock import Clock, ManualClock
from evertape.domain.camera_events import StreamStatus
from evertape.domain.cause import Cause
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.engine import stream as stream_module
from evertape.engine.camera import CameraWorker
from evertape.engine.camera_command import answer
from evertape.engine.recorder import Recorder
from evertape.ipc.channel import Channel, connect
from evertape.ipc.events import Alert, AnyEvent, CameraStateChanged, ClockStepped, GapOpened, Notice
from evertape.ipc.messages import (
    CameraCommand,
    CameraSettings,
    EventNews,
    FeedUnits,
    Hello,
    Message,
    RecorderAssignment,
    Refused,
    SetWish,
    Subscribe,
    VolumeEndpoint,
    Welcome,
)
from evertape.media.capture import (
    CapsChanged,
    CaptureEvent,
    CaptureRequest,
    NoticeKind,
    SessionFailed,
    StreamNotice,
)
from evertape.media.ring import Ring
from evertape.types import NS_PER_S, AccessUnit, Epoch, Stream
from evertape_lab.fake_disk import FakeCamera, caps


class FakeSession:
    """A ``CaptureSession`` that hands out what a test puts in."""

    def __init__(self, request: CaptureRequest) -> None:
        self.request = request
        self.units: list[AccessUnit] = []
        self.said: list[CaptureEvent] = [CapsChanged(caps())]
        self.raises: Exception | None = None
        self.closed = False
        self.deadline: int | None = None

    @property
    def epoch(self) -> Epoch:
        return self.request.epoch

    def start(self) -> None:
        pass

    def drain(self) -> Sequence[AccessUnit]:
        if self.raises is not None:
            raise self.raises
        units, self.units = self.units, []
        return units

    def events(self) -> Sequence[CaptureEvent]:
        said, self.said = self.said, []
        return said

    def fileno(self) -> int | None:
        return None

    def next_deadline_ns(self) -> int | None:
        return self.deadline

    def close(self) -> None:
        self.closed = True


class Bench:
    """A recorder whose rounds a test makes by hand."""

    def __init__(self, feed_socket: str = "") -> None:
        self.clock = ManualClock()
        self.events: list[AnyEvent] = []
        self.sessions: list[FakeSession] = []
        self.recorder = Recorder("recorder-0", "service", self.clock, self._report, feed_socket)
        self.sources: dict[str, FakeCamera] = {}

    def _report(self, message: Message) -> None:
        if isinstance(message, EventNews):
            self.events += message.events

    def open_session(self, request: CaptureRequest, _clock: Clock, _transcoder: object) -> FakeSession:
        if "broken" in request.url:
            raise RuntimeError("no such receiver")
        self.sessions.append(FakeSession(request))
        return self.sessions[-1]

    def assign(
        self,
        *cameras: CameraSettings,
        wishes: dict[str, bool] | None = None,
        volumes: tuple[VolumeEndpoint, ...] = (),
        budget: int = 1 << 30,
    ) -> None:
        told = RecorderAssignment(
            cameras=cameras, volumes=volumes, wishes=wishes or {}, journal_socket="", ring_budget=budget
        )
        self.recorder.message(told)

    def round(self) -> None:
        if self.recorder._round_timer is not None:
            self.recorder._round_timer.cancel()
        self.recorder._round()

    def worker(self, name: str) -> CameraWorker:
        return self.recorder.cameras[name]

    def session(self, url: str) -> FakeSession:
        return next(session for session in reversed(self.sessions) if session.request.url == url)

    def send(self, url: str, count: int = 5, *, key: bool = True) -> None:
        """The camera behind the newest session of this URL sends."""
        session = self.session(url)
        camera = self.sources.setdefault(session.epoch, FakeCamera(self.clock, Ring()))
        session.units += [replace(unit, epoch=session.epoch) for unit in camera.make(count, key=key)]

    def said(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def settings(camera: str, url: str = "", **more: object) -> CameraSettings:
    return msgspec.structs.replace(CameraSettings(id=camera, name=camera, url=url or f"rtsp://{camera}"), **more)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
    def go(scenario: Callable[[Bench], Awaitable[None]]) -> None:
        async def body() -> None:
            bench = Bench(str(tmp_path / "feed.sock"))
            monkeypatch.setattr(stream_module, "open_session", bench.open_session)
            try:
                await scenario(bench)
            finally:
                await bench.recorder.close(0.1)

        asyncio.run(body())

    return go


Run = Callable[[Callable[[Bench], Awaitable[None]]], None]


# -- edges ----------------------------------------------------------------------------------------------------


def test_a_session_that_raises_is_given_up_and_the_other_cameras_go_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("bad"), settings("good"))
        bench.send("rtsp://bad")
        bench.round()
        assert bench.worker("bad").streams[Stream.MAIN].state.status is StreamStatus.RECEIVING
        bench.session("rtsp://bad").raises = RuntimeError("a mistake in a depayloader")
        bench.send("rtsp://good")
        bench.round()
        await asyncio.sleep(0)
        assert bench.worker("good").streams[Stream.MAIN].frames == 5
        bad = bench.worker("bad").streams[Stream.MAIN]
        assert (bad.state.status, bad.state.reason) == (StreamStatus.ERROR, Cause.INTERNAL_ERROR)
        assert bad.state.retry_at is not None
        assert bench.session("rtsp://bad").closed
        assert bench.worker("bad").info(0).mistakes == 1
        event = bench.said(CameraStateChanged)[-1]
        assert (event.camera, event.detail["priority"], event.detail["action"]) == ("bad", "critical", "tell_a_person")
        bench.send("rtsp://good")
        bench.round()
        assert bench.worker("good").streams[Stream.MAIN].frames == 10

    run(scenario)
    assert "a mistake in a depayloader" in caplog.text


def test_a_session_that_cannot_be_made_stops_no_other_camera_and_is_tried_again(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("bad", "rtsp://broken"), settings("good"))
        await asyncio.sleep(0)
        bench.send("rtsp://good")
        bench.round()
        assert bench.worker("good").streams[Stream.MAIN].frames == 5
        state = bench.worker("bad").streams[Stream.MAIN].state
        assert state.reason is Cause.INTERNAL_ERROR
        assert state.retry_at is not None

    run(scenario)


def test_rounds_go_on_whatever_raises_in_one_of_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))

        def strike(*_: object) -> None:
            raise RuntimeError("a mistake")

        monkeypatch.setattr(bench.recorder, "_look_after", strike)
        monkeypatch.setattr(bench.worker("cam"), "drain", strike)
        for _ in range(3):
            bench.round()
        assert bench.recorder._round_timer is not None
        assert not bench.recorder._round_timer.cancelled()

    run(scenario)


@pytest.mark.parametrize(("due_in_ms", "wait_ms"), [(None, 200), (5000, 200), (60, 60), (1, 20), (-500, 20)])
def test_a_round_comes_early_where_a_socket_would_fill_up(run: Run, due_in_ms: int | None, wait_ms: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("slow"), settings("fast"))
        for name in ("slow", "fast"):
            bench.send(f"rtsp://{name}")
        if due_in_ms is not None:
            bench.session("rtsp://fast").deadline = bench.clock.boot_ns() + due_in_ms * 1_000_000
        loop = asyncio.get_running_loop()
        before = loop.time()
        bench.round()
        after = loop.time()
        timer = bench.recorder._round_timer
        assert timer is not None
        assert before + wait_ms / 1000 - 0.001 <= timer.when() <= after + wait_ms / 1000 + 0.001

    run(scenario)


def test_a_mistake_that_comes_back_does_not_fill_the_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))
        bench.worker("cam").drain = lambda _now: 1 // 0  # type: ignore[assignment, method-assign]
        for _ in range(100):
            bench.round()

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert caplog.text.count("Traceback") <= 8


# -- clocks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, -1])
def test_a_stepped_wall_clock_is_noticed_and_slewing_is_not(run: Run, hours: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": True})
        for _ in range(50):
            bench.clock.advance(NS_PER_S // 10)
            bench.clock.step_utc(50_000)
            bench.round()
        assert bench.said(ClockStepped) == []
        bench.clock.step_utc(hours * 3600 * NS_PER_S)
        bench.round()
        bench.round()
        (event,) = bench.said(ClockStepped)
        assert abs(event.offset - hours * 3600 * NS_PER_S) < NS_PER_S
        jumps = [gap for gap in bench.said(GapOpened) if gap.cause == Cause.CLOCK_JUMP]
        assert [gap.camera for gap in jumps] == ["cam"]

    run(scenario)


# -- reloads --------------------------------------------------------------------------------------------------


def test_a_rename_and_a_new_rotation_restart_nothing(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))
        before = len(bench.sessions)
        bench.assign(settings("cam", name="Yard", rotation_ns=NS_PER_S, stall_timeout_ns=9 * NS_PER_S))
        assert len(bench.sessions) == before
        assert bench.worker("cam").info(0).name == "Yard"

    run(scenario)


def test_another_url_restarts_that_camera_and_keeps_what_had_come(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), settings("other"))
        bench.send("rtsp://cam")
        bench.assign(settings("cam", "rtsp://moved"), settings("other"))
        assert [session.request.url for session in bench.sessions] == ["rtsp://cam", "rtsp://other", "rtsp://moved"]
        assert bench.worker("cam").streams[Stream.MAIN].frames == 5

    run(scenario)


def test_a_wish_in_the_assignment_counts_for_a_camera_that_is_there(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": False})
        bench.assign(settings("cam"), wishes={"cam": True})
        assert bench.worker("cam").recording.wanted
        bench.recorder.message(SetWish(cameras=("cam", "gone"), wanted=False, by="a test"))
        assert not bench.worker("cam").recording.wanted

    run(scenario)


def test_another_order_or_role_of_a_volume_keeps_its_connection(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        usb = VolumeEndpoint(name="usb", role="primary", order=0, socket="/nowhere/usb", path="/usb")
        new = VolumeEndpoint(name="new", role="primary", order=0, socket="/nowhere/new", path="/new")
        bench.assign(settings("cam"), volumes=(usb,))
        link = bench.recorder.links["usb"]
        bench.assign(settings("cam"), volumes=(new, msgspec.structs.replace(usb, order=1, role="spill")))
        assert bench.recorder.links["usb"] is link
        assert (link.endpoint.order, link.endpoint.role) == (1, "spill")
        bench.assign(settings("cam"), volumes=(msgspec.structs.replace(usb, path="/elsewhere"),))
        assert bench.recorder.links["usb"] is not link
        assert "new" not in bench.recorder.links

    run(scenario)


def test_a_removed_camera_is_forgotten_once_nothing_of_it_is_pending(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": True})
        bench.send("rtsp://cam")
        bench.round()
        bench.assign()
        assert [worker.settings.id for worker in bench.recorder._leaving] == ["cam"], "no volume took its units yet"
        bench.assign(settings("cam"), wishes={"cam": True})
        bench.send("rtsp://cam")
        bench.round()
        assert bench.worker("cam") is not bench.recorder._leaving[0]

    run(scenario)


# -- viewers --------------------------------------------------------------------------------------------------


class Viewer:
    """A viewer's end of the feed."""

    def __init__(self, path: str) -> None:
        self.heard: list[Message] = []
        self.channel = Channel(connect(path), lambda _c, message, _p: self.heard.append(message))

    async def hears(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(5):
            while not any(isinstance(message, kind) for message in self.heard):
                await asyncio.sleep(0.005)
        found = next(message for message in self.heard if isinstance(message, kind))
        self.heard.remove(found)
        return found


def test_a_sub_stream_that_is_removed_is_taken_from_its_viewers_and_can_come_back(run: Run, tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam", sub_url="rtsp://sub"))
        viewer = Viewer(str(tmp_path / "feed.sock"))
        viewer.channel.send(Subscribe(camera="cam", stream="sub"))
        async with asyncio.timeout(5):
            while Stream.SUB not in bench.worker("cam").streams:
                await asyncio.sleep(0.005)
        bench.send("rtsp://sub")
        bench.round()
        assert len((await viewer.hears(FeedUnits)).units) == 5
        bench.assign(settings("cam"))
        await viewer.hears(Refused)
        assert bench.session("rtsp://sub").closed
        bench.assign(settings("cam", sub_url="rtsp://sub2"))
        viewer.channel.send(Subscribe(camera="cam", stream="sub"))
        async with asyncio.timeout(5):
            while Stream.SUB not in bench.worker("cam").streams:
                await asyncio.sleep(0.005)
        assert bench.worker("cam").streams[Stream.SUB].viewers == 1
        assert bench.worker("cam")._linger is None, "the old farewell does not end the new stream"
        viewer.channel.close()

    run(scenario)


def test_the_viewers_of_a_removed_camera_are_told(run: Run, tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))
        viewer = Viewer(str(tmp_path / "feed.sock"))
        viewer.channel.send(Hello(role="viewer", name="test", pid=1))
        viewer.channel.send(Subscribe(camera="cam"))
        await viewer.hears(Welcome)
        async with asyncio.timeout(5):
            while not bench.worker("cam").streams[Stream.MAIN].viewers:
                await asyncio.sleep(0.005)
        bench.assign()
        assert "removed" in (await viewer.hears(Refused)).reason
        viewer.channel.close()

    run(scenario)


def test_a_viewer_of_another_version_is_refused(run: Run, tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        viewer = Viewer(str(tmp_path / "feed.sock"))
        viewer.channel.send(Hello(role="viewer", name="test", pid=1, version=99))
        assert "99" in (await viewer.hears(Refused)).reason
        viewer.channel.close()

    run(scenario)


def test_only_what_concerns_a_stream_restarts_it(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam", sub_url="rtsp://sub"))
        bench.worker("cam").viewer_came(Stream.SUB)
        bench.assign(settings("cam", "rtsp://moved", sub_url="rtsp://sub"))
        bench.assign(settings("cam", "rtsp://moved", sub_url="rtsp://sub2"))
        bench.assign(settings("cam", "rtsp://moved", sub_url="rtsp://sub2", audio=False))
        urls = [session.request.url for session in bench.sessions]
        assert urls[:4] == ["rtsp://cam", "rtsp://sub", "rtsp://moved", "rtsp://sub2"]
        assert sorted(urls[4:]) == ["rtsp://moved", "rtsp://sub2"]

    run(scenario)


# -- memory ---------------------------------------------------------------------------------------------------


def test_a_gop_without_an_end_makes_a_new_session_once(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), budget=20_000)
        for _ in range(12):
            bench.send("rtsp://cam", 5, key=False)
            bench.round()
        assert len(bench.sessions) == 2
        assert len(bench.said(Notice)) == 1
        bench.send("rtsp://cam", 5)
        bench.round()
        assert bench.worker("cam").rings[Stream.MAIN].bytes < 20_000

    run(scenario)


def test_footage_that_waits_in_memory_is_told_of_before_any_is_lost_and_when_it_is_over(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": True}, budget=100_000)
        said: list[tuple[str, int]] = []
        for _ in range(15):
            bench.send("rtsp://cam", 25)
            bench.round()
            said += [(alert.state, bench.worker("cam").recording.info(0).frames_lost) for alert in bench.said(Alert)]
        (raised,) = bench.said(Alert)
        assert (raised.kind, raised.state) == ("recording_behind", "raised")
        assert raised.detail["waiting"] > 50_000
        assert said[0] == ("raised", 0), "before a frame was lost"
        assert said[-1][1] > 0
        assert bench.worker("cam").rings[Stream.MAIN].bytes <= 100_000
        bench.recorder.set_wish("cam", False, "a test")
        for _ in range(15):
            bench.send("rtsp://cam", 25)
            bench.round()
        assert [alert.state for alert in bench.said(Alert)] == ["raised", "ended"]

    run(scenario)


def test_a_disk_that_does_not_keep_up_is_told_of_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: Bench) -> None:
        usb = VolumeEndpoint(name="usb", role="primary", order=0, socket="/nowhere/usb", path="/usb")
        bench.assign(settings("cam"), volumes=(usb,))
        link = bench.recorder.links["usb"]
        monkeypatch.setattr(link, "look", lambda _now: None)
        for congested in (False, True, True, False):
            link.congested = congested
            bench.round()
        told = bench.said(Alert)
        assert [(alert.kind, alert.volume, alert.state) for alert in told] == [
            ("volume_slow", "usb", "raised"),
            ("volume_slow", "usb", "ended"),
        ]
        assert told[0].alert == told[1].alert
        link.congested = True
        bench.round()
        bench.assign(settings("cam"))
        assert bench.said(Alert)[-1].state == "ended", "a volume that is no longer declared concerns nobody"

    run(scenario)


# -- errors ---------------------------------------------------------------------------------------------------


def test_an_error_is_journaled_with_its_priority_and_what_follows(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": True})
        bench.send("rtsp://cam")
        bench.round()
        failed = SessionFailed(FailureKind.AUTH_FAILED, ErrorDetail(rtsp_status=401, debug="rtsp://u:secret@cam"))
        bench.session("rtsp://cam").said.append(failed)
        bench.round()
        event = bench.said(CameraStateChanged)[-1]
        assert event.detail["priority"] == "high"
        assert event.detail["action"] == "pause_until_changed"
        assert "secret" not in repr(event)
        gap = bench.said(GapOpened)[-1]
        assert (gap.cause, gap.evidence) == (Cause.AUTH_FAILED, event.id)

    run(scenario)


def test_a_restart_of_a_camera_that_refused_the_password_says_that_it_waits(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        ask = CameraCommand(request=1, camera="cam", command="restart")
        bench.assign(settings("cam"), wishes={"cam": True})
        assert answer(bench.worker("cam"), ask).text == "session restarted"
        failed = SessionFailed(FailureKind.AUTH_FAILED, ErrorDetail(rtsp_status=401))
        bench.session("rtsp://cam").said.append(failed)
        bench.round()
        session = bench.session("rtsp://cam")
        assert "one attempt a minute" in answer(bench.worker("cam"), ask).text
        assert bench.session("rtsp://cam") is session

    run(scenario)


def test_secrets_are_in_no_repr(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        secret = settings("cam", "rtsp://cam", user="u", password="hunter2", sub_url="rtsp://u:hunter2@sub")
        bench.assign(secret)
        bench.worker("cam").viewer_came(Stream.SUB)
        told = RecorderAssignment(cameras=(secret,), volumes=(), wishes={}, journal_socket="")
        seen = [repr(secret), repr(told), *(repr(s.request) for s in bench.sessions), repr(bench.events)]
        assert not any("hunter2" in text for text in seen)

    run(scenario)


def test_lost_packets_are_told_to_the_ledger(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"), wishes={"cam": True})
        bench.send("rtsp://cam", 25)
        bench.round()
        bench.session("rtsp://cam").said.append(StreamNotice(NoticeKind.PACKETS_LOST, 40))
        bench.sources[bench.session("rtsp://cam").epoch].pause(NS_PER_S)
        bench.send("rtsp://cam", 25, key=False)
        bench.round()
        assert Cause.STREAM_DAMAGED in [gap.cause for gap in bench.said(GapOpened)]

    run(scenario)


def test_a_bad_network_does_not_flood_the_journal_and_every_loss_is_counted(run: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))
        for _ in range(201):
            bench.session("rtsp://cam").said.append(StreamNotice(NoticeKind.PACKETS_LOST, 3))
            bench.round()
            bench.clock.advance(NS_PER_S // 10)
        notices = bench.said(Notice)
        assert len(notices) == 3
        assert sum(notice.detail["value"] for notice in notices) == 3 * 201

    run(scenario)


# -- the watchdog's findings ----------------------------------------------------------------------------------


def test_what_the_watchdog_finds_without_a_stall_is_journalled_and_recording_goes_on(run: Run) -> None:
    """No keyframe for a minute, time stamps that stand, half the pictures and all of them again."""

    async def scenario(bench: Bench) -> None:
        bench.assign(settings("cam"))
        source = bench.sources

        def second(count: int = 25, *, key: bool = True, stands: bool = False) -> None:
            bench.send("rtsp://cam", count, key=key)
            camera = source[bench.session("rtsp://cam").epoch]
            camera.pause((25 - count) * NS_PER_S // 25)
            if stands:
                camera.dts -= NS_PER_S - 25  # later, but by next to nothing
            bench.round()

        for _ in range(40):
            second()
        for _ in range(70):
            second(key=False)
        for _ in range(12):
            second(stands=True)
        for _ in range(40):
            second()
        for _ in range(25):
            second(8)
        for _ in range(25):
            second()
        found = [(event.text, event.camera, event.detail["stream"]) for event in bench.said(Notice)]
        expected = ["no_keyframe", "clock_stands", "rate_low", "rate_back"]
        assert found == [(text, "cam", "main") for text in expected]
        assert all(event.detail["text"] for event in bench.said(Notice))
        assert len(bench.sessions) == 1
        assert bench.worker("cam").streams[Stream.MAIN].state.status is StreamStatus.CONNECTED

    run(scenario)
