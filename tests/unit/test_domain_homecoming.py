"""Where footage goes home to, what a move does about what it finds, and how fast it goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evertape.domain.homecoming import (
    BUSY_MS,
    SLOWEST,
    Began,
    Failed,
    Hashed,
    Located,
    Move,
    OnRecord,
    Place,
    Placed,
    Removed,
    Stage,
    choose_home,
    pace,
    step,
)
from evertape.domain.retention_terms import Terms

GB = 10**9
TERMS = Terms(start_free=5 * GB, start_percent=0.0)
USB = Place("usb", "primary", 0, "online", 50 * GB, 1000 * GB)
NAS = Place("nas", "primary", 1, "online", 50 * GB, 1000 * GB)
SPILL = Place("spill", "spill", 2, "online", 50 * GB, 1000 * GB)
OLD = Place("old", "retired", 3, "online", 50 * GB, 1000 * GB)
MOVE = Move("s", "door", "spill", "a.mp4", "usb", size=10, counts_at="spill")


def home(source: Place, *places: Place, size: int = GB) -> str:
    found = choose_home(source, [*places, source], size, TERMS)
    return found.id if found is not None else ""


def test_footage_goes_to_the_first_primary_that_is_well() -> None:
    assert home(SPILL, NAS, USB) == "usb"
    for state in ("low", "slow", "full", "missing", "hung", "read_only", "of a newer version"):
        assert home(SPILL, replace(USB, state=state), NAS) == "nas", state


def test_it_leaves_more_free_than_retention_would_begin_to_delete_for() -> None:
    assert home(SPILL, replace(USB, free=6 * GB), size=GB) == "usb"
    assert home(SPILL, replace(USB, free=6 * GB), size=GB + 1) == ""


def test_a_retired_volume_empties_itself_onto_a_spill_volume_only_if_no_primary_has_room() -> None:
    assert home(OLD, SPILL, USB) == "usb"
    assert home(OLD, SPILL, replace(USB, free=0)) == "spill"


def test_footage_never_goes_to_a_volume_of_the_same_kind_or_a_worse_one() -> None:
    assert home(SPILL, replace(SPILL, id="another"), OLD) == ""
    assert home(USB, NAS, SPILL) == ""


def test_a_move_copies_reads_back_records_and_only_then_deletes() -> None:
    move, stages = MOVE, []
    for news in (
        Began(),
        Hashed("h", 10),
        Hashed("h", 10),
        Placed("b.mp4"),
        OnRecord(),
        Located("usb", "b.mp4"),
        Removed(),
    ):
        stages.append(move.stage)
        move = step(move, news)
    assert stages == [Stage.BEGIN, Stage.COPY, Stage.CHECK, Stage.PLACE, Stage.RECORD, Stage.CONFIRM, Stage.REMOVE]
    assert move.stage is Stage.DONE


def test_a_source_that_changed_while_it_was_read_is_not_moved() -> None:
    move = step(replace(MOVE, stage=Stage.COPY), Hashed("h", 9))
    assert move.stage is Stage.STOPPED
    assert "9 bytes, not 10" in move.problem


@pytest.mark.parametrize("copy", ["", "b.mp4"])
def test_a_copy_that_reads_back_differently_never_counts(copy: str) -> None:
    read = replace(MOVE, stage=Stage.CHECK, copy=copy, read="h", read_size=10)
    move = step(read, Hashed("other", 10))
    assert move.stage is (Stage.DROP if copy else Stage.STOPPED)


@pytest.mark.parametrize(
    ("counts_at", "hash_", "stage"),
    [
        ("spill", "", Stage.DROP),
        ("spill", "read", Stage.DROP),
        ("spill", "neither", Stage.STOPPED),
        ("usb", "", Stage.CONFIRM),
        ("usb", "checked", Stage.CONFIRM),
        ("usb", "neither", Stage.STOPPED),
    ],
)
def test_of_two_files_that_differ_the_one_goes_that_does_not_count_if_the_other_is_as_it_was_closed(
    counts_at: str, hash_: str, stage: Stage
) -> None:
    move = replace(MOVE, stage=Stage.CHECK, copy="b.mp4", read="read", read_size=10, hash=hash_, counts_at=counts_at)
    assert step(move, Hashed("checked", 10)).stage is stage


def test_a_segment_that_was_deleted_on_its_way_is_not_left_at_its_new_place() -> None:
    move = replace(MOVE, stage=Stage.CONFIRM, copy="b.mp4")
    assert step(move, Located("")).stage is Stage.DROP


@pytest.mark.parametrize("found", [Located("spill", "a.mp4"), Located("usb", "c.mp4"), Located("nowhere", "missing")])
def test_nothing_is_deleted_unless_the_index_has_the_copy(found: Located) -> None:
    move = replace(MOVE, stage=Stage.CONFIRM, copy="b.mp4")
    assert step(move, found).stage is Stage.STOPPED


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in (Stage.DONE, Stage.STOPPED)])
def test_any_stage_that_fails_stops_the_move(stage: Stage) -> None:
    stopped = step(replace(MOVE, stage=stage), Failed("no"))
    assert (stopped.stage, stopped.problem) == (Stage.STOPPED, "no")


def test_an_outcome_that_a_stage_cannot_have_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="begin"):
        step(MOVE, Removed())


def test_it_goes_slower_while_recording_waits_for_the_disk_and_faster_again_afterwards() -> None:
    most = 20e6
    assert pace(most, most, []) == most
    slow = pace(most, most, [3.0, BUSY_MS + 1])
    assert slow == most / 2
    assert pace(slow, most, [150.0]) == slow
    assert slow < pace(slow, most, [5.0]) <= most
    for _ in range(20):
        slow = pace(slow, most, [BUSY_MS + 1])
    assert slow == SLOWEST
    for _ in range(40):
        slow = pace(slow, most, [0.0])
    assert slow == most
    assert pace(1e5, 1e5, [BUSY_MS + 1]) <= 1e5, "never above the limit"
