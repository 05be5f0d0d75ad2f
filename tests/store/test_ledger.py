"""The ledger as people read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.cli.ledger import entry_json, entry_lines
from evertape.domain.cause import Cause, explain
from evertape.domain.deed import deed
from evertape.ipc.events import CameraStateChanged, GapClosed, GapOpened
from evertape.store.index import Index
from evertape.store.ledger import LedgerEntry, ledger
from evertape.store.rows import Cursor
from evertape.types import NS_PER_S
from evertape_lab.story import Story, utc


def entries(tmp_path: Path, tell: Callable[[Story], None], **how: object) -> list[LedgerEntry]:
    story = Story()
    story.started(0)
    story.wish(0)
    tell(story)
    with Index.open(tmp_path / "index") as index:
        index.apply(story.events, Cursor("f", 1))
        return ledger(index, "door", (utc(0), utc(100)), utc(100), **how)  # type: ignore[arg-type]


def an_evening(story: Story) -> None:
    """Recorded, then 10 s without the camera, then recorded, then stopped by hand for 5 s."""
    story.segment(0, 40)
    broke = CameraStateChanged(
        **story.stamp("recorder-0", 42),
        camera="door",
        stream="main",
        old="connected",
        state="stalled",
        reason="silence",
    )
    story.add(broke)
    about = {"gap": "g1", "camera": "door", "cause": "stream_stalled", "start_utc": utc(40)}
    story.add(GapOpened(**story.stamp("recorder-0", 44), **about, evidence=broke.id))  # type: ignore[arg-type]
    story.add(GapClosed(**story.stamp("recorder-0", 51), **about, end_utc=utc(50), frames_lost=7))  # type: ignore[arg-type]
    story.segment(50, 80)
    story.wish(80, False)
    story.gap(80, 85, "stopped_by_person")
    story.wish(85)
    story.segment(85, 100)


def test_an_entry_says_what_showed_it_and_when_both_ends_were_noticed(tmp_path: Path) -> None:
    (found,) = entries(tmp_path, an_evening)
    assert (found.cause, found.start, found.end) == (Cause.STREAM_STALLED, utc(40), utc(50))
    assert (found.noticed_at, found.ended_at, found.frames_lost, found.lasts) == (utc(44), utc(51), 7, False)
    assert found.evidence is not None
    assert found.evidence.body["reason"] == "silence"
    lines = entry_lines(found, None)
    assert "to " in lines[0]
    assert "stream stalled" in lines[0]
    assert lines[1].endswith("Noticed after 4.0 s.")
    assert lines[3].endswith("7 frames, 10.0 s lost")
    shown = entry_json(found)
    assert shown["evidence"]["state"] == "stalled"
    assert shown["seconds"] == 10.0


def test_what_was_asked_for_is_listed_only_on_demand(tmp_path: Path) -> None:
    assert [e.cause for e in entries(tmp_path, an_evening, on_purpose=True)] == ["stream_stalled", "stopped_by_person"]
    only = entries(tmp_path, an_evening, causes=[Cause.STOPPED_BY_PERSON])
    assert [e.cause for e in only] == [Cause.STOPPED_BY_PERSON]


def test_a_gap_that_lasts_says_so(tmp_path: Path) -> None:
    def tell(story: Story) -> None:
        story.segment(0, 40)
        story.gap(40, None, "camera_unreachable")

    (found,) = entries(tmp_path, tell)
    assert found.lasts
    assert found.end == utc(100)
    assert found.deed == deed(Cause.CAMERA_UNREACHABLE, over=False)
    assert "and lasts" in entry_lines(found, None)[0]


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_its_deed(cause: Cause) -> None:
    for over in (False, True):
        assert deed(cause, over=over).endswith(".")
    assert explain(cause).what


def test_lengths_are_seconds(tmp_path: Path) -> None:
    (found,) = entries(tmp_path, an_evening)
    assert (found.end - found.start) / NS_PER_S == 10.0
