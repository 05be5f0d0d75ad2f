"""Viewing what a running service records: no second session with the camera, and no harm to the recording."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from evertape.engine.feed import Feed
from evertape.errors import NotRunningError, SetupError
from evertape.ipc.messages import StreamInfo
from evertape.ipc.places import socket_path
from evertape.media.gst.lib import join_disposals
from evertape.media.view.feed import FeedSource
from evertape.media.view.plugins import need_fallbacksrc
from evertape.media.view.selector import InputSelectorRTSP
from evertape.media.view.strategies import view_class
from evertape.media.view.terms import (
    DecoderTroubled,
    FallbackActivated,
    FallbackStrategy,
    PrimaryRecovered,
    SinkKind,
    SourceChanged,
    SourceState,
    ViewEvent,
    ViewOptions,
)
from evertape.media.view.view import View
from evertape.types import NS_PER_S, Stream
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.rig import Rig


def feed(rig: Rig, stream: Stream = Stream.MAIN) -> FeedSource:
    def locate() -> str:
        placed = rig.supervisor.placed["cam_01"]
        return socket_path(rig.data.root, f"recorder-{placed}")

    return FeedSource(locate, "cam_01", stream, NS_PER_S // 5)


def look(rig: Rig, events: list[ViewEvent], **options: object) -> InputSelectorRTSP:
    wanted = ViewOptions(sink=SinkKind.FAKE, timeout_ns=2 * NS_PER_S, **options)  # type: ignore[arg-type]
    return InputSelectorRTSP(feed(rig), wanted, events.append)


def some(events: list[ViewEvent], kind: type[ViewEvent]) -> int:
    return sum(isinstance(event, kind) for event in events)


def test_a_view_of_a_recorded_camera_opens_no_session_and_its_decoder_harms_nothing(tmp_path: Path) -> None:
    async def scenario(cameras: LabCameras) -> None:
        events: list[ViewEvent] = []
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}) as rig:
            await rig.recorded(["cam_01"], 1)
            view = look(rig, events, decoder="avdec_h264 ! identity error-after=20")
            view.start()
            try:
                await rig.until(lambda: view.stats.decoder_replaced == 1, 20, "the bad decoder is replaced")
                before = view.stats.decoded
                await rig.until(lambda: view.stats.decoded > before + 25, 10, "pictures from the other decoder")
                assert rig.camera("cam_01").streams[0].viewers == 1  # type: ignore[union-attr]
            finally:
                await asyncio.to_thread(view.stop)
            await rig.recorded(["cam_01"], 1)
        assert view.error is None
        assert some(events, DecoderTroubled) == 2
        assert some(events, FallbackActivated) == 0
        assert sum(request.method == "DESCRIBE" for request in cameras.asked) == 1
        assert_every_frame_once(rig.ranges(), not_sent=cameras.not_sent)

    with LabCameras(1, size="320x192", gop=10) as cameras:
        asyncio.run(scenario(cameras))
    assert join_disposals(5)


def test_a_view_outlives_its_recorder_and_its_camera(tmp_path: Path) -> None:
    async def scenario(cameras: LabCameras) -> None:
        events: list[ViewEvent] = []
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}) as rig:
            await rig.recorded(["cam_01"], 1)
            view = look(rig, events)
            view.start()
            try:
                await rig.until(lambda: view.stats.decoded > 10, 10, "pictures")
                pid = rig.supervisor.children["recorder-0"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await rig.until(lambda: some(events, SourceChanged) >= 2, 5, "the recorder's death is noticed")
                before = view.stats.decoded
                await rig.until(lambda: view.stats.decoded > before + 25, 15, "pictures of its successor")
                shown = some(events, FallbackActivated)
                cameras.kill()
                await rig.until(lambda: some(events, FallbackActivated) > shown, 5, "the card")
                cameras.restart()
                await rig.until(lambda: some(events, PrimaryRecovered) > shown, 15, "the camera's return")
            finally:
                await asyncio.to_thread(view.stop)
        assert view.error is None
        assert (view.stats.ends, view.stats.backward) == (0, 0)
        reasons = {event.reason for event in events if isinstance(event, SourceChanged) and not event.flowing}
        assert "the recorder is gone" in reasons

    with LabCameras(1, size="320x192", gop=10) as cameras:
        asyncio.run(scenario(cameras))
    assert join_disposals(5)


def strategies() -> list[FallbackStrategy]:
    """Those that this machine can do."""
    try:
        need_fallbacksrc()
    except SetupError:
        return [FallbackStrategy.RESTART, FallbackStrategy.INPUT_SELECTOR]
    return list(FallbackStrategy)


def test_a_frozen_camera_is_replaced_by_the_fallback_and_returns_in_the_same_view(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With each strategy, beside each other on one recording; the recorder's watchdog is what notices."""
    caplog.set_level("INFO", "evertape.media.view.view")

    async def scenario(cameras: LabCameras) -> None:
        settings = '[streaming]\nstall_timeout = "2s"\n'
        async with Rig(tmp_path, {"cam_01": cameras.urls[0]}, settings=settings) as rig:
            await rig.recorded(["cam_01"], 1)
            views: dict[FallbackStrategy, tuple[View, list[ViewEvent]]] = {}
            for strategy in strategies():
                events: list[ViewEvent] = []
                options = ViewOptions(sink=SinkKind.FAKE, timeout_ns=4 * NS_PER_S)
                views[strategy] = view_class(strategy)(feed(rig), options, events.append), events
            try:
                for view, _ in views.values():
                    view.start()
                for strategy, (view, _) in views.items():
                    await rig.until(lambda v=view: v.stats.decoded > 20, 15, f"{strategy}: pictures")  # type: ignore[misc]
                stage = views[FallbackStrategy.INPUT_SELECTOR][0]._screen.primary_stage()
                cameras.freeze()
                for strategy, (view, events) in views.items():
                    await rig.until(lambda e=events: some(e, FallbackActivated) == 1, 8, f"{strategy}: fallback")  # type: ignore[misc]
                    shown = view.stats.shown_fallback
                    await rig.until(lambda v=view, n=shown: v.stats.shown_fallback > n + 2, 5, "it stays")  # type: ignore[misc]
                cameras.thaw()
                for strategy, (view, events) in views.items():
                    await rig.until(lambda e=events: some(e, PrimaryRecovered) == 1, 10, f"{strategy}: the return")  # type: ignore[misc]
                    before = view.stats.decoded
                    await rig.until(lambda v=view, n=before: v.stats.decoded > n + 20, 10, "pictures")  # type: ignore[misc]
                assert views[FallbackStrategy.INPUT_SELECTOR][0]._screen.primary_stage() is stage
                assert sum(request.method == "DESCRIBE" for request in cameras.asked) <= 3
            finally:
                for view, _ in views.values():
                    await asyncio.to_thread(view.stop)
        for strategy, (view, events) in views.items():
            assert view.error is None, strategy
            assert (some(events, FallbackActivated), some(events, PrimaryRecovered)) == (1, 1), strategy
            if strategy is not FallbackStrategy.RESTART:
                assert (view.stats.ends, view.stats.backward) == (0, 0), strategy
            (lost,) = [event for event in events if isinstance(event, FallbackActivated)]
            if strategy is not FallbackStrategy.FALLBACKSRC:  # it cannot be told
                assert lost.reason == "stream stalled"
                assert lost.still_ns < 3.5 * NS_PER_S
        said = [record.getMessage() for record in caplog.records if "view" in record.name]
        assert sum("no signal" in line for line in said) == len(views)
        assert sum("the picture is back" in line for line in said) == len(views)

    with LabCameras(1, size="320x192", gop=10) as cameras:
        asyncio.run(scenario(cameras))
    assert join_disposals(5)


