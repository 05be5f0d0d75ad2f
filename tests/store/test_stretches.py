"""An account of what is put together by day says the same as one that looks at each file."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.clock import ManualClock
from evertape.domain.coverage import CoverageReport
from evertape.domain.spans import GapSpan
from evertape.domain.stretch import DAY
from evertape.engine.keeper_days import OVER_NS, PAUSE_S, ROUND_S, settle_some
from evertape.hub.timeline_spans import drawn
from evertape.ipc.events import ClockCorrected, RecordWish, SegmentChecked, SegmentClock
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index
from evertape.store.places import places
from evertape.store.reader import HELD
from evertape.store.rows import Cursor
from evertape.store.stretches import Stretches, stretches, wrong_days
from evertape_lab.many import LENGTH, SESSION, START, make_index
from evertape_lab.story import FPS, Story, Told, utc
from evertape_lab.story import START as STORY

T = TypeVar("T")

COUNT = 4000
"""Files of a minute: forty sessions, and nearly three days."""
END = START + COUNT * LENGTH
NOW = END + LENGTH
CAMERA = "cam_00"
S = 1_000_000_000
HOUR = 3600.0
FAR = STORY + 1000 * DAY
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Hundreds of small databases; none of them has to last."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_index(tmp_path / "index", COUNT, cameras=1)
    return tmp_path / "index"


def change(place: Path, statement: str) -> None:
    """Behind the index's back; then it is put together again."""
    with sqlite3.connect(place, isolation_level=None) as connection:
        connection.execute(statement)
        connection.execute("DELETE FROM stretches")
        connection.execute("UPDATE days SET settled = false")
    connection.close()
    settled(place)


def settled(place: Path, before: int = END + DAY) -> None:
    with Index.open(place) as index:
        while index.settle(before, 7):
            pass


def nth(number: int) -> str:
    return f"id = printf('%032x', {number})"


def both(place: Path, start: int = START, end: int = END) -> tuple[Stretches, CoverageReport, CoverageReport]:
    """What is put together, the account of that, and the account of every file by itself."""
    with Index.open_readonly(place) as index:
        assert not list(wrong_days(index))
        some = stretches(index, CAMERA, start, end)
        known = places(index, CAMERA, start - DAY, end + DAY)
        assert all(
            some.places[one.segment].volume == known[one.segment].volume for one in some.footage if one.state in HELD
        )
        short = index.coverage(CAMERA, start, end, NOW, footage=some.footage)
        return some, short, index.coverage(CAMERA, start, end, NOW)


def the_same(short: CoverageReport, long: CoverageReport) -> None:
    def told(report: CoverageReport) -> list[tuple[int, int, str]]:
        return [(span.start, span.end, str(span.cause) if isinstance(span, GapSpan) else "") for span in report.spans]

    assert told(short) == told(long)
    assert (short.recorded_s, short.explained_s, short.unexplained_s) == pytest.approx(
        (long.recorded_s, long.explained_s, long.unexplained_s)
    )


def test_what_follows_on_is_one_piece_and_the_account_is_the_same(place: Path) -> None:
    some, short, long = both(place)
    the_same(short, long)
    # The first and the last day are in the window in part only, and looked at file by file.
    whole = (END // DAY) - (-(-START // DAY))
    assert whole >= 1
    assert sum(some.files.values()) > whole * 1400
    assert len(some.files) <= whole * (1440 // SESSION + 2)
    assert sum(some.files.values()) + len(some.footage) - len(some.files) == COUNT


def test_a_window_that_begins_and_ends_within_sessions(place: Path) -> None:
    _, short, long = both(place, START + 250 * LENGTH + 7 * S, START + 3730 * LENGTH)
    the_same(short, long)


def test_a_day_that_is_not_settled_is_read_file_by_file(place: Path) -> None:
    before, _, long = both(place)
    change(place, "SELECT 1")
    with sqlite3.connect(place, isolation_level=None) as connection:
        connection.execute("DELETE FROM stretches")
        connection.execute("UPDATE days SET settled = false")
    connection.close()
    some, short, _ = both(place)
    assert before.files and not some.files
    the_same(short, long)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE segments SET state = 'deleted', fate = 'retention' WHERE start_utc < {START + 1330 * LENGTH}",
        f"UPDATE segments SET state = 'missing' WHERE {nth(1555)}",
        f"DELETE FROM segments WHERE {nth(1555)}",
        f"UPDATE segments SET end_utc = end_utc - 20000000000, last_video = last_video - 500 WHERE {nth(1321)}",
        f"UPDATE segments SET start_utc = start_utc + {9 * S}, end_utc = end_utc + {9 * S}"
        f" WHERE start_utc >= {START + 1444 * LENGTH} AND start_utc < {START + 1480 * LENGTH}",
        f"UPDATE segments SET state = 'open', end_utc = NULL, last_video = NULL WHERE {nth(1610)}",
    ],
    ids=["deleted", "missing", "vanished", "cut", "clock set, and back", "left open"],
)
def test_what_is_wrong_within_a_session_shows(place: Path, statement: str) -> None:
    _, _, before = both(place)
    change(place, statement)
    some, short, long = both(place)
    the_same(short, long)
    assert len(some.files) > 5  # the rest is put together all the same
    if "'open'" not in statement:
        assert long.spans != before.spans


