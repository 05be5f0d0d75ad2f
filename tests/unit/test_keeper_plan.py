"""What the keeper decides about files and about footage that is held twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.resolve import HeldSpan, resolve
from evertape.engine.keeper_plan import (
    Cut,
    Superfluous,
    by_path,
    day_bounds,
    day_of,
    days_around,
    plan_volume,
    reconcile,
)
from evertape.ipc.messages import FoundFile
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN, SegmentRow
from evertape.types import NS_PER_S, Epoch, SegmentId

PATH = "door/20260101/door_20260101_120000.mp4"


def row(name: str = "s", state: str = CLOSED, *, first: int = 0, last: int | None = 99, generation: int = 0,
        volume: str = "v", path: str = PATH) -> SegmentRow:  # fmt: skip
    return SegmentRow(
        id=name, camera="door", volume=volume, path=path, epoch="e", generation=generation, first_video=first,
        last_video=last, start_utc=0, utc_source="arrival", utc_error=0, codec="h264", width=1, height=1, state=state,
    )  # fmt: skip


def planned(
    before: str | None, after: str | None, *, there: bool = True, opened: bool = False, days: str = "20260101"
) -> dict[str, int]:
    known = [{} if state is None else {PATH: row(state=state)} for state in (before, after)]
    found = [FoundFile(path=PATH, bytes=1, open=opened)] if there else []
    plan = plan_volume(known[0], found, known[1], [days])
    return {name: len(getattr(plan, name)) for name in ("recover", "adopt", "missing", "delete") if getattr(plan, name)}


@pytest.mark.parametrize(
    ("before", "after", "there", "expected"),
    [
        (CLOSED, CLOSED, True, {}),
        (OPEN, OPEN, True, {"recover": 1}),
        (OPEN, OPEN, False, {"recover": 1}),
        (OPEN, CLOSED, True, {}),
        (None, None, True, {"adopt": 1}),
        (None, OPEN, False, {}),  # begun after the look
        (None, CLOSED, False, {}),
        (OPEN, CLOSED, False, {}),  # closed and perhaps deleted meanwhile: the next look will tell
        (CLOSED, CLOSED, False, {"missing": 1}),
        (CLOSED, DELETED, False, {}),
        (MISSING, MISSING, True, {"adopt": 1}),
        (MISSING, MISSING, False, {}),
        (DELETED, DELETED, True, {"delete": 1}),
        (DELETED, DELETED, False, {}),
    ],
)
def test_what_is_done_about_a_file(before: str, after: str, there: bool, expected: dict[str, int]) -> None:
    assert planned(before, after, there=there) == expected


@pytest.mark.parametrize("state", [None, OPEN, CLOSED, MISSING, DELETED])
def test_what_somebody_writes_is_left_alone(state: str | None) -> None:
    assert planned(state, state, opened=True) == {}


def test_a_folder_that_was_not_listed_says_nothing_of_its_files() -> None:
    assert planned(CLOSED, CLOSED, there=False, days="20260102") == {}


def test_a_name_belongs_to_the_segment_that_is_held() -> None:
    rows = [row("new"), row("old", DELETED)]
    assert by_path(rows)[PATH].id == by_path(reversed(rows))[PATH].id == "new"


@given(st.integers(0, 4_000_000_000))
def test_the_day_folders_around_an_instant_reach_wherever_the_clock_is_local(second: int) -> None:
    utc = second * NS_PER_S
    for day in days_around(utc):
        bounds = day_bounds(day)
        assert bounds is not None
    assert any((b := day_bounds(day)) and b[0] <= utc < b[1] for day in days_around(utc))


def test_what_is_no_day_folder_has_no_bounds() -> None:
    assert day_bounds("20261399") is None
    assert day_of("door/20260101/x.mp4") == "20260101"
    assert day_of("x.mp4") == ""


# -- reconciling --------------------------------------------------------------------------------------------


def test_a_superseded_tail_is_cut_only_when_both_can_be_reached() -> None:
    old, new = row("old", volume="usb"), row("new", first=50, last=199, generation=1, volume="spill")
    assert reconcile([old, new], {"usb", "spill"}) == [Cut(old, 50, "new")]
    assert reconcile([old, new], {"usb"}) == []
    assert reconcile([old, new], {"spill"}) == []


def test_what_adds_nothing_is_superfluous() -> None:
    old, new = row("old", last=199), row("new", first=50, last=99, generation=1)
    assert reconcile([old, new], {"v"}) == [Superfluous(new)]


def test_an_unfinished_replacement_is_a_promise() -> None:
    old, new = row("old"), row("new", OPEN, first=50, last=None, generation=1)
    assert reconcile([old, new], {"v"}) == []


def test_what_precedes_the_file_being_written_is_reconciled_all_the_same() -> None:
    old, new = row("old"), row("new", first=50, last=199, generation=1)
    living = row("living", OPEN, first=200, last=None, generation=2)
    assert reconcile([old, new, living], {"v"}) == [Cut(old, 50, "new")]


@st.composite
def _sessions(draw: st.DrawFn) -> list[SegmentRow]:
    rows = []
    for n in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, 20))
        rows.append(
            row(
                f"s{n}",
                draw(st.sampled_from([CLOSED, CLOSED, CLOSED, MISSING, OPEN])),
                first=first,
                last=draw(st.integers(first, 24)),
                generation=n,
                volume=draw(st.sampled_from("ab")),
            )
        )
    return [replace(r, last_video=None) if r.state == OPEN else r for r in rows]


def units(rows: list[SegmentRow], volumes: set[str]) -> set[int]:
    held = [r for r in rows if r.state == CLOSED and r.last_video is not None and r.volume in volumes]
    return {unit for r in held for unit in range(r.first_video, (r.last_video or 0) + 1)}


@given(_sessions(), st.sampled_from([{"a"}, {"b"}, {"a", "b"}]))
def test_reconciling_takes_no_unit_that_is_not_held_elsewhere(rows: list[SegmentRow], online: set[str]) -> None:
    """After each single action, in any order: the next one may never come."""
    for _ in range(20):
        actions = reconcile(rows, online)
        if not actions:
            break
        before, everywhere = units(rows, online), units(rows, {"a", "b"})
        rows = _after(rows, actions[0])
        assert units(rows, online) == before
        assert units(rows, {"a", "b"}) == everywhere
    assert reconcile(rows, online) == []
    closed = [r for r in rows if r.state == CLOSED and r.last_video is not None]
    if online == {"a", "b"} and not any(r.state == OPEN for r in rows):
        spans = resolve(
            HeldSpan(SegmentId(r.id), Epoch("e"), r.generation, r.first_video, r.last_video or 0) for r in closed
        )
        # Only a beginning that a later file replaces stays there twice: files are cut at their ends.
        for span in spans:
            whole = next(r for r in closed if r.id == span.segment)
            assert span.last == whole.last_video


def _after(rows: list[SegmentRow], action: Cut | Superfluous) -> list[SegmentRow]:
    if isinstance(action, Superfluous):
        return [r for r in rows if r.id != action.row.id]
    assert action.from_seq > action.row.first_video
    return [replace(r, last_video=action.from_seq - 1) if r.id == action.row.id else r for r in rows]
