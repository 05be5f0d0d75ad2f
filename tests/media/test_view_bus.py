"""What a view and a player do with each kind of message on their bus, posted by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gi.repository import GLib

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, join_disposals
from evertape.media.view.playback import FilePlayer
from evertape.media.view.restart import RestartRTSP
from evertape.media.view.selector import InputSelectorRTSP
from evertape.media.view.terms import DecoderTroubled, SinkKind, SourceChanged, ViewEvent, ViewOptions
from evertape.media.view.view import View, WindowClosedError
from evertape_lab import LabCameras

SHORT = ViewOptions(sink=SinkKind.FAKE, title="yard")


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size="320x192", gop=10) as cameras:
        yield cameras


def error(domain: int, code: int, text: str = "posted by hand") -> Any:
    return GLib.Error.new_literal(domain, text, code)


class Viewing:
    """A view that shows pictures, its pipeline's bus, and what it tells."""

    def __init__(self, url: str, kind: type[View] = InputSelectorRTSP) -> None:
        self.events: list[ViewEvent] = []
        self.view = kind(url, SHORT, self.events.append)

    def __enter__(self) -> Viewing:
        self.view.start()
        self.until(lambda: self.view.stats.decoded > 10, "pictures")
        return self

    def __exit__(self, *_error: object) -> None:
        self.view.stop()
        assert join_disposals(5)

    @property
    def pipeline(self) -> Any:
        stage = self.view._screen.primary_stage()
        assert stage is not None
        return stage.pipeline

    def post(self, message: Any) -> None:
        self.pipeline.get_bus().post(message)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.events[-5:]} {self.view.stats} {self.view.error}"
            time.sleep(0.01)

    def goes_on(self) -> None:
        before = self.view.stats.decoded
        self.until(lambda: self.view.stats.decoded > before + 15, "pictures go on")
        assert self.view.error is None

    def troubles(self) -> list[DecoderTroubled]:
        return [event for event in self.events if isinstance(event, DecoderTroubled)]


def test_an_error_of_the_decoder_has_it_rebuilt(camera: LabCameras) -> None:
    with Viewing(camera.urls[0]) as seen:
        chain = seen.view._screen.chain
        assert chain is not None
        wrong = error(Gst.StreamError.quark(), int(Gst.StreamError.DECODE), "rtsp://user:s3cret@host/ makes no sense")
        seen.post(Gst.Message.new_error(chain.bin, wrong, ""))
        seen.until(lambda: len(seen.troubles()) == 1, "the trouble is told")
        seen.goes_on()
    (event,) = seen.troubles()
    assert (event.trouble, event.action) == ("failed", "rebuilt")
    assert (event.domain, event.code, event.priority) == ("gst-stream-error-quark", 7, "medium")
    assert "makes no sense" in event.debug
    assert "s3cret" not in event.debug


def test_an_error_deep_inside_the_decoder_is_the_decoders_and_a_code_that_is_a_cameras_elsewhere(
    camera: LabCameras,
) -> None:
    with Viewing(camera.urls[0]) as seen:
        chain = seen.view._screen.chain
        assert chain is not None
        inner = next(e for e in chain.bin.children if e.get_factory().get_name() not in ("appsrc", "h264parse"))
        wrong = error(Gst.ResourceError.quark(), int(Gst.ResourceError.READ))
        inner.post_message(Gst.Message.new_error(inner, wrong, ""))
        seen.until(lambda: len(seen.troubles()) == 1, "the trouble is told")
        seen.goes_on()
    (event,) = seen.troubles()
    assert (event.trouble, event.action, event.element) == ("failed", "rebuilt", inner.get_factory().get_name())
    # The camera's own session knows nothing of it.
    assert not [e for e in seen.events if isinstance(e, SourceChanged) and not e.flowing]