def test_what_two_files_hold_counts_once(place: Path) -> None:
    copy = "INSERT INTO segments SELECT 'copy', camera, stream, 'vol-2', path, epoch, generation + 5000, "
    with sqlite3.connect(place, isolation_level=None) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(segments)")]
    connection.close()
    rest = names[names.index("first_video") :]
    values = ["'x'" if name == "supersedes" else name for name in rest]
    change(place, copy + ", ".join(values) + f" FROM segments WHERE {nth(1444)}")
    some, short, long = both(place)
    the_same(short, long)
    assert some.places["copy"].volume == "vol-2"


def test_a_session_on_two_volumes_is_drawn_on_both(place: Path) -> None:
    change(place, f"UPDATE segments SET volume = 'vol-2' WHERE start_utc >= {START + 1450 * LENGTH}")
    some, short, long = both(place)
    the_same(short, long)
    assert {one.volume for one in some.places.values()} == {"vol-1", "vol-2"}


def test_a_file_in_a_mess_costs_no_more_than_its_day(place: Path) -> None:
    change(place, f"UPDATE segments SET first_video = first_video - 700 WHERE {nth(1555)}")
    some, short, long = both(place)
    the_same(short, long)
    assert sum(some.files.values()) >= 1000


# -- who says that a day has changed --------------------------------------------------------------------------


def stored(index: Index, camera: str = "door") -> int:
    """How many files are put together."""
    return sum(stretches(index, camera, STORY, FAR).files.values())


def a_day(story: Story) -> list[Told]:
    epoch = "e" * 32
    return [story.segment(n * HOUR, (n + 1) * HOUR, epoch=epoch, first=n * 3600 * FPS) for n in range(24)]


def apply(index: Index, story: Story) -> None:
    index.apply(story.events, Cursor("f", 1))
    story.events.clear()


def test_a_change_of_a_file_makes_its_day_due_and_a_check_does_not(tmp_path: Path) -> None:
    story = Story()
    story.wish(0)
    told = a_day(story)
    with Index.open(tmp_path / "index") as index:
        apply(index, story)
        assert stored(index) == 0
        assert index.settle(FAR, 10) == 1
        assert index.settle(FAR, 10) == 0
        assert stored(index) == 24
        story.add(SegmentChecked(**story.stamp("keeper", 90000), segment=told[3].id, volume="vol-1", hash="h"))
        apply(index, story)
        assert stored(index) == 24
        for alter in (
            lambda: story.deleted(told[0], 90000),
            lambda: story.missing(told[5], 90000),
            lambda: story.moved(told[7], 90000, "vol-2"),
            lambda: story.cut(told[9], 90000, told[9].first + 100, told[10]),
            lambda: story.segment(5 * HOUR, 6 * HOUR, first=7),
        ):
            alter()
            apply(index, story)
            assert stored(index) == 0
            assert not list(wrong_days(index))
            assert index.settle(FAR, 10) == 1
            assert stored(index) > 0


def test_a_corrected_clock_makes_both_days_due(tmp_path: Path) -> None:
    story = Story()
    story.started(0)
    story.wish(0)
    a_day(story)
    with Index.open(tmp_path / "index") as index:
        apply(index, story)
        index.settle(FAR, 10)
        about: dict[str, Any] = {"from_utc": STORY, "to_utc": STORY + DAY, "offset": 5 * DAY, "services": ("run-1",)}
        story.add(ClockCorrected(**story.stamp("keeper", 90000), **about))
        apply(index, story)
        assert stored(index) == 0
        assert index.settle(FAR, 10) == 2
        assert stored(index) == 24
        assert not list(wrong_days(index))


