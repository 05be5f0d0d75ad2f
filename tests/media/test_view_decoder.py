"""Decoders that fail, stall and give rubbish are replaced, and the source never notices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from evertape.errors import SetupError
from evertape.media.gst.lib import join_disposals
from evertape.media.view.selector import InputSelectorRTSP
from evertape.media.view.terms import (
    DecoderTroubled,
    FirstPicture,
    SinkKind,
    SourceChanged,
    ViewEvent,
    ViewOptions,
)
from evertape.types import NS_PER_S
from evertape_lab import LabCameras

GREY = "avdec_h264 ! videobalance contrast=0 saturation=0 brightness=0.4393"
"""Every picture as a decoder leaves it that never wrote into it: Y, U and V of 128."""


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size="320x192", gop=10) as cameras:
        yield cameras


def view_until(
    url: str, decoder: str, condition: Callable[[InputSelectorRTSP, list[ViewEvent]], bool], seconds: float = 20
) -> tuple[InputSelectorRTSP, list[ViewEvent]]:
    events: list[ViewEvent] = []
    options = ViewOptions(decoder=decoder, sink=SinkKind.FAKE, retry_ns=NS_PER_S // 5)
    with InputSelectorRTSP(url, options, events.append) as view:
        deadline = time.monotonic() + seconds
        while not condition(view, events):
            assert view.error is None
            assert time.monotonic() < deadline, f"{events} {view.stats}"
            time.sleep(0.02)
    assert join_disposals(5)
    return view, events


def troubles(events: list[ViewEvent]) -> list[DecoderTroubled]:
    return [event for event in events if isinstance(event, DecoderTroubled)]


@pytest.mark.parametrize(
    "decoder, trouble",
    [
        ("avdec_h264 ! identity error-after=30", "failed"),
        ("avdec_h264 ! identity drop-probability=1", "stalled"),
        (GREY, "corrupt"),
    ],
)
def test_a_bad_decoder_is_rebuilt_and_then_replaced(camera: LabCameras, decoder: str, trouble: str) -> None:
    def well(view: InputSelectorRTSP, events: list[ViewEvent]) -> bool:
        found = troubles(events)
        return bool(found) and found[-1].action == "replaced" and view.stats.decoded > decoded_then(view, found)

    marks: dict[int, int] = {}

    def decoded_then(view: InputSelectorRTSP, found: list[DecoderTroubled]) -> int:
        return marks.setdefault(len(found), view.stats.decoded + 20)

    view, events = view_until(camera.urls[0], decoder, well)
    found = troubles(events)
    assert [event.trouble for event in found] == [trouble] * 2
    assert [event.action for event in found] == ["rebuilt", "replaced"]
    assert found[-1].next == "avdec_h264"
    assert getattr(view.stats, f"decoder_{trouble}") == 2
    assert view.stats.decoder_replaced == 1
    # Capture went on: one session, never lost.
    changes = [event for event in events if isinstance(event, SourceChanged)]
    assert [change.flowing for change in changes] == [True]
    assert view.stats.backward == view.stats.ends == 0


def test_one_that_never_gives_a_picture_before_it_fails_gets_no_second_chance(camera: LabCameras) -> None:
    def well(view: InputSelectorRTSP, events: list[ViewEvent]) -> bool:
        return any(isinstance(event, FirstPicture) for event in events)

    _, events = view_until(camera.urls[0], "identity error-after=1 ! avdec_h264", well)
    assert [event.action for event in troubles(events)] == ["replaced"]
    (first,) = [event for event in events if isinstance(event, FirstPicture)]
    assert first.decoder == "avdec_h264"


@pytest.mark.timed
def test_a_decoder_that_hangs_does_not_hang_the_view(camera: LabCameras) -> None:
    """Its streaming thread sleeps in it for seconds; the view makes another one beside it, and ends at once."""

    def well(view: InputSelectorRTSP, events: list[ViewEvent]) -> bool:
        return any(event.action == "replaced" for event in troubles(events)) and view.stats.decoded > 20

    events: list[ViewEvent] = []
    options = ViewOptions(decoder="avdec_h264 ! identity sleep-time=4000000", sink=SinkKind.FAKE)
    view = InputSelectorRTSP(camera.urls[0], options, events.append)
    view.start()
    deadline = time.monotonic() + 30
    while not well(view, events):
        assert time.monotonic() < deadline, f"{events} {view.stats}"
        time.sleep(0.02)
    began = time.monotonic()
    view.stop()
    assert time.monotonic() - began < 1
    assert {event.trouble for event in troubles(events)} == {"stalled"}
    assert join_disposals(20)


def test_nothing_to_decode_with_ends_the_view_with_words(camera: LabCameras) -> None:
    view = InputSelectorRTSP(camera.urls[0], ViewOptions(decoder="nonsensedec", sink=SinkKind.FAKE))
    with pytest.raises(SetupError, match="no element nonsensedec"):
        view.run(10)


def test_a_healthy_decoder_is_left_alone(camera: LabCameras) -> None:
    view, events = view_until(camera.urls[0], "auto", lambda view, _events: view.stats.decoded > 75)
    assert not troubles(events)
    assert view.stats.corrupt == 0
    assert view.stats.skipped == 0


@pytest.mark.parametrize("behind_s", [0.5, 60.0])
def test_a_decoder_that_is_too_slow_skips_to_a_keyframe_once_it_is_so_far_behind(
    camera: LabCameras, behind_s: float
) -> None:
    """It takes a tenth of a second per picture, of which there are twenty-five."""
    events: list[ViewEvent] = []
    options = ViewOptions(
        decoder="avdec_h264 ! identity sleep-time=100000", sink=SinkKind.FAKE, max_behind_ns=int(behind_s * NS_PER_S)
    )
    with InputSelectorRTSP(camera.urls[0], options, events.append) as view:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline and not view.stats.skipped:
            assert view.error is None
            time.sleep(0.02)
        skipped, waiting = view.stats.skipped, view._screen.waiting_ns()
    assert join_disposals(5)
    if behind_s < 1:
        assert skipped
        assert waiting < 2 * NS_PER_S
    else:
        assert not skipped
    assert not troubles(events)
