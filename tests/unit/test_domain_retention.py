"""What is deleted, and why; what never; and how long a volume lasts."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.forecast import HOUR_NS, LOOK_BACK_NS, bytes_per_hour, coming, forecast, next_look
from evertape.domain.retention import Candidate, Eviction, Goals, Kept, Why, plan, summary
from evertape.domain.retention_terms import (
    DAY_NS,
    ProtectedSpan,
    Protection,
    Rule,
    Terms,
    bytes_needed,
    excesses,
    thresholds,
)
from evertape.domain.volume_state import limits

NOW = 1_000 * DAY_NS
MB, GB, TB = 10**6, 10**9, 10**12


class Archive:
    """Segments of a day each, a hundred bytes by default; ``id`` is the camera and the age in days."""

    def __init__(self) -> None:
        self.segments: list[Candidate] = []
        self.asked: list[tuple[str, int, str]] = []

    def add(self, camera: str, ages: Iterable[int], volume: str = "v", size: int = 100) -> Archive:
        for age in ages:
            start = NOW - age * DAY_NS
            self.segments.append(Candidate(f"{camera}{age}", camera, volume, "", start, start + DAY_NS, size))
        return self

    def __call__(self, volume: str, before: int, camera: str = "") -> Iterable[Candidate]:
        self.asked.append((volume, before, camera))
        found = [s for s in self.segments if s.volume == volume and s.start < before and camera in ("", s.camera)]
        return iter(sorted(found, key=lambda s: s.start))


def went(archive: Archive, goals: Goals, terms: Terms, *spans: ProtectedSpan, kept: Kept | None = None) -> list[str]:
    return [f"{e.segment.id} {e.why.value.removeprefix('retention_')}" for e in
            plan(archive, goals, terms, Protection(spans), NOW, kept=kept)]  # fmt: skip


NOTHING = Rule(max_age=0)


# -- what goes ------------------------------------------------------------------------------------------------


def test_what_is_older_than_its_cameras_age_goes() -> None:
    archive = Archive().add("a", (40, 31, 30, 5)).add("b", (40, 9, 8, 5))
    terms = Terms(rule=Rule(max_age=30 * DAY_NS), cameras={"b": Rule(max_age=7 * DAY_NS)})
    assert went(archive, Goals(("v",)), terms) == ["a40 age", "b40 age", "a31 age", "b9 age", "b8 age"]


def test_nothing_goes_by_its_age_while_the_clock_is_not_to_be_trusted() -> None:
    assert went(Archive().add("a", (400,)), Goals(("v",), by_age=False), Terms()) == []


def test_a_camera_over_its_quota_loses_its_oldest_on_whatever_volume() -> None:
    archive = Archive().add("a", (9, 7, 5), "v").add("a", (8, 6, 4), "w").add("b", (20,), "v")
    goals = Goals(("v", "w"), excess={"a": 250})
    assert went(archive, goals, Terms(rule=NOTHING)) == ["a9 quota", "a8 quota", "a7 quota"]


def test_what_goes_by_age_counts_for_quota_and_space() -> None:
    archive = Archive().add("a", (40, 35, 20, 19, 18))
    goals = Goals(("v",), need={"v": 300}, excess={"a": 300})
    assert went(archive, goals, Terms()) == ["a40 age", "a35 age", "a20 quota"]


def test_for_space_the_oldest_of_all_cameras_goes_first_and_no_more_than_needed() -> None:
    archive = Archive().add("a", (9, 6)).add("b", (8, 7))
    assert went(archive, Goals(("v",), need={"v": 201}), Terms(rule=NOTHING)) == ["a9 space", "b8 space", "b7 space"]
    assert went(archive, Goals(("v",)), Terms(rule=NOTHING)) == []


def test_space_is_made_on_the_volume_that_needs_it() -> None:
    archive = Archive().add("a", (9,), "v").add("a", (8,), "w")
    assert went(archive, Goals(("v", "w"), need={"w": 1}), Terms(rule=NOTHING)) == ["a8 space"]


def test_a_minimum_age_holds_back_from_quota_and_space_and_gives_way_on_a_full_volume() -> None:
    archive = Archive().add("a", (20, 9, 3)).add("b", (12, 2))
    terms = Terms(rule=NOTHING, cameras={"a": Rule(max_age=0, min_age=14 * DAY_NS)})
    kept = Kept()
    goals = Goals(("v",), need={"v": 1000}, excess={"a": 1000})
    assert went(archive, goals, terms, kept=kept) == ["a20 quota", "b12 space", "b2 space"]
    assert kept.young
    goals = Goals(("v",), need={"v": 1000}, full=("v",))
    assert went(archive, goals, terms) == ["a20 emergency", "b12 emergency", "a9 emergency", "b2 emergency"]


def test_what_is_protected_stays_whatever_is_needed() -> None:
    archive = Archive().add("a", (40, 39, 38, 37))
    span = ProtectedSpan("p", "a", NOW - 39 * DAY_NS + 1, NOW - 38 * DAY_NS + 1)
    other = ProtectedSpan("q", "b", 0, NOW)
    kept = Kept()
    for goals in (Goals(("v",)), Goals(("v",), need={"v": 10**9}, full=("v",)), Goals(("v",), excess={"a": 10**9}),
                  Goals(("v",), older_than=0)):  # fmt: skip
        ids = [text.split()[0] for text in went(archive, goals, Terms(), span, other, kept=kept)]
        assert ids == ["a40", "a37"]
    assert (kept.protected, kept.protected_bytes) == (8, 800)


def test_a_person_who_says_an_age_is_obeyed_and_the_rules_wait() -> None:
    archive = Archive().add("a", (40, 5, 3)).add("b", (6,))
    terms = Terms(rule=Rule(max_age=DAY_NS, min_age=100 * DAY_NS))
    assert went(archive, Goals(("v",), need={"v": 999}, older_than=4 * DAY_NS, camera="a"), terms) == [
        "a40 person", "a5 person",
    ]  # fmt: skip


def test_a_camera_alone_goes_by_its_age_and_quota() -> None:
    archive = Archive().add("a", (40, 9)).add("b", (41, 8))
    goals = Goals(("v",), need={"v": 1000}, excess={"a": 150, "b": 100}, camera="a")
    assert went(archive, goals, Terms()) == ["a40 age", "a9 quota"]


def test_what_could_not_be_deleted_is_passed_over() -> None:
    archive = Archive().add("a", (9, 8, 7))
    found = plan(archive, Goals(("v",), need={"v": 150}), Terms(rule=NOTHING), Protection(()), NOW, skip={"a9"})
    assert [e.segment.id for e in found] == ["a8", "a7"]


def test_a_plan_reads_no_further_than_it_must() -> None:
    read: list[Candidate] = []

    def source(volume: str, before: int, camera: str = "") -> Iterable[Candidate]:
        for segment in Archive().add("a", range(1000, 0, -1))(volume, before, camera):
            read.append(segment)
            yield segment

    found = list(plan(source, Goals(("v",), need={"v": 250}), Terms(rule=NOTHING), Protection(()), NOW))
    assert len(found) == 3
    assert len(read) == 4


def test_what_nothing_may_take_is_not_even_looked_for() -> None:
    archive = Archive().add("a", range(30))
    terms = Terms(rule=Rule(max_age=0, min_age=30 * DAY_NS))
    assert went(archive, Goals(("v",), need={"v": 1}), terms) == []
    assert [before for _, before, _ in archive.asked] == [NOW - 30 * DAY_NS]


def test_a_summary_says_how_much_of_which_camera_and_why() -> None:
    archive = Archive().add("a", (40, 35, 9))
    shares = summary(plan(archive, Goals(("v",), need={"v": 250}), Terms(), Protection(()), NOW))
    assert {key[2]: (share.files, share.bytes) for key, share in shares.items()} == {
        Why.AGE: (2, 200), Why.SPACE: (1, 100),
    }  # fmt: skip
    assert shares["v", "a", Why.AGE].oldest == NOW - 40 * DAY_NS
    assert shares["v", "a", Why.AGE].newest == NOW - 34 * DAY_NS


CAMERAS = ("a", "b", "c")


@given(data=st.data())
def test_whatever_the_rules_nothing_goes_twice_nor_protected_and_enough_goes_if_it_may(data: st.DataObject) -> None:
    """A thousand archives: the properties that everything else rests on."""
    seed = data.draw(st.integers(0, 1 << 30))
    rng = random.Random(seed)
    archive = Archive()
    for camera in CAMERAS:
        for volume in ("v", "w"):
            ages = rng.sample(range(1, 60), rng.randrange(20))
            archive.segments += [s._replace(id=f"{volume}{s.id}") for s in Archive().add(
                camera, ages, volume, rng.randrange(1, 50)).segments]  # fmt: skip
    spans = [ProtectedSpan(str(n), rng.choice(CAMERAS), start := NOW - rng.randrange(60 * DAY_NS),
                           start + rng.randrange(1, 5 * DAY_NS)) for n in range(rng.randrange(4))]  # fmt: skip
    terms = Terms(rule=Rule(rng.choice((0, 50 * DAY_NS)), rng.choice((0, 20 * DAY_NS))),
                  cameras={"b": Rule(40 * DAY_NS, 10 * DAY_NS)})  # fmt: skip
    need = {"v": rng.randrange(300)}
    full = ("v",) if rng.random() < 0.5 else ()
    found = list(plan(archive, Goals(("v", "w"), need=need, excess={"c": rng.randrange(200)}, full=full), terms,
                      Protection(spans), NOW))  # fmt: skip
    ids = [eviction.segment.id for eviction in found]
    assert len(set(ids)) == len(ids)
    for segment, why in found:
        assert not any(s.camera == segment.camera and s.start_utc <= segment.end and segment.start < s.end_utc
                       for s in spans)  # fmt: skip
        if why in (Why.QUOTA, Why.SPACE):
            assert segment.end <= NOW - terms.rule_for(segment.camera).min_age
    gone = sum(segment.bytes for segment, _ in found if segment.volume == "v")
    by_space = [s for s, why in found if why in (Why.SPACE, Why.EMERGENCY)]
    assert by_space == sorted(by_space, key=lambda s: s.start)
    if gone < need["v"]:
        left = [s for s in archive.segments if s.volume == "v" and s.id not in ids]
        keep = {c: terms.rule_for(c).min_age for c in CAMERAS}
        keep = {c: min(k, terms.emergency_age) if full else k for c, k in keep.items()}
        assert all(s.end > NOW - keep[s.camera] or Protection(spans).covers(s.camera, s.start, s.end) for s in left)


# -- space ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "start", "stop"),
    [
        (4 * TB, 200 * GB, 205 * GB),  # 5 %
        (500 * GB, 25 * GB, 30 * GB),
        (60 * GB, 5 * GB, 8 * GB),  # 5 GB; as much again is too much for it
        (20 * GB, 3 * GB, 4 * GB),  # both held within shares
        (400 * MB, 60 * MB, 80 * MB),
    ],
)
def test_thresholds_fit_the_volume(total: int, start: int, stop: int) -> None:
    assert thresholds(Terms(), total) == (start, stop)


@given(total=st.integers(10 * MB, 100 * TB), start=st.integers(MB, 100 * GB), low=st.integers(MB, 100 * GB))
def test_a_volume_that_was_cleared_can_be_recorded_to_again(total: int, start: int, low: int) -> None:
    terms = Terms(start_free=start, min_free=low, resume_free=2 * low)
    found = thresholds(terms, total)
    assert limits(terms.min_free, terms.resume_free, total).resume <= found.start < found.stop < total * 0.61


def test_space_is_needed_below_the_start_and_up_to_the_stop() -> None:
    terms, total = Terms(), 500 * GB
    assert bytes_needed(terms, 25 * GB, total) == 0
    assert bytes_needed(terms, 25 * GB - 1, total) == 5 * GB + 1
    assert bytes_needed(terms, 26 * GB, total, coming=2 * GB) == 4 * GB
    assert bytes_needed(terms, 31 * GB, total, coming=900 * GB) == 0
    assert bytes_needed(terms, 100 * GB, total, full=True) == 5 * GB
    assert bytes_needed(terms, 0, 0) == 0


def test_only_cameras_over_their_quota_are() -> None:
    terms = Terms(rule=Rule(quota=100), cameras={"b": Rule(quota=0)})
    assert excesses({"a": 150, "b": 999, "c": 100}, terms) == {"a": 50}


def test_spans_that_touch_are_one_and_edges_count() -> None:
    protection = Protection([ProtectedSpan("1", "a", 10, 20), ProtectedSpan("2", "a", 20, 30),
                             ProtectedSpan("3", "a", 12, 14), ProtectedSpan("4", "a", 50, 60)])  # fmt: skip
    answers = {(0, 9): False, (0, 10): True, (29, 40): True, (30, 49): False, (60, 70): False, (13, 55): True}
    assert {span: protection.covers("a", *span) for span in answers} == answers
    assert not protection.covers("b", 0, 100)


# -- forecast -------------------------------------------------------------------------------------------------


def test_a_rate_is_that_of_the_last_day_or_of_what_there_is() -> None:
    assert bytes_per_hour(2400, NOW - LOOK_BACK_NS, NOW) == 100
    assert bytes_per_hour(200, NOW - 2 * HOUR_NS, NOW) == 100
    assert bytes_per_hour(200, NOW - HOUR_NS // 60, NOW) == 0
    assert bytes_per_hour(0, None, NOW) == 0


def test_days_left_end_where_footage_begins_to_go_and_days_kept_count_what_is_there() -> None:
    found = forecast(Terms(), 49 * GB, 500 * GB, 451 * GB, GB)
    assert found.days_left == 1.0
    assert found.days_kept == (451 + 24) / 24
    assert forecast(Terms(), 49 * GB, 500 * GB, 451 * GB, 0.0).days_left is None
    assert forecast(Terms(), GB, 500 * GB, 0, GB).days_left == 0.0


def test_the_next_look_comes_sooner_where_a_volume_fills_up_before() -> None:
    terms = Terms()
    assert next_look(terms, 400 * GB, 500 * GB, GB) == terms.interval
    assert next_look(terms, 25 * GB + GB // 12, 500 * GB, GB) == pytest.approx(HOUR_NS / 12)
    assert next_look(terms, GB, 500 * GB, GB) == 5 * 10**9
    assert coming(6 * GB, terms) == GB


def test_an_eviction_is_what_it_says() -> None:
    (one,) = plan(Archive().add("a", (40,)), Goals(("v",)), Terms(), Protection(()), NOW)
    assert one == Eviction(Candidate("a40", "a", "v", "", NOW - 40 * DAY_NS, NOW - 39 * DAY_NS, 100), Why.AGE)