def test_a_day_that_is_not_over_stays_as_it_is(tmp_path: Path) -> None:
    story = Story()
    story.wish(0)
    a_day(story)
    with Index.open(tmp_path / "index") as index:
        apply(index, story)
        assert index.settle(STORY + DAY - 1, 10) == 0
        assert index.settle(STORY + DAY, 10) == 1


class Host:
    """A keeper, as this part of it sees one."""

    def __init__(self, index: Index, now: int) -> None:
        self.index, self.clock, self.busy = index, ManualClock(utc_ns=now), False

    async def ask(self, question: Callable[[Index], T]) -> T:
        if self.busy:
            raise IndexBusyError("locked")
        return question(self.index)


def test_the_keeper_goes_on_until_nothing_is_due_and_looks_again_later(tmp_path: Path) -> None:
    story = Story()
    story.wish(0)
    a_day(story)
    with Index.open(tmp_path / "index") as index:
        apply(index, story)
        host = Host(index, STORY + DAY + OVER_NS - 1)
        assert asyncio.run(settle_some(host)) == ROUND_S  # not over
        host.clock.advance(1)
        host.busy = True
        assert asyncio.run(settle_some(host)) == ROUND_S
        host.busy = False
        assert [asyncio.run(settle_some(host)) for _ in range(2)] == [PAUSE_S, ROUND_S]
        assert stored(index) == 24


# -- anything at all ------------------------------------------------------------------------------------------


class Chaos:
    """Tells a story of a camera by numbers: sessions, copies, losses, entries of the ledger, wishes."""

    def __init__(self) -> None:
        self.story = Story()
        self.story.started(0)
        self.story.wish(0)
        self.at = 2 * HOUR
        self.told: list[tuple[Told, float]] = []
        self.epoch, self.unit = "", 0

    def do(self, what: int, a: int, b: int) -> None:
        acts = (self.session, self.session, self.files, self.files, self.files, self.pause, self.copy, self.lose)
        more = (self.move, self.cut, self.entry, self.hurt, self.wish, self.leave_open, self.clock, self.beside)
        ((*acts, *more)[what % 16])(a, b)

    def session(self, a: int, b: int) -> None:
        self.epoch, self.unit = f"{len(self.told):032x}", 0
        self.files(a, b)

    def files(self, a: int, b: int) -> None:
        for n in range(1 + a % 7):
            hole = (0.0, 0.0, 0.0, 0.2, -0.2, 0.48, 1.0, -1.0, 5.0)[b % 9 if n == a % 3 else 0]
            begin, length = self.at + hole, (HOUR, 0.5 * HOUR, 3 * HOUR, 20.0)[b % 4]
            volume = ("vol-1", "vol-1", "vol-2")[(a + b) % 3]
            one = self.story.segment(
                begin, begin + length, epoch=self.epoch, first=self.unit, volume=volume, spill=b % 5 == 0
            )
            self.told.append((one, begin + length))
            self.at, self.unit = begin + length, self.unit + round(length * FPS)

    def pause(self, a: int, b: int) -> None:
        length = (0.3, 2.0, 60.0, 5 * HOUR, 30 * HOUR)[a % 5]
        if b % 3:
            self.story.gap(self.at, self.at + length if b % 3 == 1 else None, ("camera_unreachable", "starting")[b % 2])
        self.at += length
        self.unit += round(length * FPS)

    def some(self, a: int) -> tuple[Told, float] | None:
        return self.told[a % len(self.told)] if self.told else None

    def copy(self, a: int, b: int) -> None:
        if old := self.some(a):
            one, end = old
            late = (0, 0, 100, 1000)[b % 4]
            other = self.story.opened(
                one.start + late / FPS, epoch=one.epoch, first=one.first + late, volume="vol-2", at=self.at,
                supersedes=((one, one.first + late),) if b % 3 else (),
            )  # fmt: skip
            self.story.closed(other, end + b % 2)
            self.told.append((other, end + b % 2))

    def lose(self, a: int, b: int) -> None:
        fates = ("retention:age", "superseded", "empty", "person", "retention:age")
        for n in range(1 + b % 3):
            if old := self.some(a + n):
                if b % 6 == 5:
                    self.story.missing(old[0], self.at)
                else:
                    self.story.deleted(old[0], self.at, fates[b % 5])

    def move(self, a: int, b: int) -> None:
        if old := self.some(a):
            self.story.moved(old[0], self.at, "vol-3")

    def cut(self, a: int, b: int) -> None:
        if old := self.some(a):
            self.story.cut(old[0], self.at, old[0].first + 100 * (1 + b % 5), old[0])

    def entry(self, a: int, b: int) -> None:
        if old := self.some(a):
            begin = old[1] + (-0.1, 0.0, 0.1, -600.0, 0.3)[b % 5]
            end = begin + (0.1, 0.2, 0.6, 7200.0)[a % 4]
            self.story.gap(begin, None if b % 4 == 3 else end, ("stream_lost", "starting", "service_stopped")[b % 3])

    def hurt(self, a: int, b: int) -> None:
        if old := self.some(a):
            begin = old[0].start + (0.0, 1.0, 10.0)[b % 3]
            self.story.gap(begin, begin + (1.0, 5.0, 4000.0)[a % 3], "footage_damaged", source="keeper")

    def wish(self, a: int, b: int) -> None:
        at = self.some(a)[1] + (0.0, 0.1, -30.0)[b % 3] if self.told else self.at  # type: ignore[index]
        for later, wanted in ((0.0, False), ((0.2, 60.0, 4 * HOUR)[a % 3], True)):
            stamp = self.story.stamp("supervisor", at + later)
            by = ("schedule", "somebody")[b % 2]
            self.story.add(RecordWish(**stamp, camera="door", wanted=wanted, by=by))

    def leave_open(self, a: int, b: int) -> None:
        one = self.story.opened(self.at, epoch=self.epoch or "x", first=self.unit)
        if b % 2:
            self.at, self.unit = self.at + 600, self.unit + 600 * FPS
        if b % 3 == 0:
            self.told.append((one, self.at + 1))

    def clock(self, a: int, b: int) -> None:
        if old := self.some(a):
            shift = (-0.3, 0.3, 0.7, -3.0)[b % 4]
            self.story.add(
                SegmentClock(
                    **self.story.stamp("disk-vol-1", self.at), segment=old[0].id,
                    start_utc=utc(old[0].start + shift), utc_source="rtcp", utc_error=0,
                )
            )  # fmt: skip

    def beside(self, a: int, b: int) -> None:
        """Another session at the same time."""
        if old := self.some(a):
            begin = old[0].start + (0.0, 10.0, -10.0, 3000.0)[b % 4]
            self.told.append((self.story.segment(begin, begin + (20.0, 3700.0)[a % 2], volume="vol-2"), begin + 20))