def test_a_sub_stream_is_let_go_as_long_after_its_last_viewer_as_configured(tmp_path: Path) -> None:
    async def scenario(cameras: LabCameras) -> None:
        own = {"cam_01": f'sub_url = "{cameras.sub_urls[0]}"'}
        rig = Rig(tmp_path, {"cam_01": cameras.urls[0]}, settings='[view]\nsub_linger = "500ms"\n', own=own)
        loop = asyncio.get_running_loop()

        def subs() -> int:
            info = rig.camera("cam_01")
            return 0 if info is None else sum(stream.stream == "sub" for stream in info.streams)

        async with rig:
            await rig.recorded(["cam_01"], 1)
            view = InputSelectorRTSP(feed(rig, Stream.SUB), ViewOptions(sink=SinkKind.FAKE))
            view.start()
            await rig.until(lambda: view.stats.decoded > 5, 10, "pictures of the sub stream")
            await asyncio.to_thread(view.stop)
            left = loop.time()
            await rig.until(lambda: subs() == 0, 5, "the sub stream is let go")
            assert 0.3 < loop.time() - left < 4  # ten seconds without the setting

    with LabCameras(1, size="320x192", gop=10) as cameras:
        asyncio.run(scenario(cameras))
    assert join_disposals(5)


async def poll_until_lost(source: FeedSource) -> SourceState:
    for _ in range(300):
        for event in source.poll(0):
            if isinstance(event, SourceState):
                return event
        await asyncio.sleep(0.01)
    raise AssertionError("the source said nothing")


def test_a_service_that_is_not_there_is_named_as_the_reason() -> None:
    def locate() -> str:
        raise NotRunningError("the service is not running")

    source = FeedSource(locate, "cam_01", Stream.MAIN, NS_PER_S)
    state = asyncio.run(poll_until_lost(source))
    assert state == SourceState(False, "the service is not running", NS_PER_S)
    source.close()


def test_a_camera_that_the_recorder_does_not_have_is_refused_in_its_words(tmp_path: Path) -> None:
    async def scenario() -> SourceState:
        from evertape.ipc.channel import Listener

        feed = Feed("recorder-0", lambda _name: None, lambda: 0)
        listener = Listener(str(tmp_path / "s"), feed.connected)
        source = FeedSource(lambda: str(tmp_path / "s"), "cam_09", Stream.SUB, NS_PER_S)
        try:
            return await poll_until_lost(source)
        finally:
            source.close()
            feed.close()
            listener.close()

    state = asyncio.run(scenario())
    assert state.reason == "there is no stream sub of a camera cam_09 here"


def test_the_waiting_camera_tells_its_next_attempt() -> None:
    from evertape.media.view.feed import _state

    waiting = _state(StreamInfo(stream="main", state="waiting", reason="camera_unreachable", retry_in_s=4.0), 7)
    assert waiting == SourceState(False, "camera unreachable", 4 * NS_PER_S + 7)
    assert _state(StreamInfo(stream="main", state="connected"), 7) == SourceState(True)
