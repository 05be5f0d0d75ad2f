"""The three strategies before a camera that is killed, that freezes, that returns: what is on the screen, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock

import pytest

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, GstApp, join_disposals
from evertape.media.view.fallback import load_picture
from evertape.media.view.plugins import need_fallbacksrc
from evertape.media.view.strategies import view_class
from evertape.media.view.terms import (
    FallbackActivated,
    FallbackStrategy,
    FirstPicture,
    Frame,
    PrimaryRecovered,
    SinkKind,
    SourceBuffering,
    ViewEvent,
    ViewOptions,
)
from evertape.media.view.view import View
from evertape.types import NS_PER_S
from evertape_lab import LabCameras

_ = GstApp
SIZE = (320, 192)
TIMEOUT_S = 1.2
CARD = range(12, 23)
"""The card's background, luma 32, as RGB; what the camera shows has no such corner."""


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size="320x192", gop=12) as cameras:
        yield cameras


@pytest.fixture(params=list(FallbackStrategy), ids=str)
def strategy(request: pytest.FixtureRequest) -> FallbackStrategy:
    which = FallbackStrategy(request.param)
    if which is FallbackStrategy.FALLBACKSRC:
        try:
            need_fallbacksrc()
        except SetupError as error:
            pytest.skip(str(error))
    return which


class Watched:
    """A view, what it told and what it showed."""

    def __init__(self, url: str, strategy: FallbackStrategy, **options: object) -> None:
        self.events: list[ViewEvent] = []
        self.lock = Lock()
        self.cards: list[int] = []
        self.pictures: list[int] = []
        base = ViewOptions(
            timeout_ns=int(TIMEOUT_S * NS_PER_S),
            restart_ns=2 * NS_PER_S,
            retry_ns=NS_PER_S // 5,
            sink=SinkKind.FRAMES,
            on_frame=self._frame,
            title="yard",
        )
        self.view: View = view_class(strategy)(url, replace(base, **options), self.events.append)  # type: ignore[arg-type]

    def _frame(self, frame: Frame) -> None:
        now = time.monotonic_ns()
        card = all(value in CARD for value in frame.data[:3])
        with self.lock:
            (self.cards if card else self.pictures).append(now)

    def __enter__(self) -> Watched:
        self.view.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.view.stop()
        assert self.view.error is None
        assert join_disposals(5)

    def told(self, kind: type[ViewEvent]) -> list[ViewEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, what: list[int]) -> int:
        with self.lock:
            return what[-1] if what else 0

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 12) -> float:
        began = time.monotonic()
        while not condition():
            assert self.view.error is None
            assert time.monotonic() - began < seconds, f"{what}: {self.events[-6:]} {self.view.stats}"
            time.sleep(0.01)
        return time.monotonic() - began

    def sees_pictures(self, since_ns: int = 0, count: int = 5) -> None:
        def enough() -> bool:
            with self.lock:
                return sum(at > since_ns for at in self.pictures) >= count

        self.until(enough, "pictures on the screen")


def check_outage(watched: Watched, gone_ns: int, strategy: FallbackStrategy, known: bool) -> None:
    """The card is on the screen in time and stays; the event says so."""
    took = watched.until(lambda: bool(watched.told(FallbackActivated)), "the fallback")
    slack = 1.0  # a machine that is busy with other tests
    known = known and strategy is not FallbackStrategy.FALLBACKSRC  # which only knows of its time-out
    assert took < (0.5 if known else TIMEOUT_S) + slack
    after = time.monotonic_ns()
    watched.until(lambda: watched.last(watched.cards) > after, "the card on the screen")
    (event,) = watched.told(FallbackActivated)
    assert isinstance(event, FallbackActivated)
    assert event.still_ns < (TIMEOUT_S + slack) * NS_PER_S
    assert watched.last(watched.pictures) < time.monotonic_ns() - 0.3 * NS_PER_S
    assert watched.last(watched.cards) > gone_ns


def check_return(watched: Watched) -> None:
    watched.until(lambda: bool(watched.told(PrimaryRecovered)), "the camera's return")
    watched.sees_pictures(time.monotonic_ns())
    assert watched.last(watched.cards) < watched.last(watched.pictures)
    (event,) = watched.told(PrimaryRecovered)
    (lost,) = watched.told(FallbackActivated)
    assert isinstance(event, PrimaryRecovered)
    assert isinstance(lost, FallbackActivated)
    assert event.outage_ns >= lost.still_ns
    stats = watched.view.stats
    assert stats.fallbacks == 1
    assert stats.fallback_ns == pytest.approx(event.boot_ns - lost.boot_ns, abs=0.1 * NS_PER_S)
    assert stats.decoder_failed == stats.decoder_stalled == stats.decoder_corrupt == 0


def check_seamless(watched: Watched, strategy: FallbackStrategy) -> None:
    """One pipeline that goes on: no end-of-stream, no time that runs backwards."""
    if strategy is not FallbackStrategy.RESTART:
        assert watched.view.stats.ends == 0
        assert watched.view.stats.backward == 0


def test_a_killed_camera_is_replaced_by_the_card_and_comes_back(camera: LabCameras, strategy: FallbackStrategy) -> None:
    with Watched(camera.urls[0], strategy) as watched:
        watched.sees_pictures()
        (first,) = watched.told(FirstPicture)
        assert isinstance(first, FirstPicture)
        assert (first.width, first.height) == SIZE
        gone = time.monotonic_ns()
        camera.kill()
        try:
            check_outage(watched, gone, strategy, known=True)
        finally:
            camera.restart()
        check_return(watched)
        check_seamless(watched, strategy)


