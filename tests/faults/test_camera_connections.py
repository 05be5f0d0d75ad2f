"""A camera that allows one session, and one that sends by UDP: through deaths, edits and viewers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.cli.place import Place
from evertape.cli.view_source import find_target, open_source
from evertape.ipc.places import socket_path
from evertape.media.gst.lib import join_disposals
from evertape.media.view.feed import FeedSource
from evertape.media.view.selector import InputSelectorRTSP
from evertape.media.view.terms import SinkKind, ViewOptions
from evertape.types import NS_PER_S, Stream
from evertape_lab.judge import Result
from evertape_lab.rig import Rig
from evertape_lab.strict import StrictCamera

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_camera_that_sends_by_udp_is_noticed_at_once_and_recorded_as_soon_as_it_is_back(holds: Play) -> None:
    assert holds("A1C").outages[0].gap == ("camera_unreachable",)


def test_a_camera_that_allows_one_session_never_sees_two_of_ours(tmp_path: Path) -> None:
    async def scenario(camera: StrictCamera) -> None:
        books = camera.books
        async with Rig(tmp_path, {"cam_01": camera.url}) as rig:
            await rig.recorded(["cam_01"], 1)

            def locate() -> str:
                return socket_path(rig.data.root, f"recorder-{rig.supervisor.placed['cam_01']}")

            source = FeedSource(locate, "cam_01", Stream.MAIN, NS_PER_S // 5)
            with InputSelectorRTSP(source, ViewOptions(sink=SinkKind.FAKE)) as view:
                await rig.until(lambda: view.stats.decoded > 10, 15, "a picture on the screen")
                assert books.opened == 1
                await rig.change_url("cam_01", camera.url + "?other=1")  # a new session with the same camera
                await rig.until(lambda: books.opened == 2, 10, "the edited camera is asked again")
                await rig.recorded(["cam_01"], 1)
                pid = rig.supervisor.children["recorder-0"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await rig.until(lambda: books.opened == 3, 10, "the next recorder asks the camera")
                await rig.recorded(["cam_01"], 1)
                await asyncio.to_thread(view.stop)
        assert (books.most, books.refused) == (1, 0)
        assert (books.torn_down, books.broken) == (2, 1)

    with StrictCamera() as camera:
        asyncio.run(scenario(camera))
    assert join_disposals(5)


def test_a_view_with_a_session_of_its_own_leaves_the_camera_to_a_service_that_starts(tmp_path: Path) -> None:
    async def scenario(camera: StrictCamera) -> None:
        books = camera.books
        rig = Rig(tmp_path, {"cam_01": camera.url})
        place = Place.of(rig.data.root, None)
        config = place.load().config
        source = open_source(place, find_target("cam_01", config, Stream.MAIN), config.view)
        with InputSelectorRTSP(source, ViewOptions(sink=SinkKind.FAKE)) as view:
            async with asyncio.timeout(10):
                while view.stats.decoded < 10:
                    await asyncio.sleep(0.02)
            assert books.opened == 1
            rig.start()
            await rig.recorded(["cam_01"], 1)
            await rig.until(lambda: source.on_feed, 5, "the view takes the feed")  # type: ignore[attr-defined]
            before = view.stats.decoded
            await rig.until(lambda: view.stats.decoded > before + 25, 10, "pictures of the feed")
            await asyncio.to_thread(view.stop)
            await rig.stop()
        assert view.error is None
        assert (books.opened, books.most, books.broken) == (2, 1, 0)

    with StrictCamera() as camera:
        asyncio.run(scenario(camera))
    assert join_disposals(5)
