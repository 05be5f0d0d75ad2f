"""What a view decides without GStreamer: when to show what, which decoder, where a picture belongs in time."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.errors import SetupError
from evertape.media.view.card import CardText, card_text, draw_card
from evertape.media.view.decision import GRACE_NS, FallbackDecision, ShowFallback, Showing, ShowPrimary
from evertape.media.view.decoders import (
    FORGIVEN_NS,
    Action,
    DecoderChoice,
    DecoderHealth,
    Trouble,
    candidates,
)
from evertape.media.view.font import HEIGHT, cells
from evertape.media.view.looks import grid, is_damaged
from evertape.media.view.terms import Picture
from evertape.media.view.timeline import EARLY_NS, PictureClock
from evertape.types import NS_PER_MS, NS_PER_S, Codec, Epoch

S = NS_PER_S


# -- fallback and back --------------------------------------------------------------------------------------------


def test_the_fallback_comes_when_the_picture_stood_still_for_the_time_out() -> None:
    decision = FallbackDecision(10 * S, 0)
    assert decision.picture(1 * S) == ShowPrimary(None, first=True)
    assert decision.tick(11 * S - 1) is None
    assert decision.tick(11 * S) == ShowFallback("no picture", 10 * S)
    assert decision.tick(12 * S) is None
    assert decision.picture(15 * S) == ShowPrimary(14 * S, first=False)
    assert decision.showing is Showing.PRIMARY


def test_a_known_loss_is_not_waited_out() -> None:
    decision = FallbackDecision(10 * S, 0)
    decision.picture(1 * S)
    decision.source(False, "reset", 2 * S)
    assert decision.tick(2 * S + GRACE_NS - 1) is None
    assert decision.tick(2 * S + GRACE_NS) == ShowFallback("reset", S + GRACE_NS)


def test_a_source_that_is_back_within_the_grace_costs_no_card() -> None:
    decision = FallbackDecision(10 * S, 0)
    decision.picture(1 * S)
    decision.source(False, "reset", 1 * S)
    decision.source(True, "", 1 * S + GRACE_NS // 2)
    assert decision.tick(1 * S + 2 * GRACE_NS) is None


def test_a_picture_that_comes_out_late_does_not_make_the_source_well() -> None:
    decision = FallbackDecision(10 * S, 0)
    decision.picture(1 * S)
    decision.source(False, "reset", 1 * S)
    decision.picture(1 * S + 40 * NS_PER_MS)
    assert decision.tick(1 * S + 40 * NS_PER_MS + GRACE_NS) is not None


def test_a_camera_that_was_never_there_is_announced_once() -> None:
    decision = FallbackDecision(3 * S, 0)
    decision.source(False, "refused", 0)
    assert decision.tick(S) == ShowFallback("refused", S)
    decision.source(False, "unreachable", 2 * S)
    assert decision.tick(9 * S) is None
    assert decision.picture(10 * S) == ShowPrimary(10 * S, first=True)


# -- decoders -----------------------------------------------------------------------------------------------------


def available(*names: str):  # type: ignore[no-untyped-def]
    return lambda name: name in names


def test_hardware_comes_first_and_software_after_it() -> None:
    have = available("avdec_h264", "vah264dec", "openh264dec")
    assert candidates(Codec.H264, "auto", have) == ("vah264dec", "avdec_h264", "openh264dec")
    assert candidates(Codec.H264, "software", have) == ("avdec_h264", "openh264dec")
    assert candidates(Codec.H264, "openh264dec", have) == ("openh264dec", "avdec_h264")


def test_a_machine_without_a_decoder_is_told_what_to_install() -> None:
    with pytest.raises(SetupError, match="libav"):
        candidates(Codec.H265, "auto", available())
    with pytest.raises(SetupError, match="nvh264dec"):
        candidates(Codec.H264, "nvh264dec", available("avdec_h264"))


def test_a_decoder_gets_a_second_chance_and_no_third() -> None:
    choice = DecoderChoice(("vah264dec", "avdec_h264"))
    choice.gave_picture()
    assert choice.troubled(Trouble.STALLED, 100 * S).action is Action.REBUILT
    answer = choice.troubled(Trouble.STALLED, 110 * S)
    assert (answer.action, answer.decoder) == (Action.REPLACED, "avdec_h264")
    # The last one is rebuilt for ever: there is nothing better.
    assert [choice.troubled(Trouble.FAILED, t * S).action for t in range(111, 120)] == [Action.REBUILT] * 9


def test_trouble_long_ago_is_forgiven() -> None:
    choice = DecoderChoice(("vah264dec", "avdec_h264"))
    choice.gave_picture()
    choice.troubled(Trouble.CORRUPT, 100 * S)
    assert choice.troubled(Trouble.CORRUPT, 101 * S + FORGIVEN_NS).action is Action.REBUILT


def test_hardware_that_never_worked_gets_no_second_chance() -> None:
    choice = DecoderChoice(("vah264dec", "avdec_h264"))
    assert choice.troubled(Trouble.FAILED, 1).action is Action.REPLACED


def test_a_decoder_that_takes_and_does_not_give_is_stalled() -> None:
    health = DecoderHealth(0)
    for _ in range(19):
        health.pushed(False)
    assert health.trouble(9 * S) is None  # it may be reordering
    health.pushed(False)
    assert health.trouble(2 * S - 1) is None
    assert health.trouble(2 * S) is Trouble.STALLED
    health.gave(1, 0, 0, 2 * S)
    assert health.trouble(9 * S) is None


@pytest.mark.parametrize("bad, expected", [((1, 1, 1), Trouble.CORRUPT), ((1, 0, 1), None), ((0, 0, 0), None)])
def test_damage_is_the_decoders_if_keyframes_do_not_end_it(bad: tuple[int, ...], expected: Trouble | None) -> None:
    health = DecoderHealth(0)
    for second, damaged in enumerate(bad):
        health.pushed(True)
        health.gave(25, 2, 2 * damaged, second * S)
    assert health.trouble(3 * S) is expected


def test_pictures_that_were_never_decoded_are_recognised() -> None:
    assert is_damaged([(128, 128, 128)] * 10)
    assert is_damaged([(0, 0, 0)] * 10)
    assert not is_damaged([(16, 128, 128)] * 10)  # night
    assert not is_damaged([(235, 128, 128)] * 10)  # the sun
    assert not is_damaged([(128, 128, 128)] * 4 + [(90, 120, 130)] * 6)
    assert not is_damaged([])


@given(st.integers(2, 4000), st.integers(1, 64))
def test_a_grid_lies_within_the_picture(length: int, count: int) -> None:
    places = list(grid(length, count))
    assert all(0 <= place < length for place in places)
    assert len(places) <= count


# -- time ---------------------------------------------------------------------------------------------------------


def pictures(epoch: str, *pts: int) -> list[Picture]:
    return [Picture(Epoch(epoch), at, False, b"") for at in pts]


def test_the_newest_picture_of_the_first_batch_belongs_to_now() -> None:
    clock = PictureClock()
    assert clock.place(pictures("a", 0, 40, 80), 1000) == [920, 960, 1000]
    assert clock.place(pictures("a", 120), 1045) == [1040]


def test_old_pictures_at_the_beginning_are_not_before_time() -> None:
    assert PictureClock().place(pictures("a", 0, 40, 80), 50) == [0, 10, 50]


def test_a_new_session_goes_on_where_the_last_one_ended() -> None:
    clock = PictureClock()
    clock.place(pictures("a", 5 * S), 1 * S)
    assert clock.place(pictures("b", 0, 40 * NS_PER_MS), 1 * S + 10) == [S + 1, S + 10]


def test_a_first_batch_that_came_late_does_not_delay_for_ever() -> None:
    clock = PictureClock()
    clock.place(pictures("a", 0), 2 * S)
    early = EARLY_NS + 1
    assert clock.place(pictures("a", early), 2 * S) == [2 * S + 1]  # not two seconds from then on


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10 * S), st.integers(0, S)), min_size=1, max_size=40))
def test_time_runs_forward_whatever_cameras_do(batches: list[tuple[int, int, int]]) -> None:
    clock, now, last = PictureClock(), 0, -1
    media: dict[int, int] = {}
    for epoch, step, pause in batches:
        now += pause
        media[epoch] = media.get(epoch, 0) + step
        (at,) = clock.place(pictures(str(epoch), media[epoch]), now)
        assert at >= last
        assert at <= now + EARLY_NS + len(batches)
        last = at


# -- the card -----------------------------------------------------------------------------------------------------


def test_the_card_says_since_when_and_when_next() -> None:
    since = 1_767_263_525 * S  # 10:32:05 UTC
    text = card_text("Yard", since_utc_ns=since, reason="no_route", retry_in_ns=3 * S + 1, zone=UTC)
    assert text == CardText("Yard", "NO SIGNAL", ("since 10:32:05", "no route", "next try in 4 s"))
    waiting = card_text("Yard", since_utc_ns=None, reason="", retry_in_ns=None, zone=UTC)
    assert waiting == CardText("Yard", "CONNECTING", ())
    assert card_text("", since_utc_ns=since, reason="", retry_in_ns=0, zone=UTC).lines[-1] == "trying now"


@pytest.mark.parametrize("size", [(640, 360), (64, 64), (16, 16), (1920, 1080), (360, 640)])
def test_the_card_is_a_whole_picture_of_any_size_with_ink_on_it(size: tuple[int, int]) -> None:
    width, height = size
    picture = draw_card(CardText("Front door", "NO SIGNAL", ("since 10:32:05",)), width, height)
    assert len(picture) == width * height * 3 // 2
    assert len(set(picture[: width * height])) > 1
    assert set(picture[width * height :]) == {128}


def test_every_glyph_has_five_by_seven_cells() -> None:
    for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:-_/'()+%#!é":
        rows = cells(char)
        assert len(rows) == HEIGHT
        assert {len(row) for row in rows} == {6}
    assert cells("a") == cells("A")