def test_a_frozen_camera_is_replaced_by_the_card_and_comes_back(camera: LabCameras, strategy: FallbackStrategy) -> None:
    with Watched(camera.urls[0], strategy) as watched:
        watched.sees_pictures()
        camera.freeze()
        try:
            check_outage(watched, time.monotonic_ns(), strategy, known=False)
        finally:
            camera.thaw()
        check_return(watched)
        check_seamless(watched, strategy)


def test_the_selector_never_leaves_playing_through_three_kills(camera: LabCameras) -> None:
    with Watched(camera.urls[0], FallbackStrategy.INPUT_SELECTOR) as watched:
        watched.sees_pictures()
        stage = watched.view._screen.primary_stage()
        assert stage is not None
        pipeline = stage.pipeline
        for number in range(1, 4):
            camera.kill()
            watched.until(lambda n=number: len(watched.told(FallbackActivated)) == n, "the fallback")  # type: ignore[misc]
            assert pipeline.get_state(0)[1] == Gst.State.PLAYING
            camera.restart()
            watched.until(lambda n=number: len(watched.told(PrimaryRecovered)) == n, "the return")  # type: ignore[misc]
            watched.sees_pictures(time.monotonic_ns())
        assert watched.view._screen.primary_stage() is stage
        assert pipeline.get_state(0)[1] == Gst.State.PLAYING
        stats = watched.view.stats
        assert (stats.ends, stats.backward, stats.fallbacks) == (0, 0, 3)
        assert stats.largest_gap_ns < (TIMEOUT_S + 1) * NS_PER_S


def test_a_camera_that_was_never_there_is_said_to_be_away(strategy: FallbackStrategy) -> None:
    with Watched("rtsp://127.0.0.1:9/nothing", strategy) as watched:
        watched.until(lambda: watched.last(watched.cards) > 0, "a card while connecting")
        if strategy is not FallbackStrategy.FALLBACKSRC:  # it has nothing to switch from
            watched.until(lambda: bool(watched.told(FallbackActivated)), "the fallback")
        assert not watched.told(FirstPicture)
        assert not watched.pictures


@pytest.mark.parametrize("source", ["snow", "picture", "uri"])
def test_other_things_can_be_shown(camera: LabCameras, strategy: FallbackStrategy, source: str, tmp_path: Path) -> None:
    path = tmp_path / "white.png"
    path.write_bytes(white_png())
    names = {"snow": "snow", "picture": str(path), "uri": path.as_uri()}
    seen: list[Frame] = []
    options = ViewOptions(fallback_source=names[source], sink=SinkKind.FRAMES, on_frame=seen.append, retry_ns=NS_PER_S)
    with view_class(strategy)("rtsp://127.0.0.1:9/nothing", options) as view:
        deadline = time.monotonic() + 8
        while len(seen) < 3 and not (source == "uri" and seen):
            assert time.monotonic() < deadline, f"{source} was not shown: {view.stats}"
            time.sleep(0.02)
    assert join_disposals(5)
    frame = seen[-1]
    assert frame.fallback
    row = frame.data[len(frame.data) // 2 :][: frame.width * 3]
    if source == "snow":
        assert len(set(row)) > 20
    else:
        assert min(row) > 240


def white_png() -> bytes:
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=1 pattern=white ! video/x-raw,width=64,height=36 ! pngenc "
        "! appsink name=out sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    buffer = pipeline.get_by_name("out").try_pull_sample(5 * NS_PER_S).get_buffer()
    pipeline.set_state(Gst.State.NULL)
    return bytes(buffer.extract_dup(0, buffer.get_size()))


def test_a_picture_that_is_not_there_is_replaced_by_the_card(
    camera: LabCameras, caplog: pytest.LogCaptureFixture
) -> None:
    with Watched(
        "rtsp://127.0.0.1:9/nothing", FallbackStrategy.INPUT_SELECTOR, fallback_source="/nowhere/picture.png"
    ) as watched:
        watched.until(lambda: watched.last(watched.cards) > 0, "the card")
    assert "there is no picture /nowhere/picture.png" in caplog.text


def test_a_text_file_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(SetupError, match="no picture that GStreamer can read"):
        load_picture(tmp_path / "x.png", SIZE)


def test_buffering_is_told_and_never_pauses_a_live_picture(camera: LabCameras) -> None:
    with Watched(camera.urls[0], FallbackStrategy.INPUT_SELECTOR) as watched:
        watched.sees_pictures()
        stage = watched.view._screen.primary_stage()
        assert stage is not None
        for percent in (10, 55, 100):
            stage.pipeline.get_bus().post(Gst.Message.new_buffering(stage.pipeline, percent))
        watched.until(lambda: len(watched.told(SourceBuffering)) == 3, "the percentages")
        assert [event.percent for event in watched.told(SourceBuffering)] == [10, 55, 100]  # type: ignore[attr-defined]
        assert stage.pipeline.get_state(0)[1] == Gst.State.PLAYING
        watched.sees_pictures(time.monotonic_ns())


def test_fallbacksrc_says_how_to_get_it_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Gst.ElementFactory, "find", staticmethod(lambda _name: None))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SetupError, match="tools/build-fallbackswitch"):
        need_fallbacksrc()
