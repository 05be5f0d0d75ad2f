"""Who is to be recorded: the configuration, its schedules, and what people say, as time passes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from evertape.config.load import load_text
from evertape.config.schema import Config
from evertape.config.weekly import parse_week
from evertape.domain.cause import Cause
from evertape.domain.schedule import Schedule
from evertape.domain.wish import (
    BY_ADOPT,
    BY_CONFIGURATION,
    BY_REBUILD,
    BY_SCHEDULE,
    Said,
    Terms,
    cause_of_stop,
    said_now,
    wish,
)
from evertape.engine.process import Child
from evertape.engine.state_files import SCHEDULES, read_schedules
from evertape.engine.wish_book import WishBook, WishChange, until_shown
from evertape.engine.wish_desk import WishDesk
from evertape.ipc.events import AnyEvent, EventStamp, RecordWish
from evertape.types import NS_PER_S, BootNs, UtcNs


def at(text: str) -> UtcNs:
    return UtcNs(int(datetime.fromisoformat(text).timestamp()) * NS_PER_S)


SHOP = Terms(schedule=Schedule(parse_week("mon-fri 07:30-19:00"), "UTC"))
MORNING, NOON, OPENS, CLOSES = (at(f"2026-11-24T{time}:00Z") for time in ("05:00", "12:00", "07:30", "19:00"))


def test_without_a_schedule_what_was_said_counts_for_good() -> None:
    assert wish(Terms(), None, NOON).by == BY_CONFIGURATION
    assert wish(Terms(), None, NOON).wanted
    assert not wish(Terms(), Said(False), NOON).wanted
    assert wish(Terms(record=False), Said(True), NOON).wanted
    assert said_now(Terms(), False, NOON) == Said(False)


def test_a_schedule_says_when_and_until_when() -> None:
    assert wish(SHOP, None, MORNING) == (wish(SHOP, None, UtcNs(MORNING + 1)))
    morning, noon = wish(SHOP, None, MORNING), wish(SHOP, None, NOON)
    assert (morning.wanted, morning.by, morning.until) == (False, BY_SCHEDULE, OPENS)
    assert (noon.wanted, noon.by, noon.until) == (True, BY_SCHEDULE, CLOSES)


def test_a_person_overrules_the_schedule_until_its_next_change() -> None:
    said = said_now(SHOP, False, NOON)
    assert said == Said(False, CLOSES)
    assert not wish(SHOP, said, NOON).wanted
    assert wish(SHOP, said, CLOSES).by == BY_SCHEDULE
    assert wish(SHOP, said, at("2026-11-25T08:00:00Z")).wanted


def test_what_was_said_before_there_was_a_schedule_is_over_with_it() -> None:
    assert wish(SHOP, Said(False), NOON).wanted


def test_a_schedule_does_not_count_for_a_camera_that_is_recorded_by_hand_only() -> None:
    by_hand = Terms(record=False, schedule=SHOP.schedule)
    assert not wish(by_hand, None, NOON).wanted
    assert said_now(by_hand, True, NOON) == Said(True)


def test_a_schedule_that_never_changes_is_overruled_until_somebody_says_otherwise() -> None:
    always = Terms(schedule=Schedule(parse_week("daily 00:00-24:00"), "UTC"))
    said = said_now(always, False, NOON)
    assert not wish(always, said, at("2031-11-24T12:00:00Z")).wanted
    assert until_shown(said.until) is None


def test_only_the_schedule_is_outside_the_schedule() -> None:
    assert cause_of_stop(BY_SCHEDULE) is Cause.OUTSIDE_SCHEDULE
    assert cause_of_stop("schedule, said Ann") is Cause.STOPPED_BY_PERSON
    assert {cause_of_stop(by) for by in (BY_REBUILD, BY_ADOPT)} == {Cause.SERVICE_STOPPED}, "nobody stopped it"


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self, utc: UtcNs) -> None:
        self.now = utc

    def utc_ns(self) -> UtcNs:
        return self.now

    def boot_ns(self) -> BootNs:
        return BootNs(0)


def config(schedule: str, more: str = "") -> Config:
    text = f'[installation]\ntimezone = "UTC"\n[cameras.shop]\nurl = "rtsp://h/1"\nschedule = "{schedule}"\n{more}'
    return load_text(text, Path("evertape.toml")).config


def test_the_book_follows_schedule_person_and_configuration() -> None:
    async def days() -> None:
        clock, heard = Clock(MORNING), list[list[WishChange]]()
        book = WishBook(clock, heard.append)
        assert book.take(config("mon-fri 07:30-19:00")) == []
        assert not book.wanted("shop")
        assert book.by_schedule == ["shop"]
        clock.now = OPENS
        book._due()
        assert heard == [[WishChange("shop", True, BY_SCHEDULE)]]
        book.say(["shop"], False)
        assert not book.wanted("shop")
        clock.now = UtcNs(CLOSES - 1)
        book._due()
        assert len(heard) == 1
        clock.now = at("2026-11-25T07:30:00Z")
        book._due()
        assert heard[1] == [WishChange("shop", True, BY_SCHEDULE)]
        assert book.said == {}
        assert book.take(config("sat 00:00-24:00")) == [WishChange("shop", False, BY_SCHEDULE)]
        assert book.take(config("always")) == [WishChange("shop", True, BY_CONFIGURATION)]
        assert book.take(config("always", "enabled = false")) == []
        assert book.wish("shop") is None
        book.close()

    asyncio.run(days())


def test_the_books_timer_goes_off_at_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> None:
        clock = Clock(UtcNs(OPENS - NS_PER_S // 50))
        changed = asyncio.Event()
        book = WishBook(clock, lambda _changes: changed.set())
        book.take(config("mon-fri 07:30-19:00"))
        clock.now = OPENS
        async with asyncio.timeout(10):
            await changed.wait()
        assert book.wanted("shop")
        book.close()

    asyncio.run(wait())


# -- what happened while no service ran ---------------------------------------------------------------------


class Host:
    """The supervisor, as the desk sees it."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.placed: dict[str, int] = {}
        self.children: dict[str, Child] = {}
        self.stamp = EventStamp("supervisor", "run", clock)
        self.written: list[RecordWish] = []
        self.folder = folder

    def journal(self, event: AnyEvent) -> None:
        assert isinstance(event, RecordWish)
        self.written.append(event)

    def put_state(self, name: str, text: bytes) -> None:
        (self.folder / name).write_bytes(text)