def told_of(index: Index, span: tuple[int, int], resolution: int, now: int, *, by_stretches: bool) -> list[Any]:
    """As the hub draws it."""
    with index.moment() as view:
        reach = {one.id: now for one in view.open_segments() if one.start_utc > now - 8 * 3600 * S}
        some = stretches(view, "door", *span, reach) if by_stretches else None
        report = view.coverage("door", *span, now, open_until=reach, footage=some.footage if some else None)
        known = some.places if some else places(view, "door", *span)
    files = some.files if some else {}
    return [
        (part.start, part.end, part.cause, part.volume, part.spilled, part.gaps, part.recorded,
         sum(files.get(name, 1) for name in part.segments))
        for part in drawn(report.spans, known, resolution)
    ]  # fmt: skip


acts = st.tuples(st.integers(0, 15), st.integers(0, 60), st.integers(0, 60))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(acts, min_size=3, max_size=25),
    st.lists(st.integers(0, 24), max_size=3),
    st.integers(-3, 30),
    st.integers(1, 100),
    st.sampled_from((0, 3600, 4 * 3600, 86400)),
)
def test_whatever_happened_it_says_the_same(
    things: list[tuple[int, int, int]], settles: list[int], start: int, length: int, resolution: int
) -> None:
    chaos = Chaos()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, Index.open(Path(folder) / "index") as index:
        for number, thing in enumerate(things):
            chaos.do(*thing)
            if number in settles:
                apply(index, chaos.story)
                index.settle(FAR, 100)
        apply(index, chaos.story)
        now = utc(chaos.at + 60)
        span = (utc(start * HOUR), utc((start + length) * HOUR))
        for _ in range(2):
            assert not list(wrong_days(index))
            found = [
                told_of(index, span, resolution * S, now, by_stretches=by_stretches) for by_stretches in (True, False)
            ]
            assert found[0] == found[1]
            index.settle(FAR, 100)
