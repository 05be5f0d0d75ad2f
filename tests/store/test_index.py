"""The index: what events make of it, and what it answers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evertape.errors import EvertapeError
from evertape.ipc.events import (
    AnyEvent,
    Notice,
    ProcessDied,
    RecordingStateChanged,
    SegmentClock,
    SegmentCut,
    SegmentDeleted,
    VolumeStateChanged,
)
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.fold import SEGMENT_EVENTS, fold_segment
from evertape.store.index import Index
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN, Cursor, SegmentRow, Totals
from evertape.store.writer import Writer
from evertape.types import NS_PER_S
from evertape_lab.story import Story, Told, utc


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite3"


def told(story: Story, place: Path, batch: int = 1000) -> Index:
    index = Index.open(place)
    for start in range(0, len(story.events), batch):
        part = story.events[start : start + batch]
        index.apply(part, Cursor("f", start + len(part)))
    return index


def row(index: Index, segment: Told) -> SegmentRow:
    found = index.segment(segment.id)
    assert found is not None
    return found


# -- what events make of a segment --------------------------------------------------------------------------


def test_a_segment_is_open_until_it_is_closed(place: Path) -> None:
    story = Story()
    one, two = story.opened(0), story.opened(60)
    story.closed(one, 60)
    with told(story, place) as index:
        assert row(index, one).state == CLOSED
        assert (row(index, one).last_video, row(index, one).end_utc) == (1499, utc(60))
        assert [r.id for r in index.open_segments()] == [two.id]
        assert row(index, two).service == "run-1"


def test_closed_beats_opened_whichever_comes_first(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60)
    story.events.reverse()
    with told(story, place) as index:
        assert row(index, one).state == CLOSED
        assert row(index, one).service == "run-1"


def test_a_cut_shortens_and_an_older_record_does_not_lengthen_again(place: Path) -> None:
    story = Story()
    one = story.opened(0, epoch="e")
    closed = story.closed(one, 60)
    two = story.segment(40, 90, epoch="e", first=1000, supersedes=((one, 1000),))
    story.cut(one, 95, 1000, two)
    story.add(closed)
    with told(story, place) as index:
        assert (row(index, one).last_video, row(index, one).end_utc, row(index, one).bytes) == (999, utc(40), 1_000_000)
        assert row(index, one).fate == two.id


def test_a_cut_goes_by_the_corrected_clock(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60, epoch="e")
    two = story.segment(40, 90, epoch="e", first=1000, supersedes=((one, 1000),))
    better = {"start_utc": utc(1.5), "utc_source": "rtcp", "utc_error": 1000}
    story.add(SegmentClock(**story.stamp("recorder-0", 91), segment=one.id, **better))
    story.cut(one, 95, 1000, two)
    with told(story, place) as index:
        assert (row(index, one).start_utc, row(index, one).end_utc) == (utc(1.5), utc(41.5))


def test_what_was_deleted_stays_deleted(place: Path) -> None:
    story = Story()
    one = story.opened(0)
    closed = story.closed(one, 60)
    story.deleted(one, 70)
    story.missing(one, 71)
    story.add(closed)
    with told(story, place) as index:
        assert (row(index, one).state, row(index, one).fate) == (DELETED, "retention")
        assert index.segments("door", utc(0), utc(100)) == []


def test_a_deletion_that_is_known_first_prevails(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60)
    story.deleted(one, 70)
    story.events.reverse()
    with told(story, place, batch=1) as index:
        found = row(index, one)
        assert (found.state, found.fate, found.start_utc, found.end_utc) == (DELETED, "retention", utc(0), utc(60))
        assert index.totals_by_camera()["door"].files == 0


def test_a_missing_file_that_turns_up_again_counts_again(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60)
    story.missing(one, 70)
    with told(story, place) as index:
        assert row(index, one).state == MISSING
        story.events.clear()
        story.closed(one, 60, reason="adopted")
        index.apply(story.events, Cursor("f", 9))
        assert row(index, one).state == CLOSED
        assert row(index, one).reason == "rotate"


def test_looking_again_does_not_make_a_corrected_time_worse(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60)
    better = {"start_utc": utc(1.5), "utc_source": "rtcp", "utc_error": 1000}
    story.add(SegmentClock(**story.stamp("recorder-0", 61), segment=one.id, **better))
    story.closed(one, 60, reason="recovered")
    with told(story, place) as index:
        found = row(index, one)
        assert (found.start_utc, found.end_utc, found.utc_source) == (utc(1.5), utc(61.5), "rtcp")


def test_a_copy_that_was_left_behind_is_not_the_segment(place: Path) -> None:
    """Homecoming: closed on another volume, then the source is deleted."""
    story = Story()
    one = story.segment(0, 60, volume="spill")
    home = Told(**{**vars(one), "volume": "primary"})
    story.closed(home, 60, reason="adopted")
    story.deleted(one, 70, "home")
    with told(story, place, batch=1) as index:
        assert (row(index, one).state, row(index, one).volume) == (CLOSED, "primary")
        totals = index.totals_by_volume()
        assert (totals["spill"].files, totals["primary"].files) == (0, 1)


@st.composite
def _lives(draw: st.DrawFn) -> tuple[list[AnyEvent], list[AnyEvent]]:
    """Events of one segment in a possible order, and the same with some that come twice."""
    story = Story()
    one = story.opened(0, epoch="e")
    steps = draw(st.lists(st.sampled_from(["close", "cut", "miss", "adopt", "clock", "delete"]), max_size=6))
    last = 1499
    for step in ["close", *steps]:
        at = 60 + len(story.events)
        if step == "close" and at == 61:
            story.closed(one, 60)
        elif step == "cut":
            last = max(100, last - 200)
            story.cut(one, at, last + 1, one)
        elif step == "miss":
            story.missing(one, at)
        elif step == "adopt":
            story.closed(one, (last + 1) / 25, reason="adopted")
        elif step == "clock":
            better = {"start_utc": utc(draw(st.integers(-5, 5))), "utc_source": "rtcp", "utc_error": 1}
            story.add(SegmentClock(**story.stamp("r", at), segment=one.id, **better))
        elif step == "delete":
            story.deleted(one, at)
    once = list(story.events)
    twice = [copy for event in once for copy in [event] * draw(st.integers(1, 2))]
    return once, twice


def folded(events: list[AnyEvent]) -> SegmentRow | None:
    result = None
    for event in events:
        assert isinstance(event, SEGMENT_EVENTS)
        result = fold_segment(result, event)
    return result


@given(_lives())
def test_an_event_that_comes_twice_changes_nothing(life: tuple[list[AnyEvent], list[AnyEvent]]) -> None:
    once, twice = life
    assert folded(once) == folded(twice)


@given(_lives())
def test_a_record_of_the_beginning_or_end_that_comes_late_changes_nothing(
    life: tuple[list[AnyEvent], list[AnyEvent]],
) -> None:
    once, _ = life
    assume(any(isinstance(event, SegmentCut | SegmentDeleted) for event in once))
    assert folded(once) == folded([*once, *once[:2]])


# -- the same, through the database -------------------------------------------------------------------------


def a_long_story() -> Story:
    story = Story()
    rng = random.Random(7)
    story.started(-1)
    for camera in ("door", "yard"):
        story.wish(-0.5, camera=camera)
    epoch = {"door": "a", "yard": "b"}
    segments = []
    for n in range(40):
        for camera in epoch:
            segments.append(story.segment(n * 60, n * 60 + 60, camera=camera, epoch=epoch[camera], first=n * 1500))
        if rng.random() < 0.3:
            story.gap(n * 60, n * 60 + 5, "camera_unreachable")
    for one in segments[:8]:
        story.deleted(one, 3000)
    story.missing(segments[20], 3001)
    story.cut(segments[21], 3002, segments[21].first + 750, segments[22])
    story.opened(3600)
    story.died(3601)
    story.stopped(3602)
    return story


def everything(index: Index) -> list[object]:
    end = utc(10_000)
    return [
        list(index.every_segment()),
        [index.gaps(camera, utc(-100), end) for camera in index.cameras()],
        [index.wishes(camera) for camera in index.cameras()],
        index.runs(),
        index.volumes(),
        index.totals_by_camera(),
        index.totals_by_volume(),
        index.events(limit=10_000),
        [index.deaths(camera, 0, end) for camera in index.cameras()],
    ]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_size_of_batches_does_not_matter(tmp_path: Path, batch: int) -> None:
    story = a_long_story()
    with told(story, tmp_path / "a", 50) as one, told(story, tmp_path / "b", batch) as two:
        assert everything(one) == everything(two)


def test_applying_everything_again_changes_nothing(place: Path) -> None:
    story = a_long_story()
    with told(story, place) as index:
        before = everything(index)
        index.apply(story.events, Cursor("f", 1))
        assert everything(index) == before


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_applying_any_stretch_a_second_time_changes_nothing(data: st.DataObject) -> None:
    import tempfile

    story = a_long_story()
    start = data.draw(st.integers(0, len(story.events)))
    stretch = story.events[start : start + data.draw(st.integers(0, 30))]
    with tempfile.TemporaryDirectory() as folder, told(story, Path(folder) / "x") as index:
        before = everything(index)
        index.apply([*stretch, *stretch], Cursor("f", 1))
        assert everything(index) == before


def test_totals_are_what_counting_gives(place: Path) -> None:
    with told(a_long_story(), place, 13) as index:
        for by, found in (("camera", index.totals_by_camera()), ("volume", index.totals_by_volume())):
            rows = [r for r in index.every_segment() if r.held]
            assert found
            for key, totals in found.items():
                mine = [r for r in rows if getattr(r, by) == key]
                assert totals == Totals(
                    len(mine),
                    sum(r.bytes or 0 for r in mine),
                    sum(r.duration or 0 for r in mine),
                    min(r.start_utc for r in mine),
                    max(r.end_utc or r.start_utc for r in mine),
                )


@settings(max_examples=30, deadline=None)
@given(st.integers(-50, 2600), st.integers(0, 700))
def test_a_range_finds_every_segment_that_touches_it(start: int, length: int) -> None:
    index = _shared()
    found = {r.id for r in index.segments("door", utc(start), utc(start + length))}
    expected = {
        r.id
        for r in index.every_segment()
        if r.camera == "door" and r.held and r.start_utc < utc(start + length)
        and (r.end_utc is None or r.end_utc > utc(start))
    }  # fmt: skip
    assert found == expected


_kept: list[Index] = []


def _shared() -> Index:
    import tempfile

    if not _kept:
        folder = tempfile.mkdtemp()
        _kept.append(told(a_long_story(), Path(folder) / "x"))
    return _kept[0]


# -- the rest -----------------------------------------------------------------------------------------------


def test_events_worth_showing_are_kept_within_bounds(place: Path) -> None:
    story = Story()
    for n in range(5000):
        story.add(Notice(**story.stamp("hub", n), text=f"number {n}"))
    story.died(6000)
    index = Index.open(place, Writer(most_events=100))
    for start in range(0, len(story.events), 500):
        index.apply(story.events[start : start + 500], Cursor("f", start))
    kept = index.events([Notice], limit=10_000)
    assert 100 <= len(kept) <= 2600
    assert kept[0].body["text"] == "number 4999"
    assert index.latest_event(ProcessDied) is not None
    index.close()


def test_the_configurations_wish_is_seen_from_what_recorders_do(place: Path) -> None:
    story = Story()
    for at, old, state in ((1, "stopped", "waiting"), (2, "waiting", "recording"), (90, "recording", "stopped")):
        story.add(RecordingStateChanged(**story.stamp("recorder-0", at), camera="door", old=old, state=state))
    story.wish(100, False)
    with told(story, place) as index:
        assert [(w.at, w.wanted) for w in index.wishes("door")] == [(utc(1), True), (utc(100), False)]
        assert index.cameras() == ["door"]


def test_a_recorders_death_is_found_by_its_cameras(place: Path) -> None:
    story = Story()
    for camera, recorder in (("door", "recorder-0"), ("yard", "recorder-1")):
        story.gap(1, 2, "starting", camera=camera, source=recorder)
    story.died(5, "recorder-0")
    story.died(6, "disk-usb1")
    with told(story, place) as index:
        assert [death["at"] for death in index.deaths("door", 0, utc(100))] == [utc(5)]
        assert index.deaths("yard", 0, utc(100)) == []


def test_volumes_are_remembered_as_last_reported(place: Path) -> None:
    story = Story()
    for at, state in ((1, "online"), (2, "missing")):
        stamp = story.stamp("disk-usb1", at)
        story.add(VolumeStateChanged(**stamp, volume="usb1", volume_id="v1", old="x", state=state, free=7, total=9))
    with told(story, place) as index:
        (volume,) = index.volumes()
        assert (volume.id, volume.name, volume.state, volume.free) == ("v1", "usb1", "missing", 7)


def test_the_cursor_moves_with_the_events_or_not_at_all(place: Path) -> None:
    story = Story()
    story.segment(0, 60)
    index = Index.open(place)
    index.apply(story.events, Cursor("a.jsonl", 100, applied=2))
    good = Notice(**story.stamp("x", 1), text="good")
    unwritable = Notice(**story.stamp("x", 1 << 40), text="an instant that no column can hold")
    with pytest.raises(OverflowError):
        index.apply([good, unwritable], Cursor("a.jsonl", 200))
    assert index.cursor() == Cursor("a.jsonl", 100, applied=2)
    assert index.events([Notice]) == []
    index.close()


def test_superseded_units_are_played_once(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60, epoch="e", volume="usb")
    two = story.segment(50, 120, epoch="e", first=1250, volume="spill", supersedes=((one, 1250),))
    three = story.opened(120, epoch="e", first=3000)
    with told(story, place) as index:
        pieces = index.pieces("door", utc(0), utc(200), {three.id: utc(150)})
        assert [(p.segment.id, p.first, p.last) for p in pieces] == [
            (one.id, 0, 1249),
            (two.id, 1250, 2999),
            (three.id, 3000, None),
        ]
        assert index.segment_at("door", utc(55)) == row(index, two)
        assert index.segment_at("door", utc(130)) is None
        assert [r.id for r in index.superseding()] == [two.id]
        assert [r.id for r in index.epoch("e")] == [one.id, two.id, three.id]


# -- the database -------------------------------------------------------------------------------------------


def test_a_reader_can_only_read_and_does_not_wait_for_the_writer(place: Path) -> None:
    story = Story()
    story.segment(0, 60)
    index = told(story, place)
    reader = Index.open_readonly(place)
    with index._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE segments SET camera = 'x'")
        assert len(reader.segments("door", utc(0), utc(60))) == 1
        connection.rollback()
    with pytest.raises(EvertapeError, match="for reading"):
        reader.apply([], Cursor())
    with pytest.raises(Exception, match="readonly"), reader._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM segments")
    reader.close()
    index.close()


def test_a_reader_needs_no_writer(place: Path) -> None:
    story = Story()
    story.segment(0, 60)
    told(story, place).close()
    with Index.open_readonly(place) as reader:
        assert len(reader.segments("door", utc(0), utc(60))) == 1


def test_a_snapshot_stays_as_it_was(place: Path) -> None:
    story = Story()
    story.segment(0, 60)
    index = told(story, place)
    with Index.open_readonly(place) as reader, reader.snapshot() as still:
        assert len(list(still.every_segment())) == 1
        story.segment(60, 120)
        index.apply(story.events, Cursor("f", 4))
        assert len(list(still.every_segment())) == 1
        assert (still.cursor().offset, index.cursor().offset) == (2, 4)
    with Index.open_readonly(place) as reader:
        assert len(list(reader.every_segment())) == 2
    index.close()


def test_there_is_no_reading_of_what_does_not_exist(place: Path) -> None:
    with pytest.raises(IndexBusyError, match="no index"):
        Index.open_readonly(place)
    assert not place.exists()


@pytest.mark.parametrize("damage", [b"not a database, not at all" * 100, None])
def test_a_damaged_database_is_noticed(place: Path, damage: bytes | None) -> None:
    with told(a_long_story(), place):
        pass
    if damage is None:
        data = bytearray(place.read_bytes())
        for page in range(3, len(data) // 4096):
            data[page * 4096 : page * 4096 + 2000] = b"\xff" * 2000
        place.write_bytes(bytes(data))
    else:
        place.write_bytes(damage)
    with pytest.raises(IndexDamagedError):
        Index.open(place)


def test_a_locked_database_is_only_busy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setattr("evertape.store.database.BUSY_MS", 50)
    story = Story()
    story.segment(0, 60)
    index = Index.open(place)
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexBusyError):
        index.apply(story.events, Cursor("f", 1))
    other.execute("ROLLBACK")
    other.close()
    index.apply(story.events, Cursor("f", 1))
    assert index.cursor().offset == 1
    index.close()


def test_seconds_are_nanoseconds_everywhere(place: Path) -> None:
    story = Story()
    one = story.segment(0, 60)
    with told(story, place) as index:
        assert row(index, one).duration == 60 * NS_PER_S
        assert row(index, one).state != OPEN