def run(clock: Clock, folder: Path, settings: Config, until: UtcNs | None = None) -> list[tuple[int, bool, str]]:
    """One run of the service that ends without a word; what it wrote down."""

    async def go() -> list[tuple[int, bool, str]]:
        host = Host(clock, folder)
        desk = WishDesk(host)
        desk.load(folder)
        desk.apply(settings)
        if until is not None:
            clock.now = until
            desk.book._due()
        desk.close()
        return [(event.at, event.wanted, event.by) for event in host.written]

    return asyncio.run(go())


def test_what_the_schedule_asked_for_while_no_service_ran_is_written_down_at_the_start(tmp_path: Path) -> None:
    clock, week = Clock(MORNING), config("mon-fri 07:30-19:00")
    assert run(clock, tmp_path, week) == [(MORNING, False, BY_SCHEDULE)]
    clock.now = at("2026-11-26T12:00:00Z")
    assert run(clock, tmp_path, week) == [
        (OPENS, True, BY_SCHEDULE),
        (CLOSES, False, BY_SCHEDULE),
        (at("2026-11-25T07:30:00Z"), True, BY_SCHEDULE),
        (at("2026-11-25T19:00:00Z"), False, BY_SCHEDULE),
        (at("2026-11-26T07:30:00Z"), True, BY_SCHEDULE),
        (clock.now, True, BY_SCHEDULE),
    ]
    assert run(clock, tmp_path, week) == [(clock.now, True, BY_SCHEDULE)], "once"


def test_an_edge_that_a_running_service_saw_is_not_written_down_again(tmp_path: Path) -> None:
    clock, week = Clock(MORNING), config("mon-fri 07:30-19:00")
    seen = run(clock, tmp_path, week, until=OPENS)
    assert seen == [(MORNING, False, BY_SCHEDULE), (OPENS, True, BY_SCHEDULE)]
    clock.now = NOON
    assert run(clock, tmp_path, week) == [(NOON, True, BY_SCHEDULE)]


@pytest.mark.parametrize("other", ["mon-fri 08:00-19:00", "always"])
def test_of_a_schedule_that_was_changed_meanwhile_nothing_is_made_up(tmp_path: Path, other: str) -> None:
    clock = Clock(MORNING)
    run(clock, tmp_path, config("mon-fri 07:30-19:00"))
    clock.now = at("2026-11-26T12:00:00Z")
    written = run(clock, tmp_path, config(other))
    assert [event for event in written if event[0] != clock.now] == []


def test_a_file_of_schedules_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / SCHEDULES).write_text('{"shop": {"schedule": 3, "at": 1}, "door": 7, "yard": {"at": "x"}}')
    clock = Clock(NOON)
    assert run(clock, tmp_path, config("mon-fri 07:30-19:00")) == [(NOON, True, BY_SCHEDULE)]
    assert list(read_schedules(tmp_path)) == ["shop"]
