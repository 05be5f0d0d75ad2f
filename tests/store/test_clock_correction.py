"""A box without a battery-backed clock boots in 1970, records, and is told the time: the index puts it right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from evertape.clock import ManualClock
from evertape.domain.coverage import GapSpan
from evertape.engine.keeper_clock import ClockDesk
from evertape.ipc.events import AnyEvent, ClockCorrected, ClockStepped, EventStamp, SegmentClock
from evertape.store.index import Index
from evertape.store.rows import CORRECTED, Cursor
from evertape.types import NS_PER_S
from evertape_lab.story import START, Story, Told, utc

T = TypeVar("T")

TRUTH = 500
"""The second of the story at which the box boots, if one knew."""
AHEAD = START + TRUTH * NS_PER_S
"""What its clock lacks until it is told the time."""


def old(second: float) -> float:
    """Seconds since boot, as the story's clock of 1970 tells them."""
    return second - START / NS_PER_S


class Box(Story):
    """A story in which the boot-time clock begins anew with each boot, and UTC follows it with an offset."""

    applied = 0

    def tell(self, index: Index) -> None:
        """Have the index take in what is new, as the keeper does."""
        fresh, self.applied = self.events[self.applied :], len(self.events)
        index.apply(fresh, Cursor("f", self.applied))

    def booted(self, second: float, told: bool) -> dict[str, Any]:
        """The stamp of an event so many seconds after the boot."""
        at = round(second * NS_PER_S)
        return {"at": at + (AHEAD if told else 0), "boot": at}

    def as_of(self, second: float, told: bool) -> None:
        """The newest event happened then."""
        self.events[-1] = msgspec.structs.replace(self.events[-1], **self.booted(second, told))


class Host:
    """A keeper, as the desk sees it: what it writes down is in the index at once."""

    def __init__(self, index: Index, story: Box, clock: ManualClock) -> None:
        self.index, self.story, self.clock = index, story, clock
        self.stamp = EventStamp("keeper", story.service, clock)

    async def ask(self, question: Callable[[Index], T]) -> T:
        return question(self.index)

    async def caught_up(self) -> None:
        self.story.tell(self.index)

    async def on_record(self, event: AnyEvent, timeout_s: float) -> bool:
        self.story.add(event)
        return True


def first_boot() -> Box:
    story = Box("run-1")
    story.started(0, boot="boot-a")
    story.wish(0)
    story.segment(0, 60)
    story.wish(70)
    return story


def boots_in_1970(story: Box) -> Told:
    """Starts 20 s after boot, records from 21 s on, is told the time at 141 s; returns the file that spans that."""
    story.started(old(20), "run-2", boot="boot-b")
    story.as_of(20, False)
    story.gap(old(20), old(21), "starting")
    story.segment(old(21), old(81), epoch="e")
    return story.opened(old(81), epoch="e", first=1500)


def told_the_time(story: Box) -> None:
    story.add(ClockStepped(**story.stamp("recorder-0", 0), offset=AHEAD, untold=True))
    story.as_of(141, True)


def the_file_ends(story: Box, spanning: Told) -> None:
    """At 161 s, by the new clock; its header and its recorder still say 1970 of its beginning."""
    closed = story.closed(spanning, old(161))
    story.events[-1] = msgspec.structs.replace(closed, end_utc=161 * NS_PER_S + AHEAD)
    story.as_of(161, True)


def rounds(index: Index, story: Box, clock: ManualClock, times: int = 1) -> list[int]:
    async def some() -> list[int]:
        desk = ClockDesk(Host(index, story, clock), told=lambda: False)
        return [await desk.round() for _ in range(times)]

    return asyncio.run(some())


def what_is_known(index: Index) -> list[tuple[str, float, float]]:
    report = index.coverage("door", utc(0), utc(TRUTH + 221), utc(TRUTH + 300))
    assert report.complete
    return [
        (str(s.cause) if isinstance(s, GapSpan) else "recorded", (s.start - START) / 1e9, (s.end - START) / 1e9)
        for s in report.spans
    ]


