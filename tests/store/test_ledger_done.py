"""What the ledger says was done about a gap is what happened to the files beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evertape.cli.ledger import entry_json, entry_lines
from evertape.domain.cause import Cause
from evertape.domain.coverage import Held
from evertape.domain.done import Done, DoneKind
from evertape.store.index import Index
from evertape.store.ledger import LedgerEntry, ledger
from evertape.store.rows import Cursor
from evertape_lab.story import Story, utc

NOW = 1000.0


def entries(tmp_path: Path, tell: Callable[[Story], object], now: float = NOW, **how: Any) -> list[LedgerEntry]:
    story = Story()
    story.started(0)
    story.wish(0)
    tell(story)
    with Index.open(tmp_path / "index") as index:
        index.apply(story.events, Cursor("f", 1))
        return ledger(index, "door", (utc(0), utc(now)), utc(now), **how)


def done(tmp_path: Path, tell: Callable[[Story], object], **how: Any) -> dict[DoneKind, Done]:
    (entry,) = entries(tmp_path, tell, **how)
    assert len({one.kind for one in entry.done}) == len(entry.done)
    return {one.kind: one for one in entry.done}


def rounded(found: Done) -> Done:
    return replace(found, seconds=round(found.seconds, 6))


# -- storage ------------------------------------------------------------------------------------------------


def longer_than_memory(story: Story) -> str:
    """The disk is away from 100 to 200; memory reaches back to 140."""
    story.segment(0, 100, epoch="e")
    story.gap(100, 140, "storage_missing", frames=1000)
    late = story.opened(140, epoch="e", first=3500, at=200)
    story.closed(late, 300)
    story.segment(300, NOW, epoch="e", first=7500)
    return late.id


def test_a_gap_that_memory_could_not_bridge_says_what_was_lost_and_what_was_replayed(tmp_path: Path) -> None:
    found = done(tmp_path, longer_than_memory)
    assert found == {
        DoneKind.LOST: Done(DoneKind.LOST, 40.0, 1000),
        # 60 s of a file of 160 s and 4000 pictures.
        DoneKind.REPLAYED: Done(DoneKind.REPLAYED, 60.0, 1500, 1, 1_500_000, "vol-1"),
    }


def test_the_same_is_said_to_people_and_to_programs(tmp_path: Path) -> None:
    (entry,) = entries(tmp_path, longer_than_memory)
    line = next(line for line in entry_lines(entry, None) if "came of it" in line)
    assert line.endswith("1000 frames, 40.0 s lost; 1500 frames, 1 min 00 s written from memory to vol-1")
    assert [(one["kind"], one["seconds"], one["units"]) for one in entry_json(entry)["done"]] == [
        ("lost", 40.0, 1000), ("replayed", 60.0, 1500),
    ]  # fmt: skip


def test_a_short_gap_is_not_confused_with_the_file_before_it(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 3, epoch="e")
        story.gap(3, 4, "storage_missing", frames=25)
        story.closed(story.opened(4, epoch="e", first=100, at=12, volume="vol-2", spill=True), 20)
        story.segment(20, NOW, epoch="e", first=500)

    found = done(tmp_path, tell)
    assert (found[DoneKind.REPLAYED].seconds, found[DoneKind.SPILLED].seconds) == (8.0, 16.0)


def test_what_memory_held_may_be_in_several_files_by_now(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 100, epoch="e")
        story.gap(100, 140, "storage_missing", frames=1000)
        # The camera connected anew while the disk was away.
        story.closed(story.opened(140, epoch="e", first=3500, at=200), 170)
        story.closed(story.opened(170, epoch="f", at=200), 260)
        story.segment(260, NOW, epoch="f", first=2250)

    found = done(tmp_path, tell)[DoneKind.REPLAYED]
    assert (found.seconds, found.units, found.files) == (60.0, 750 + 750, 2)


def test_what_was_spilled_is_told_and_once_it_is_home_that_too(tmp_path: Path) -> None:
    def tell(story: Story, home: bool = True) -> None:
        """Both volumes are away at 100, the spill volume is back at 200, the primary at 400."""
        story.segment(0, 100, epoch="e")
        story.gap(100, 140, "storage_missing", frames=1000)
        one = story.opened(140, epoch="e", first=3500, at=200, volume="vol-2", spill=True)
        story.closed(one, 300)
        two = story.segment(300, 400, epoch="e", first=7500, volume="vol-2", spill=True)
        story.segment(400, NOW, epoch="e", first=10_000)
        if home:
            story.moved(one, 500, "vol-1")
            story.moved(two, 510, "vol-1")

    (tmp_path / "a").mkdir()
    away = done(tmp_path / "a", lambda story: tell(story, home=False))
    assert away[DoneKind.SPILLED] == Done(DoneKind.SPILLED, 260.0, 6500, 2, 6_500_000, "vol-2")
    assert DoneKind.CAME_HOME not in away
    found = done(tmp_path, tell)
    assert found[DoneKind.REPLAYED] == Done(DoneKind.REPLAYED, 60.0, 1500, 1, 1_500_000, "vol-2")
    assert found[DoneKind.SPILLED] == away[DoneKind.SPILLED]
    assert found[DoneKind.CAME_HOME] == Done(DoneKind.CAME_HOME, 260.0, 6500, 2, 6_500_000, "vol-1")


def test_what_was_spilled_before_the_spill_volume_went_as_well_belongs_to_the_outage(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        """The primary is away at 60, the spill volume at 100; the primary comes back at 200."""
        story.segment(0, 60, epoch="e")
        # What was not known to be durable, two seconds, is there again.
        story.closed(story.opened(58, epoch="e", first=1450, at=61, volume="vol-2", spill=True), 100)
        story.gap(100, 140, "storage_missing", frames=1000)
        story.closed(story.opened(140, epoch="e", first=3500, at=200), NOW)

    found = done(tmp_path, tell)
    assert found[DoneKind.SPILLED] == Done(DoneKind.SPILLED, 42.0, 1050, 1, 1_050_000, "vol-2")
    assert found[DoneKind.REPLAYED].volume == "vol-1"


def test_deleting_the_footage_later_does_not_change_what_was_done(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 100, epoch="e")
        story.gap(100, 140, "storage_missing", frames=1000)
        late = story.opened(140, epoch="e", first=3500, at=200)
        story.closed(late, 300)
        story.deleted(late, 900)
        story.segment(300, NOW, epoch="e", first=7500)

    assert done(tmp_path, tell)[DoneKind.REPLAYED].units == 1500


def test_while_a_gap_lasts_nothing_is_said_to_have_been_replayed(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 100, epoch="e")
        story.gap(100, None, "storage_missing")

    assert done(tmp_path, tell) == {DoneKind.LOST: Done(DoneKind.LOST, 900.0)}


def test_footage_in_memory_is_not_lost(tmp_path: Path) -> None:
    found = done(
        tmp_path,
        lambda story: story.segment(0, 100, epoch="e"),
        now=150,
        held=Held(utc(100), Cause.STORAGE_MISSING),
    )
    assert found == {DoneKind.IN_MEMORY: Done(DoneKind.IN_MEMORY, 50.0)}


def test_an_older_journal_leaves_open_what_was_replayed(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 100, epoch="e")
        story.gap(100, 140, "storage_missing", frames=1000)
        late = story.opened(140, epoch="e", first=3500, at=200)
        story.events.pop()  # only its end is on record
        story.closed(late, NOW)

    assert list(done(tmp_path, tell)) == [DoneKind.LOST]


# -- everything else ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["camera_unreachable", "stream_stalled"])
def test_an_outage_of_the_camera_is_lost_and_nothing_else(tmp_path: Path, cause: str) -> None:
    def tell(story: Story) -> None:
        # On a spill volume meanwhile, which has nothing to do with it.
        story.segment(0, 100, epoch="e", volume="vol-2", spill=True)
        story.gap(100, 120, cause)
        story.segment(120, NOW, epoch="f", volume="vol-2", spill=True)

    assert done(tmp_path, tell) == {DoneKind.LOST: Done(DoneKind.LOST, 20.0)}


def test_after_a_crash_the_file_that_was_left_is_on_record_as_finished(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        left = story.opened(0, epoch="e")
        story.died(100)
        story.closed(left, 99.5, reason="writer_gone")
        story.gap(99.5, 102, "process_crash")
        story.segment(102, NOW, epoch="f")

    found = done(tmp_path, tell)
    assert rounded(found[DoneKind.FINISHED]) == Done(DoneKind.FINISHED, 99.5, 2488, 1, 2_488_000, "vol-1")
    assert found[DoneKind.LOST].seconds == 2.5


def test_deleted_footage_is_counted(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        for start in (0, 100):
            story.deleted(story.segment(start, start + 100, epoch=f"e{start}"), 500)
        story.segment(200, NOW, epoch="f")

    found = done(tmp_path, tell, on_purpose=True)
    assert found == {DoneKind.DELETED: Done(DoneKind.DELETED, 200.0, 5000, 2, 5_000_000, "vol-1")}