@pytest.mark.parametrize("closed", [True, False])
def test_an_error_of_the_window_ends_the_view_and_a_closed_one_is_no_mistake(camera: LabCameras, closed: bool) -> None:
    with Viewing(camera.urls[0]) as seen:
        stage = seen.view._screen.primary_stage()
        assert stage is not None
        code = Gst.ResourceError.NOT_FOUND if closed else Gst.ResourceError.FAILED
        seen.post(Gst.Message.new_error(stage.output.sink, error(Gst.ResourceError.quark(), int(code)), ""))
        seen.until(lambda: seen.view.error is not None, "the view ends")
    assert isinstance(seen.view.error, WindowClosedError if closed else SetupError)


def test_a_warning_is_in_the_log_and_changes_nothing(camera: LabCameras, caplog: pytest.LogCaptureFixture) -> None:
    with Viewing(camera.urls[0]) as seen:
        wrong = error(Gst.StreamError.quark(), int(Gst.StreamError.DECODE), "somewhat odd")
        seen.post(Gst.Message.new_warning(seen.pipeline, wrong, "for rtsp://user:s3cret@host/"))
        seen.until(lambda: "somewhat odd" in caplog.text, "the line")
        seen.goes_on()
        assert seen.pipeline.get_state(0)[1] == Gst.State.PLAYING
    assert "s3cret" not in caplog.text
    assert not seen.troubles()


@pytest.mark.parametrize("kind", [InputSelectorRTSP, RestartRTSP])
def test_an_end_of_a_live_picture_is_a_failure_that_mends_itself(camera: LabCameras, kind: type[View]) -> None:
    with Viewing(camera.urls[0], kind) as seen:
        seen.post(Gst.Message.new_eos(seen.pipeline))
        seen.until(lambda: len(seen.troubles()) == 1, "the trouble is told")
        seen.goes_on()


def test_an_elements_own_message_changes_nothing(camera: LabCameras) -> None:
    with Viewing(camera.urls[0]) as seen:
        told = list(seen.events)
        seen.post(Gst.Message.new_element(seen.pipeline, Gst.Structure.new_empty("mouse-moved")))
        seen.goes_on()
    assert seen.events == told


# -- files --------------------------------------------------------------------------------------------------------


@pytest.fixture
def player(tmp_path: Path) -> Iterator[FilePlayer]:
    path = tmp_path / "film.mp4"
    pipeline = Gst.parse_launch(
        f"videotestsrc num-buffers=100 ! video/x-raw,width=64,height=48,framerate=25/1 ! x264enc ! mp4mux "
        f"! filesink location={path}"
    )
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    made = FilePlayer(str(path), SHORT)
    made.start()
    deadline = time.monotonic() + 10
    while made.stats.shown < 3:
        made.poll()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield made
    made.stop()
    assert join_disposals(5)


def test_a_file_is_played_every_time(tmp_path: Path, player: FilePlayer) -> None:
    for _ in range(12):
        again = FilePlayer(str(tmp_path / "film.mp4"), SHORT)
        again.start()
        deadline = time.monotonic() + 10
        while again.stats.shown < 2:
            again.poll()
            assert time.monotonic() < deadline, again.pipeline.get_state(0)
            time.sleep(0.005)
        again.stop()
    assert join_disposals(5)


def test_a_file_ends_with_its_end(player: FilePlayer) -> None:
    player.pipeline.get_bus().post(Gst.Message.new_eos(player.pipeline))
    assert player.poll() is False
    assert player.ended


def test_a_file_that_cannot_be_played_on_says_so(player: FilePlayer) -> None:
    wrong = error(Gst.StreamError.quark(), int(Gst.StreamError.DEMUX), "it is torn")
    player.pipeline.get_bus().post(Gst.Message.new_error(player.pipeline, wrong, ""))
    with pytest.raises(SetupError, match="it cannot be played: it is torn"):
        player.poll()


def test_a_files_warning_is_in_the_log_and_an_elements_message_is_nothing(
    player: FilePlayer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = error(Gst.StreamError.quark(), int(Gst.StreamError.DECODE), "somewhat odd")
    player.pipeline.get_bus().post(Gst.Message.new_warning(player.pipeline, wrong, ""))
    player.pipeline.get_bus().post(Gst.Message.new_element(player.pipeline, Gst.Structure.new_empty("anything")))
    assert player.poll()
    assert not player.paused
    assert "somewhat odd" in caplog.text
