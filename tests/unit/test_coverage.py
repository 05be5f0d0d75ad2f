"""Every instant of a window is accounted for exactly once, by the first that may claim it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from evertape.domain.canvas import Canvas
from evertape.domain.cause import Cause
from evertape.domain.coverage import (
    CoverageInput,
    CoverageReport,
    Death,
    Footage,
    GapSpan,
    LedgerGap,
    RecordedSpan,
    Run,
    WishChange,
    coverage,
)
from evertape.domain.logical import counted
from evertape.types import NS_PER_S, DurationNs, UtcNs

FAR = 10_000_000


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def footage(
    name: str, start: float, end: float | None, *, epoch: str = "e", first: int | None = None, generation: int = 0,
    state: str = "closed", fate: str = "",
) -> Footage:  # fmt: skip
    """25 pictures a second, numbered by the time since 0."""
    begin = round(start * 25) if first is None else first
    last = None if end is None else begin + round((end - start) * 25) - 1
    return Footage(
        name, epoch, generation, s(start), None if end is None else s(end), begin, last, state, fate
    )  # fmt: skip


def account(
    start: float, end: float, *held: Footage, gaps: tuple[LedgerGap, ...] = (), wishes: tuple[WishChange, ...] = (),
    runs: tuple[Run, ...] = (), deaths: tuple[Death, ...] = (), now: float = FAR, boot: str | None = None,
    open_until: dict[str, int] | None = None,
) -> CoverageReport:  # fmt: skip
    known = CoverageInput(held, gaps, wishes or (WishChange(0, True),), runs, deaths, open_until or {}, boot)
    return coverage(known, UtcNs(s(start)), UtcNs(s(end)), UtcNs(s(now)))


def gap(start: float, end: float | None, cause: Cause, **about: object) -> LedgerGap:
    return LedgerGap(f"{cause}-{start}", cause, s(start), None if end is None else s(end), **about)  # type: ignore[arg-type]


def story(report: CoverageReport) -> list[tuple[str, float, float]]:
    return [
        (
            "+".join(span.segments) if isinstance(span, RecordedSpan) else str(span.cause),
            span.start / NS_PER_S,
            span.end / NS_PER_S,
        )
        for span in report.spans
    ]


# -- footage ------------------------------------------------------------------------------------------------


def test_files_that_follow_on_are_one_span() -> None:
    report = account(0, 120, footage("a", 0, 60), footage("b", 60, 120, generation=1))
    assert story(report) == [("a+b", 0, 120)]
    assert (report.recorded_s, report.explained_s, report.unexplained_s) == (120, 0, 0)
    assert report.complete


def test_what_two_volumes_hold_counts_once() -> None:
    old = footage("old", 0, 70)
    new = footage("new", 50, 120, generation=1)
    report = account(0, 120, old, new)
    assert report.recorded_s == 120
    assert [(part.segment, part.start, part.end) for part in counted([old, new])] == [
        ("old", s(0), s(50)),
        ("new", s(50), s(120)),
    ]


def test_a_file_that_adds_nothing_is_not_named() -> None:
    assert story(account(0, 60, footage("a", 0, 60), footage("b", 10, 20, generation=1))) == [("a", 0, 60)]


def test_an_unfinished_file_counts_up_to_where_its_heir_begins() -> None:
    """As on a volume that was pulled: nobody can look, but no writer is replaced before what precedes is durable."""
    report = account(0, 120, footage("a", 0, None, state="open"), footage("b", 60, 120, generation=1))
    assert report.recorded_s == 120


def test_only_a_later_file_is_an_heir() -> None:
    """A file that was begun earlier and holds later units says nothing of how far this one got."""
    held = (footage("a", 0, None, state="open", generation=2), footage("b", 60, 120, generation=1))
    assert story(account(0, 120, *held)) == [("unknown", 0, 60), ("b", 60, 120)]


def test_a_superseded_file_ends_exactly_where_the_other_begins() -> None:
    """However unevenly its pictures came: here most of them at its end."""
    old, new = footage("old", 0, 70), footage("new", 50, 120, first=100, generation=1)
    assert [(part.segment, part.start, part.end) for part in counted([old, new])] == [
        ("old", s(0), s(50)),
        ("new", s(50), s(120)),
    ]


def test_an_unfinished_file_counts_as_far_as_it_is_said_to_reach() -> None:
    live = footage("a", 0, None, state="open")
    assert story(account(0, 100, live, open_until={"a": s(99)}, now=100)) == [("a", 0, 99)]
    assert story(account(0, 60, live)) == [("unknown", 0, 60)]


@pytest.mark.parametrize(("hole", "joined"), [(0.4, True), (0.5, True), (0.6, False)])
def test_a_short_hole_within_a_session_is_none(hole: float, joined: bool) -> None:
    """Some pictures are missing between the two, so that only the slack can join them."""
    report = account(0, 120 + hole, footage("a", 0, 60), footage("b", 60 + hole, 120 + hole, first=1503, generation=1))
    assert (report.gaps == 0) is joined
    assert report.unexplained_s == pytest.approx(0 if joined else hole)


def test_a_corrected_clock_between_two_files_is_no_gap() -> None:
    report = account(0, 122, footage("a", 0, 60), footage("b", 62, 122, first=1500, generation=1))
    assert (report.recorded_s, report.gaps) == (122, 0)


def test_a_clock_that_was_set_is_named() -> None:
    report = account(0, 3720, footage("a", 0, 60), footage("b", 3660, 3720, first=1500, generation=1))
    assert story(report)[1] == ("clock_jump", 60, 3660)
    assert report.complete


def test_a_clock_that_was_set_back_does_not_count_time_twice() -> None:
    report = account(0, 100, footage("a", 0, 100), footage("b", 40, 90, first=2500, generation=1))
    assert report.recorded_s == 100


# -- the ledger ---------------------------------------------------------------------------------------------


def test_footage_counts_more_than_the_ledger() -> None:
    report = account(0, 100, footage("a", 0, 60), gaps=(gap(50, 100, Cause.CAMERA_UNREACHABLE),))
    assert story(report) == [("a", 0, 60), ("camera_unreachable", 60, 100)]
    assert report.causes == {Cause.CAMERA_UNREACHABLE: 40}


def test_of_two_entries_the_later_counts_and_the_keepers_counts_least() -> None:
    entries = (
        gap(0, 100, Cause.CAMERA_UNREACHABLE), gap(50, 60, Cause.STREAM_STALLED),
        gap(40, 120, Cause.HOST_DOWN, derived=True),
    )  # fmt: skip
    assert story(account(0, 120, gaps=entries)) == [
        ("camera_unreachable", 0, 50),
        ("stream_stalled", 50, 60),
        ("camera_unreachable", 60, 100),
        ("host_down", 100, 120),
    ]


def test_a_gap_that_nobody_ended_ends_when_footage_comes() -> None:
    entries = (gap(10, None, Cause.SERVICE_STOPPED),)
    report = account(0, 120, footage("a", 0, 10), footage("b", 60, 80, epoch="f"), gaps=entries)
    assert story(report) == [("a", 0, 10), ("service_stopped", 10, 60), ("b", 60, 80), ("unknown", 80, 120)]


def test_a_gap_that_nobody_ended_ends_with_its_recorder() -> None:
    entry = gap(10, None, Cause.CAMERA_UNREACHABLE, source="recorder-0", service="one", opened_at=s(10))
    death = Death(s(50), "recorder-0", "one", "signal 9")
    later = gap(52, None, Cause.CAMERA_UNREACHABLE, source="recorder-0", service="one", opened_at=s(52))
    report = account(0, 100, footage("a", 0, 10), gaps=(entry, later), deaths=(death,))
    assert story(report)[1:] == [
        ("camera_unreachable", 10, 50),
        ("process_crash", 50, 52),
        ("camera_unreachable", 52, 100),
    ]


def test_a_camera_that_was_removed_stays_away_whatever_dies() -> None:
    entry = gap(10, None, Cause.REMOVED_BY_PERSON, source="recorder-0", service="one", opened_at=s(10))
    runs = (Run("one", 0, s(50), s(50), "b"), Run("two", s(60), None, s(90), "b"))
    assert story(account(0, 100, footage("a", 0, 10), gaps=(entry,), runs=runs))[1:] == [("removed_by_person", 10, 100)]


def test_a_moment_beside_a_gap_belongs_to_it() -> None:
    report = account(0, 100, footage("a", 0, 49.8), gaps=(gap(50, 100, Cause.STREAM_STALLED),))
    assert story(report) == [("a", 0, 49.8), ("stream_stalled", 49.8, 100)]
    assert report.complete


@pytest.mark.parametrize(
    ("state", "fate", "cause"),
    [
        ("missing", "", "footage_missing"),
        ("deleted", "retention", "evicted_by_retention"),
        ("deleted", "by a person", "removed_by_person"),
        ("deleted", "superseded", "unknown"),
        ("deleted", "empty", "unknown"),
    ],
)
def test_footage_that_is_gone_says_where_it_went(state: str, fate: str, cause: str) -> None:
    report = account(0, 120, footage("a", 0, 60, state=state, fate=fate), footage("b", 60, 120, generation=1))
    assert story(report) == [(cause, 0, 60), ("b", 60, 120)]


# -- wishes -------------------------------------------------------------------------------------------------


def test_time_before_the_first_footage_and_the_first_wish_is_not_accounted_for() -> None:
    report = account(0, 120, footage("a", 60, 120), wishes=(WishChange(s(60.2), True),))
    assert (report.start, report.total_s, report.recorded_s) == (s(60), 60, 60)
    nobody = account(0, 120, wishes=(WishChange(s(10), False),))
    assert (nobody.total_s, nobody.spans) == (0, ())


def test_footage_from_before_anybody_asked_counts_and_what_is_between_was_not_asked_for() -> None:
    taken_over = (footage("a", 10, 20), footage("b", 40, 50, epoch="f"))
    never = account(0, 120, *taken_over, wishes=(WishChange(s(120), False),))
    assert story(never) == [("a", 10, 20), ("not_asked_for", 20, 40), ("b", 40, 50), ("not_asked_for", 50, 120)]
    later = account(0, 120, *taken_over, footage("c", 100, 120, epoch="g"), wishes=(WishChange(s(100), True),))
    assert story(later)[3:] == [("not_asked_for", 50, 100), ("c", 100, 120)]
    assert never.complete and later.complete and later.worst is None


def test_without_a_wish_there_need_be_no_footage() -> None:
    wishes = (WishChange(0, True), WishChange(s(60), False), WishChange(s(90), True))
    report = account(0, 120, footage("a", 0, 60), footage("b", 90, 120, epoch="f"), wishes=wishes)
    assert story(report)[1] == ("stopped_by_person", 60, 90)
    assert report.complete
    assert report.worst is None


def test_what_happened_a_moment_ago_is_not_judged() -> None:
    assert story(account(0, 100, footage("a", 0, 97), now=100)) == [("a", 0, 97)]
    assert story(account(0, 100, footage("a", 0, 90), now=100))[1:] == [("unknown", 90, 100)]


def test_a_service_that_is_down_outside_the_schedule_is_outside_the_schedule() -> None:
    """Stopped during the day, and until the next: the night in between nobody wanted."""
    wishes = (
        WishChange(0, True, "schedule"),
        WishChange(s(100), False, "schedule"),
        WishChange(s(200), True, "schedule"),
    )
    stopped = gap(60, None, Cause.SERVICE_STOPPED, source="recorder-0", service="one")
    report = account(0, 300, footage("a", 0, 60), footage("b", 250, 300, epoch="f"), gaps=(stopped,), wishes=wishes)
    assert story(report)[1:4] == [
        ("service_stopped", 60, 100),
        ("outside_schedule", 100, 200),
        ("service_stopped", 200, 250),
    ]


def test_what_the_recorder_said_of_a_wanted_time_stays_said() -> None:
    wishes = (WishChange(0, True, "schedule"), WishChange(s(100), False, "schedule"))
    lost = gap(60, 100.2, Cause.CAMERA_UNREACHABLE)
    report = account(0, 200, footage("a", 0, 60), gaps=(lost,), wishes=wishes)
    assert story(report)[1:] == [("camera_unreachable", 60, 100.2), ("outside_schedule", 100.2, 200)]


# -- what was down ------------------------------------------------------------------------------------------

ONE = Run("one", s(0), None, s(58), "boot-1")


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        (Run("one", 0, s(61), s(61), "boot-1"), Run("two", s(90), None, s(99), "boot-1"), "service_stopped"),
        (ONE, Run("two", s(90), None, s(99), "boot-1"), "process_crash"),
        (ONE, Run("two", s(90), None, s(99), "boot-2"), "host_down"),
    ],
)
def test_between_two_runs_the_journal_tells_what_happened(first: Run, second: Run, cause: str) -> None:
    held = (footage("a", 0, 60), footage("b", 92, 120, epoch="f"))
    starting = gap(91, 92, Cause.STARTING)
    report = account(0, 120, *held, gaps=(starting,), runs=(first, second))
    down = [(cause, 60, 91), ("starting", 91, 92)] if cause == "service_stopped" else [(cause, 60, 92)]
    assert story(report) == [("a", 0, 60), *down, ("b", 92, 120)]


@pytest.mark.parametrize(("how", "cause"), [("signal 9", "process_crash"), ("hung", "recorder_hung")])
def test_a_dead_recorder_explains_the_time_until_its_successor_records(how: str, cause: str) -> None:
    held = (footage("a", 0, 59.2), footage("b", 62, 120, epoch="f"))
    starting = gap(60.9, 62, Cause.STARTING)
    report = account(0, 120, *held, gaps=(starting,), runs=(ONE,), deaths=(Death(s(60), "recorder-0", "one", how),))
    assert story(report) == [("a", 0, 59.2), (cause, 59.2, 62), ("b", 62, 120)]
    (down,) = [span for span in report.spans if isinstance(span, GapSpan)]
    assert report.worst == down


def test_a_death_does_not_explain_what_came_much_later() -> None:
    deaths = (Death(s(60), "recorder-0", "one", "signal 9"),)
    report = account(0, 300, footage("a", 0, 60), runs=(ONE,), deaths=deaths)
    assert story(report)[1:] == [("process_crash", 60, 120), ("unknown", 120, 300)]


def test_a_service_that_stopped_and_then_lost_its_host_is_stopped() -> None:
    runs = (Run("one", 0, s(60), s(60), "boot-1"), Run("two", s(9000), None, s(9001), "boot-2"))
    report = account(0, 9050, footage("a", 0, 60), footage("b", 9001, 9050, epoch="f"), runs=runs)
    assert story(report)[1] == ("service_stopped", 60, 9001)


def test_without_a_running_service_the_end_is_explained_too() -> None:
    for boot, cause in (("boot-1", "process_crash"), ("boot-2", "host_down")):
        report = account(0, 500, footage("a", 0, 60), runs=(ONE,), boot=boot, now=500)
        assert story(report)[1:] == [(cause, 60, 500)]


# -- brute force --------------------------------------------------------------------------------------------

TICKS = 30
CAUSES = [Cause.CAMERA_UNREACHABLE, Cause.STREAM_STALLED, Cause.STORAGE_FULL, Cause.SERVICE_STOPPED]
FATES = [("closed", "")] * 4 + [("missing", ""), ("deleted", "retention"), ("deleted", "superseded")]
FAR_NS = UtcNs(s(1000))


@dataclass
class World:
    """What is known of a camera; one unit lasts one second. ``open`` says which files are being written."""

    known: CoverageInput
    open: set[str]

    @property
    def held(self) -> list[Footage]:
        return [f for f in self.known.footage if f.state in ("open", "closed")]


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    """Three sessions: one plain, one whose clock may be set before each file, one with files being written."""
    held: list[Footage] = []
    until: dict[str, int] = {}
    shift = 0
    for n in range(draw(st.integers(0, 6))):
        epoch = draw(st.sampled_from("abc"))
        first = draw(st.integers(0, TICKS - 1))
        last = draw(st.integers(first, TICKS - 1))
        state, fate = draw(st.sampled_from(FATES))
        if epoch == "b":
            shift += draw(st.sampled_from([0, 0, 0, 1, -1, 2, -2, 6, -6]))
        start = s(first + (shift if epoch == "b" else 0))
        end = start + s(last + 1 - first)
        if epoch == "c":
            until.clear()  # a recorder says so of the one file that it writes now
        if epoch == "c" and draw(st.booleans()):
            held.append(Footage(f"s{n}", epoch, n, start, None, first, None, "open"))
            if draw(st.booleans()):
                until[f"s{n}"] = end
            continue
        held.append(Footage(f"s{n}", epoch, n, start, end, first, last, state, fate))
    gaps = []
    for n in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, TICKS - 1))
        stop = draw(st.none() | st.integers(begin, TICKS).map(s))
        gaps.append(LedgerGap(f"g{n}", draw(st.sampled_from(CAUSES)), s(begin), stop, derived=draw(st.booleans())))
    times = draw(st.lists(st.integers(0, TICKS), max_size=3, unique=True))
    wishes = [WishChange(s(at), draw(st.booleans()), draw(st.sampled_from(["Ann", "schedule"]))) for at in times]
    known = CoverageInput(held, gaps, wishes, open_until=until)
    return World(known, {f.segment for f in held if f.state == "open"})


def _owners(world: World) -> dict[tuple[str, int], tuple[str, int]]:
    """By session and unit: the file that counts, and the tick at which it has the unit; unit by unit."""
    owners: dict[tuple[str, int], tuple[str, int]] = {}
    for f in sorted(world.held, key=lambda f: f.generation):
        last = f.last
        if last is None:
            heirs = [o.first for o in world.held if o.epoch == f.epoch and o.generation > f.generation]
            heirs = [first for first in heirs if first >= f.first]
            until = world.known.open_until.get(f.segment)
            if heirs:
                last = min(heirs) - 1
            elif until is not None:
                last = f.first + (until - f.start) // NS_PER_S - 1
            else:
                continue
        units = [(f.epoch, unit) for unit in range(f.first, last + 1)]
        if all(unit in owners for unit in units):
            continue
        for epoch, unit in units:
            owners[epoch, unit] = (f.segment, f.start // NS_PER_S + unit - f.first)
    return owners


def _joins(world: World) -> tuple[set[int], set[int], set[int]]:
    """Ticks that are recorded, ticks between units that follow on by a clock set a little, and the same by a lot."""
    owners = _owners(world)
    little, much = set(), set()
    for (epoch, unit), (_, tick) in owners.items():
        after = owners.get((epoch, unit + 1))
        if after is not None and after[1] > tick + 1:
            (little if after[1] - tick - 1 <= 2 else much).update(range(tick + 1, after[1]))
    return {tick for _, tick in owners.values()}, little, much


def _set_between(world: World, tick: int) -> bool:
    """A file that gives way to another whose clock was set may reach up to it: by its own clock it is here."""
    return any(f.epoch == "b" and f.start <= tick * NS_PER_S < (f.end or 0) for f in world.held)


def _model(world: World, tick: int) -> set[str]:
    """Every answer that would be right for one second, by looking at it alone."""
    known = world.known
    recorded, little, much = _joins(world)
    if tick in recorded:
        return {"recorded"}
    now = tick * NS_PER_S
    also = {"recorded"} if tick in little or _set_between(world, tick) else set()
    gone = {
        "footage_missing" if f.state == "missing" else "evicted_by_retention"
        for f in known.footage
        if f.state in ("missing", "deleted") and f.fate != "superseded" and f.start <= now < (f.end or 0)
    }
    if gone:
        return gone | also
    starts = [piece.start for piece in counted(known.footage, known.open_until)]
    starts += [g.start for g in known.gaps if not g.derived]
    ends = {
        g.id: min((at for at in starts if at > g.start), default=FAR_NS) if g.end is None else g.end for g in known.gaps
    }
    here = [g for g in known.gaps if g.start <= now < ends[g.id]]

    def newest(gaps: list[LedgerGap]) -> set[str]:
        return {str(g.cause) for g in gaps if g.start == max(g.start for g in gaps)}

    said = max((wish for wish in known.wishes if wish.at <= now), key=lambda wish: wish.at, default=WishChange(0, True))
    down = [g for g in here if g.cause is Cause.SERVICE_STOPPED and not g.derived]
    answers = [
        newest([g for g in here if not g.derived and g not in down]),
        {"outside_schedule"} if not said.wanted and said.by == "schedule" else set(),
        newest(down),
        newest([g for g in here if g.derived]),
        {name for name, where in (("recorded", little), ("clock_jump", much)) if tick in where},
        {"stopped_by_person"} if not said.wanted else set(),
        {"not_asked_for"} if not any(wish.wanted and wish.at <= now for wish in known.wishes) else set(),
        {"unknown"},
    ]
    return next(answer for answer in answers if answer) | also


@given(_worlds(), st.integers(0, TICKS), st.integers(0, TICKS))
@settings(max_examples=300)
def test_every_second_is_what_looking_at_it_alone_says(world: World, one: int, two: int) -> None:
    known = world.known
    start, end = sorted((s(one), s(two)))
    report = coverage(known, UtcNs(start), UtcNs(end), FAR_NS, DurationNs(0))
    at = int(report.start)
    for span in report.spans:
        assert span.start == at < span.end
        at = span.end
        for tick in range(span.start // NS_PER_S, span.end // NS_PER_S):
            said = "recorded" if isinstance(span, RecordedSpan) else str(span.cause)
            assert said in _model(world, tick), tick
    assert at == report.end
    wanted = [wish.at for wish in known.wishes if wish.wanted]
    pieces = counted(known.footage, known.open_until)
    if not wanted and not pieces:
        assert report.total_s == 0
    else:
        first = min([*wanted, *(piece.start for piece in pieces)])
        assert (report.start, report.end) == ((max(start, first), end) if max(start, first) < end else (start, start))
    total = report.recorded_s + report.explained_s + report.unexplained_s
    assert total == pytest.approx(report.total_s, abs=1e-6)
    assert sum(report.causes.values()) == pytest.approx(report.explained_s + report.unexplained_s, abs=1e-6)


@given(_worlds())
def test_each_unit_counts_in_one_file_the_one_that_looking_at_it_alone_says(world: World) -> None:
    found: dict[tuple[str, int], str] = {}
    for part in counted(world.known.footage, world.known.open_until):
        last = part.last if part.last is not None else part.first + (part.end - part.start) // NS_PER_S - 1
        for unit in range(part.first, last + 1):
            assert (part.epoch, unit) not in found
            found[part.epoch, unit] = part.segment
    assert found == {key: segment for key, (segment, _) in _owners(world).items()}


@given(_worlds())
def test_recorded_spans_name_the_segments_that_hold_them(world: World) -> None:
    report = coverage(world.known, UtcNs(0), UtcNs(s(TICKS)), FAR_NS, DurationNs(0))
    by_tick: dict[int, set[str]] = {}
    for segment, tick in _owners(world).values():
        by_tick.setdefault(tick, set()).add(segment)
    for span in report.spans:
        if isinstance(span, RecordedSpan):
            for tick in range(span.start // NS_PER_S, span.end // NS_PER_S):
                holders = by_tick.get(tick)
                assert holders is None or holders & set(span.segments) or _set_between(world, tick)


def _pairs(world: World) -> list[tuple[Footage, Footage]]:
    return [(a, b) for a in world.held for b in world.held if a.generation < b.generation]


def _units(f: Footage) -> set[int]:
    return set(range(f.first, (f.last if f.last is not None else f.first) + 1))


CASES: dict[str, Callable[[World], bool]] = {
    "two sessions overlap in time": lambda w: any(
        a.epoch != b.epoch and a.end and b.end and a.start < b.start < a.end for a, b in _pairs(w)
    ),
    "two files of a session hold the same units, the second one more": lambda w: any(
        a.epoch == b.epoch == "a" and _units(a) & _units(b) and _units(b) - _units(a) and _units(a) - _units(b)
        for a, b in _pairs(w)
    ),
    "one of them holds nothing of its own": lambda w: any(
        a.epoch == b.epoch == "a" and _units(b) < _units(a) for a, b in _pairs(w)
    ),
    "three files hold the same unit": lambda w: sum(f.epoch == "a" and 7 in _units(f) for f in w.held) > 2,
    "the clock was set forward a little between two files": lambda w: bool(_joins(w)[1]),
    "the clock was set forward by a lot": lambda w: bool(_joins(w)[2]),
    "the clock was set back": lambda w: any(
        a.epoch == b.epoch == "b" and a.end and b.first == (a.last or 0) + 1 and b.start < a.end for a, b in _pairs(w)
    ),
    "doubled, and the clock was set between the two": lambda w: any(
        a.epoch == b.epoch == "b" and _units(a) & _units(b) and a.start - s(a.first) != b.start - s(b.first)
        for a, b in _pairs(w)
    ),
    "a file being written has an heir": lambda w: any(
        a.segment in w.open and a.epoch == b.epoch and b.first > a.first for a, b in _pairs(w)
    ),
    "a file being written reaches as far as it is said to": lambda w: bool(w.known.open_until),
    "a file being written of which nothing is known": lambda w: bool(w.open - set(w.known.open_until)),
    "a gap that nobody ended": lambda w: any(gap.end is None for gap in w.known.gaps),
    "nobody wants it for a while": lambda w: any(not wish.wanted for wish in w.known.wishes),
    "the service is down while the schedule does not ask for it": lambda w: any(
        gap.cause is Cause.SERVICE_STOPPED and not wish.wanted and wish.by == "schedule" and gap.start < wish.at
        for gap in w.known.gaps
        for wish in w.known.wishes
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_worlds_contain(case: str) -> None:
    """What is compared with brute force above is not only what is easy."""
    seeking = settings(max_examples=5000, phases=[Phase.generate], database=None, deadline=None)
    assert CASES[case](find(_worlds(), CASES[case], settings=seeking, random=Random(1)))


@given(st.lists(st.tuples(st.integers(-2, 22), st.integers(-2, 22))))
def test_on_a_canvas_the_first_one_stays(strokes: list[tuple[int, int]]) -> None:
    canvas: Canvas[tuple[int, int, int]] = Canvas(0, 20)
    model: dict[int, int] = {}
    for n, (start, end) in enumerate(strokes):
        canvas.paint(start, end, lambda a, b, n=n: (n, a, b))  # type: ignore[misc]
        for tick in range(max(0, start), min(20, end)):
            model.setdefault(tick, n)
    assert {tick: n for n, a, b in canvas.spans() for tick in range(a, b)} == model
    assert {tick for a, b in canvas.free() for tick in range(a, b)} == set(range(20)) - set(model)
