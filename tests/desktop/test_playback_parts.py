"""The pure parts of playback: clock, tiles, scale, reel, order of fetching, days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from evertape.domain.cause import Cause, explain
from evertape.domain.deed import deed
from evertape.types import NS_PER_MS, NS_PER_S, Codec, VideoCaps
from evertape_desktop.playback.calendar import Day, day_of
from evertape_desktop.playback.causes import SENTENCES, TITLES
from evertape_desktop.playback.clock import DecodingWatch, MasterClock, faster, mode_of
from evertape_desktop.playback.deleting import is_protected
from evertape_desktop.playback.exporting import file_name
from evertape_desktop.playback.reading import first_fragment, next_run
from evertape_desktop.playback.reel import Look, Reel
from evertape_desktop.playback.scale import LONGEST_NS, SHORTEST_NS, Window, day_start, ticks
from evertape_desktop.playback.spans import Kind, Span, kind_of_cause, spans_by_camera
from evertape_desktop.playback.terms import Edge, Encoded, FragmentPlace, Hole, Mode, Part, Shown
from evertape_desktop.playback.tiles import COARSEST, FINEST, TILE, level_for, tile_length, tiles_of

S, MS = NS_PER_S, NS_PER_MS
VIDEO = VideoCaps(Codec.H264, b"", 640, 360)


def shown(utc: int, until: int) -> Shown:
    return Shown(Encoded(utc, until, False, False, VIDEO, b""), b"", 2, 2)


# -- the clock --------------------------------------------------------------------------------------------------


def test_the_clock_goes_at_its_rate_and_stands_while_it_is_held() -> None:
    clock = MasterClock(100 * S)
    assert clock.at(5 * S) == 100 * S
    clock.play(5 * S, 2.0)
    assert clock.at(6 * S) == 102 * S
    clock.hold(True, 6 * S)
    assert clock.at(9 * S) == 102 * S
    clock.hold(False, 9 * S)
    assert clock.at(10 * S) == 104 * S
    clock.play(10 * S, -1.0)
    assert clock.at(12 * S) == 102 * S
    clock.pause(12 * S)
    assert clock.at(99 * S) == 102 * S and clock.rate == -1.0


def test_the_clock_stays_within_what_there_is() -> None:
    clock = MasterClock(100 * S)
    clock.play(0, 16.0)
    assert clock.confine(0, 110 * S, S)
    assert clock.at(S) == 110 * S
    assert not clock.confine(0, 200 * S, S)


@pytest.mark.parametrize(
    ("rate", "slow", "mode"),
    [(0.5, False, Mode.ALL), (1, False, Mode.ALL), (2, False, Mode.ALL), (4, False, Mode.KEYS), (16, False, Mode.KEYS),
     (1, True, Mode.KEYS), (0.5, True, Mode.ALL), (-1, False, Mode.BACK), (-16, False, Mode.BACK)],
)  # fmt: skip
def test_fast_and_backward_show_keyframes_only(rate: float, slow: bool, mode: Mode) -> None:
    assert mode_of(rate, is_slow=slow) is mode


@pytest.mark.parametrize(
    ("rate", "direction", "then"),
    [(0, 1, 1), (1, 1, 2), (8, 1, 16), (16, 1, 16), (4, -1, -1), (-1, -1, -2), (-2, 1, 1)],
)
def test_each_press_goes_faster_or_turns_round(rate: float, direction: int, then: float) -> None:
    assert faster(rate, direction) == then


def test_decoding_is_too_slow_when_the_clock_waits_more_than_a_fifth_of_the_time() -> None:
    slow, well, waiting = DecodingWatch(), DecodingWatch(), DecodingWatch()
    assert any(slow.look(n * S // 10, held=n % 3 == 0) for n in range(30))
    assert not any(well.look(n * S // 10, held=n % 6 == 0) for n in range(100))
    assert not any(waiting.look(n * S // 10, held=True, is_judged=False) for n in range(100))


# -- the reel ---------------------------------------------------------------------------------------------------


def test_each_picture_is_shown_for_as_long_as_it_lasts() -> None:
    reel = Reel()
    reel.add(shown(n * 40 * MS, (n + 1) * 40 * MS) for n in range(5))
    assert reel.look(50 * MS) is Look.PICTURE and reel.shown is not None and reel.shown.utc == 40 * MS
    assert reel.previous_utc() == 0 and reel.next_utc() == 80 * MS
    assert reel.look(170 * MS) is Look.PICTURE and reel.shown.utc == 160 * MS
    assert reel.look(200 * MS) is Look.WAITING and reel.shown.utc == 160 * MS, "the last one stands"
    assert reel.has(130 * MS)
    reel.rewind(130 * MS)
    assert reel.look(130 * MS) is Look.PICTURE and reel.shown.utc == 120 * MS


def test_pictures_that_are_over_already_are_kept_and_never_shown() -> None:
    reel = Reel()
    reel.add([shown(0, 40 * MS)])
    assert reel.look(90 * MS) is Look.WAITING and reel.shown is None
    reel.add([shown(40 * MS, 80 * MS), shown(80 * MS, 120 * MS)])
    assert reel.look(90 * MS) is Look.PICTURE
    assert reel.shown is not None and reel.shown.utc == 80 * MS and reel.previous_utc() == 40 * MS


def test_a_gap_is_a_gap_until_footage_goes_on() -> None:
    reel = Reel()
    hole = Hole(S, 5 * S)
    reel.add([shown(960 * MS, S), hole, shown(5 * S, 5040 * MS)])
    assert reel.look(980 * MS) is Look.PICTURE
    assert reel.look(2 * S) is Look.GAP and reel.hole == hole
    assert reel.look(5 * S) is Look.PICTURE and reel.hole is None


def test_over_a_short_hole_the_last_picture_stands() -> None:
    reel = Reel()
    reel.add([shown(0, 40 * MS), shown(300 * MS, 340 * MS)])
    assert reel.look(100 * MS) is Look.PICTURE and reel.shown is not None and reel.shown.utc == 0


def test_where_the_recording_has_not_come_to_is_the_edge_until_more_comes() -> None:
    reel = Reel()
    reel.add([shown(0, 40 * MS), Edge(40 * MS)])
    assert reel.look(20 * MS) is Look.PICTURE
    assert reel.look(50 * MS) is Look.EDGE
    reel.add([shown(40 * MS, 80 * MS)])
    assert reel.look(50 * MS) is Look.PICTURE


def test_backward_the_keyframe_before_is_shown_and_gaps_are_passed() -> None:
    reel = Reel()
    reel.restart(Mode.BACK)
    reel.add([shown(9 * S, 10 * S), shown(8 * S, 9 * S), Hole(4 * S, 8 * S), shown(3 * S, 4 * S)])
    assert reel.look(9500 * MS) is Look.PICTURE and reel.shown is not None and reel.shown.utc == 9 * S
    assert reel.look(8100 * MS) is Look.PICTURE and reel.shown.utc == 8 * S
    assert reel.look(6 * S) is Look.GAP
    assert reel.look(3900 * MS) is Look.PICTURE and reel.shown.utc == 3 * S


def test_backward_nothing_that_was_shown_comes_again() -> None:
    reel = Reel()
    reel.restart(Mode.BACK)
    reel.add([shown(9 * S, 10 * S), shown(8 * S, 9 * S), shown(7 * S, 8 * S)])
    for at in (9500 * MS, 8500 * MS):
        reel.look(at)
    assert reel.has(8500 * MS) and not reel.has(9500 * MS)
    reel.rewind(8500 * MS)
    assert reel.look(8400 * MS) is Look.PICTURE and reel.shown is not None and reel.shown.utc == 8 * S


# -- fetching ---------------------------------------------------------------------------------------------------

FRAGMENTS = tuple(FragmentPlace(n * 100, 100, n * S // 2, (n + 1) * S // 2, n % 4 == 0) for n in range(12))
WHOLE = Part("a", 0, 0, 6 * S, is_open=False, whole=True)


@pytest.mark.parametrize(("at", "index"), [(0, 0), (1900 * MS, 0), (2 * S, 4), (2 * S - 1, 0), (5900 * MS, 8), (-1, 0)])
def test_decoding_begins_at_the_keyframe_before(at: int, index: int) -> None:
    assert first_fragment(FRAGMENTS, at) == index


def test_the_first_piece_is_as_small_as_can_be() -> None:
    assert len(next_run(FRAGMENTS, 4, WHOLE, 2100 * MS, keys=False)) == 1
    assert len(next_run(FRAGMENTS, 0, WHOLE, 1600 * MS, keys=False)) == 4
    assert len(next_run(FRAGMENTS, 0, WHOLE, None, keys=False)) == 12


def test_of_keyframes_only_fragments_with_one_are_fetched() -> None:
    assert next_run(FRAGMENTS, 1, WHOLE, None, keys=True) == [FRAGMENTS[4]]
    assert next_run(FRAGMENTS, 9, WHOLE, None, keys=True) == []


def test_what_another_file_has_is_not_fetched() -> None:
    cut = Part("a", 0, 0, 3 * S, is_open=False, whole=False)
    assert next_run(FRAGMENTS, 4, cut, None, keys=False) == list(FRAGMENTS[4:6])


# -- the time line ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ns_per_pixel", "level"), [(S, 0), (S + 1, 1), (3600 * S, 12), (1, FINEST), (10**18, COARSEST), (MS * 500, -1)]
)
def test_the_resolution_is_no_finer_than_a_pixel_needs(ns_per_pixel: float, level: int) -> None:
    assert level_for(ns_per_pixel) == level


def test_tiles_cover_the_window_and_no_more() -> None:
    assert tile_length(0) == TILE * S and tile_length(-1) == TILE * S // 2
    assert list(tiles_of(0, TILE * S, 0)) == [0]
    assert list(tiles_of(TILE * S - 1, TILE * S + 1, 0)) == [0, 1]


def test_zooming_keeps_the_instant_under_the_mouse() -> None:
    window = Window(0, 100 * S)
    near = window.zoomed(0.5, 25 * S)
    assert near.length == 50 * S and near.x_of(25 * S, 1000) == pytest.approx(250)
    assert window.zoomed(1e-9, 0).length == SHORTEST_NS and window.zoomed(1e9, 0).length == LONGEST_NS


def test_large_ticks_have_room_for_what_is_written_at_them() -> None:
    begin = 1_795_000_000 * S
    for length in (1, 7, 61, 600, 4000, 30_000, 90_000, 700_000, 2_600_000, 7_900_000):
        window = Window(begin, begin + length * S)
        places = [window.x_of(one.at, 1000) for one in ticks(window, 1000, UTC) if one.label]
        assert 1 <= len(places) <= 13, length
        assert all(after - before >= 85 for before, after in pairwise(places)), length


def test_days_are_those_of_the_place_also_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert (day_start(date(2026, 10, 26), berlin) - day_start(date(2026, 10, 25), berlin)) == 25 * 3600 * S
    start = round(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()) * S
    found = [one for one in ticks(Window(start, start + 5 * 86400 * S), 600, berlin) if one.label and one.at >= start]
    assert [one.label for one in found] == ["10-25", "10-26", "10-27", "10-28", "10-29"]


def test_what_is_wrong_is_never_hidden_by_what_is_well() -> None:
    assert Kind.RECORDED < Kind.SPILLED < Kind.WANTED < Kind.CAMERA < Kind.STORAGE < Kind.UNKNOWN
    assert kind_of_cause("storage_full") is Kind.STORAGE and kind_of_cause("footage_damaged") is Kind.DAMAGE
    assert kind_of_cause("removed_by_person") is Kind.WANTED
    assert kind_of_cause("of a newer version") is Kind.UNKNOWN


def test_spans_are_read_as_the_recorder_tells_them() -> None:
    answer = {"cameras": [{"camera": "door", "spans": [
        {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T10:00:01Z", "kind": "recorded", "spilled": True,
         "volume": "usb", "recorded_s": 1.0},
        {"start": "2026-11-24T10:00:01Z", "end": "2026-11-24T10:00:02Z", "kind": "gap", "cause": "storage_hung",
         "recorded_s": 0.0},
    ]}]}  # fmt: skip
    spilled, gap = spans_by_camera(answer)["door"]
    assert spilled.kind is Kind.SPILLED and not spilled.is_gap and spilled.volume == "usb"
    assert gap.kind is Kind.STORAGE and gap.is_gap and gap.start == spilled.end


def test_a_day_is_complete_or_has_gaps_or_nothing() -> None:
    recorded = Span(0, 10, Kind.RECORDED, recorded_s=1)
    wanted, gap = Span(10, 20, Kind.WANTED, "stopped_by_person"), Span(20, 30, Kind.CAMERA, "stream_stalled")
    assert day_of([recorded, wanted], 0, 20) is Day.COMPLETE
    assert day_of([recorded, wanted, gap], 0, 30) is Day.GAPS
    assert day_of([wanted, gap], 10, 30) is Day.NONE and day_of([], 0, 30) is Day.NONE


# -- the rest ---------------------------------------------------------------------------------------------------


def test_every_cause_has_a_title_and_sentences_in_the_dictionary() -> None:
    assert set(TITLES) == {str(cause) for cause in Cause}
    known = set(SENTENCES)
    for cause in Cause:
        words = explain(cause)
        assert {words.what, words.remedy, deed(cause, over=True), deed(cause, over=False)} <= known, cause


def test_what_a_protection_touches_is_not_offered_for_deletion() -> None:
    segment = {"camera": "door", "start": "2026-11-24T10:00:00Z", "end": "2026-11-24T10:10:00Z"}
    held = {"camera": "door", "start": "2026-11-24T10:09:59Z", "end": "2026-11-24T11:00:00Z"}
    assert is_protected(segment, [held])
    assert not is_protected(segment, [held | {"camera": "yard"}])
    assert not is_protected(segment, [held | {"start": "2026-11-24T10:10:01Z"}])


def test_files_are_named_by_camera_and_instant() -> None:
    assert file_name(["door"], "2026-11-24 10:32:05", ".mp4") == "door_2026-11-24_10-32-05.mp4"
    assert file_name(["door", "yard"], "2026-11-24 10:32:05", ".zip") == "2-cameras_2026-11-24_10-32-05.zip"