@pytest.mark.parametrize("ends_first", [True, False])
def test_what_was_recorded_in_1970_is_moved_to_where_it_belongs(tmp_path: Path, ends_first: bool) -> None:
    story = first_boot()
    spanning = boots_in_1970(story)
    clock = ManualClock(170 * NS_PER_S, 170 * NS_PER_S + AHEAD)
    with Index.open(tmp_path / "index") as index:
        told_the_time(story)
        if ends_first:
            the_file_ends(story, spanning)
        assert rounds(index, story, clock, 2) == [AHEAD, 0]
        if not ends_first:
            the_file_ends(story, spanning)
        story.segment(TRUTH + 161, TRUTH + 221, epoch="e", first=3500)
        story.tell(index)
        assert what_is_known(index) == [
            ("recorded", 0, 60), ("host_down", 60, TRUTH + 21), ("recorded", TRUTH + 21, TRUTH + 221),
        ]  # fmt: skip
        rows = {row.start_utc: row for row in index.every_segment()}
        assert sorted(rows) == [utc(0), utc(TRUTH + 21), utc(TRUTH + 81), utc(TRUTH + 161)]
        for at in (TRUTH + 21, TRUTH + 81):
            row = rows[utc(at)]
            assert row.utc_source == CORRECTED
            (event,) = index.events_by_id([row.clock_by]).values()
            assert (event.type, event.body["offset"]) == ("clock_corrected", AHEAD), "the correction is on record"
        assert rows[utc(TRUTH + 81)].end_utc == utc(TRUTH + 161)
        assert index.longest("door") == 80 * NS_PER_S, "a search by time does not have to go back to 1970"
        assert index.segment_at("door", utc(TRUTH + 100)) == rows[utc(TRUTH + 81)]
        assert min(run.started_at for run in index.runs()) == utc(0)
        assert min(gap.opened_at for gap in index.gaps("door", 0, 1 << 62)) == utc(TRUTH + 20)


def test_an_index_that_is_built_anew_has_the_same_times(tmp_path: Path) -> None:
    story = first_boot()
    spanning = boots_in_1970(story)
    told_the_time(story)
    with Index.open(tmp_path / "index") as index, Index.open(tmp_path / "anew") as anew:
        assert rounds(index, story, ManualClock(170 * NS_PER_S, 170 * NS_PER_S + AHEAD)) == [AHEAD]
        the_file_ends(story, spanning)
        story.tell(index)
        anew.apply(story.events, Cursor("f", 100))
        assert list(anew.every_segment()) == list(index.every_segment())
        anew.apply([e for e in story.events if isinstance(e, ClockCorrected)], Cursor("f", 100))
        assert list(anew.every_segment()) == list(index.every_segment()), "nor does hearing of it twice move it twice"
        assert anew.gaps("door", 0, 1 << 62) == index.gaps("door", 0, 1 << 62)
        assert anew.runs() == index.runs()


def test_a_start_that_a_cameras_report_has_put_right_is_left_alone(tmp_path: Path) -> None:
    story = first_boot()
    boots_in_1970(story)
    told_the_time(story)
    known = next(event for event in story.events if getattr(event, "epoch", "") == "e")
    right = {"start_utc": utc(TRUTH + 21.002), "utc_source": "rtcp", "utc_error": 1000}
    story.add(SegmentClock(**story.stamp("recorder-0", TRUTH + 142), segment=known.segment, **right))  # type: ignore[union-attr]
    with Index.open(tmp_path / "index") as index:
        rounds(index, story, ManualClock(170 * NS_PER_S, 170 * NS_PER_S + AHEAD))
        row = index.segment(known.segment)  # type: ignore[union-attr]
        assert row is not None
        assert (row.start_utc, row.utc_source) == (utc(TRUTH + 21.002), "rtcp")


def test_a_clock_that_never_was_wrong_is_not_asked_about_again(tmp_path: Path) -> None:
    story = first_boot()
    clock = ManualClock(170 * NS_PER_S, utc(170))
    with Index.open(tmp_path / "index") as index:
        assert rounds(index, story, clock, 3) == [0, 0, 0]
        assert not [event for event in story.events if isinstance(event, ClockCorrected)]
