"""The journal's lines and files, written and read back, whole and torn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.clock import ManualClock
from evertape.disk.journal_format import DamagedLineError, UnknownEventError, decode_line, encode_line, next_name
from evertape.disk.journal_reader import Position, read_from
from evertape.ipc.events import Event, EventStamp, Notice, RecordWish

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class FromTheFuture(Event, frozen=True, kw_only=True, tag="from_the_future"):
    surprise: int


def notices(count: int) -> list[Notice]:
    stamp = EventStamp("test", "", ManualClock())
    return [Notice(**stamp(), text=f"number {n}") for n in range(count)]


def write(folder: Path, name: str, events: list[Notice], tail: bytes = b"") -> None:
    (folder / name).write_bytes(b"".join(map(encode_line, events)) + tail)


@given(st.text(), st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text()))
def test_an_event_reads_back_as_it_was_written(text: str, detail: dict[str, object]) -> None:
    event = Notice(**EventStamp("test", "s", ManualClock())(), text=text, detail=detail)
    line = encode_line(event)
    assert line.count(b"\n") == 1
    assert line.count(b"\t") == 1
    assert decode_line(line[:-1]) == event


@given(st.data())
def test_one_changed_byte_is_noticed(data: st.DataObject) -> None:
    line = bytearray(encode_line(notices(1)[0])[:-1])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedLineError):
        decode_line(bytes(line))


def test_an_event_of_a_newer_program_is_told_from_damage() -> None:
    stamp = EventStamp("test", "", ManualClock())
    with pytest.raises(UnknownEventError):
        decode_line(encode_line(FromTheFuture(**stamp(), surprise=1))[:-1])


def test_reading_goes_on_where_it_stopped_and_over_to_the_next_file(tmp_path: Path) -> None:
    events = notices(30)
    write(tmp_path, "20260101-000000-000.jsonl", events[:10])
    write(tmp_path, "20260101-000000-001.jsonl", events[10:20])
    got: list[Event] = []
    position = Position()
    for _ in range(5):
        read = read_from(tmp_path, *position, most=7)
        got += read.events
        position = read.position
    assert got == events[:20]
    write(tmp_path, "20260102-000000-000.jsonl", events[20:])
    read = read_from(tmp_path, *position)
    assert read.events == events[20:]
    assert (read.damaged, read.unknown, read.more) == (0, 0, False)
    assert read_from(tmp_path, *read.position).events == []


def test_a_torn_line_waits_in_the_newest_file_and_is_skipped_in_an_older_one(tmp_path: Path) -> None:
    events = notices(4)
    torn = encode_line(events[3])[:-5]
    write(tmp_path, "20260101-000000-000.jsonl", events[:2], torn)
    first = read_from(tmp_path)
    assert (first.events, first.damaged) == (events[:2], 0)
    write(tmp_path, "20260101-000000-000.jsonl", events[:2], encode_line(events[3]))
    assert read_from(tmp_path, *first.position).events == [events[3]]

    write(tmp_path, "20260101-000000-000.jsonl", events[:2], torn)
    write(tmp_path, "20260101-000000-001.jsonl", events[2:3])
    read = read_from(tmp_path, *first.position)
    assert (read.events, read.damaged) == (events[2:3], 1)
    assert read.position.file == "20260101-000000-001.jsonl"


def test_damage_in_the_middle_costs_only_that_line(tmp_path: Path) -> None:
    events = notices(3)
    stamp = EventStamp("test", "", ManualClock())
    newer = encode_line(FromTheFuture(**stamp(), surprise=1))
    lines = [encode_line(events[0]), b"\0" * 4000 + b"\n", newer, encode_line(events[1])]
    (tmp_path / "20260101-000000-000.jsonl").write_bytes(b"".join(lines))
    read = read_from(tmp_path)
    assert read.events == events[:2]
    assert (read.damaged, read.unknown) == (1, 1)


def test_a_missing_folder_is_an_empty_journal_and_other_files_are_left_alone(tmp_path: Path) -> None:
    assert read_from(tmp_path / "none").events == []
    (tmp_path / "notes.txt").write_text("not ours\n")
    assert read_from(tmp_path) == ([], Position(), 0, 0, False)


def test_a_file_that_was_removed_is_passed_over(tmp_path: Path) -> None:
    events = notices(2)
    write(tmp_path, "20260103-000000-000.jsonl", events)
    assert read_from(tmp_path, "20260102-000000-000.jsonl", 500).events == events


@given(st.lists(st.integers(-100_000, 100_000), min_size=2, max_size=30))
def test_names_sort_in_the_order_of_writing_whatever_the_clock_does(steps: list[int]) -> None:
    names: list[str] = []
    now = NOW
    for step in steps:
        now += timedelta(seconds=step)
        names.append(next_name(names, now))
    assert names == sorted(set(names))


def test_a_thousand_files_in_one_second_still_sort() -> None:
    names = [f"20260101-120000-{n:03d}.jsonl" for n in range(1000)]
    assert next_name(names, NOW) == "20260101-120001-000.jsonl"


def test_two_kinds_of_events_share_a_file(tmp_path: Path) -> None:
    stamp = EventStamp("test", "", ManualClock())
    wish = RecordWish(**stamp(), camera="door", wanted=True, by="a person")
    (tmp_path / "20260101-000000-000.jsonl").write_bytes(encode_line(wish) + encode_line(notices(1)[0]))
    assert [type(event) for event in read_from(tmp_path).events] == [RecordWish, Notice]
