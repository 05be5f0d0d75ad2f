"""Recovery at a start is bounded by what was open, not by what there is."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from evertape.engine.keeper_ledger import conclude
from evertape.ipc.messages import Durable, SegmentIsOpen
from evertape.store.index import Index
from evertape.store.rows import CLOSED, Cursor, SegmentRow
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage
from evertape_lab.keeper_peer import KeeperUnderTest, look
from evertape_lab.story import Story

ROWS = 200_000
READ = 8 << 20
"""Bytes: the pages on the way to a few dozen rows, and whatever Python reads now and then."""


def left_open(disk: DiskUnderTest, footage: Footage) -> str:
    """Four durable fragments of a segment that nobody closes; returns its path."""
    peer = disk.connect()
    peer.send(*footage.open())
    for _ in range(4):
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    peer.wait(Durable, lambda m: m.fragments == 4)
    return path


def closed(index: Index, footage: Footage) -> SegmentRow | None:
    row = index.segment(footage.segment)
    return row if row is not None and row.state == CLOSED else None


def bytes_read(pid: int) -> int:
    text = Path(f"/proc/{pid}/io").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("rchar:")))


def fill(index: Path, volume: str) -> None:
    """An archive of many segments, none of them from the days around an earlier run: those are looked at."""
    story = Story()
    story.segment(0, 10, volume=volume)
    with Index.open(index) as made:
        made.apply(story.events, Cursor())
    with contextlib.closing(sqlite3.connect(index)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(segments)")]
        own = {
            "id": "printf('%032x', n)",
            "epoch": "printf('%032x', n / 100)",
            "path": "'door/20260101/door_' || n || '.mp4'",
            "start_utc": "start_utc - (n + 100000) * 10000000000",
            "end_utc": "end_utc - (n + 100000) * 10000000000",
        }
        values = ", ".join(own.get(name, f'"{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        database.execute(
            "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
            f"INSERT INTO segments ({names}) SELECT {values} FROM segments, numbers",
            (ROWS,),
        )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def started(rig: DiskRig, footage: Footage, name: str) -> tuple[int, float]:
    """A crash leaves a file open, and a keeper starts: bytes it read until that was mended, and seconds."""
    folder = rig.folder / name
    folder.mkdir(exist_ok=True)
    disk = rig.disk(folder, service="one", volume=name)
    disk.connect().state("online")
    path = left_open(disk, footage)
    disk.kill()
    with open(folder / path, "ab") as file:
        file.write(b"\0\0\1\0moof and not much more")  # it was in the middle of a fragment
    again = rig.disk(folder, service="two", volume=name)
    again.connect().state("online")
    began = time.monotonic()
    with KeeperUnderTest(rig, {name: again}) as keeper:
        row = look(rig, lambda index: closed(index, footage))
        assert row is not None
        read, took = bytes_read(keeper.process.pid), time.monotonic() - began
        assert (row.fragments, row.last_video) == (4, footage.first + 47), "closed at its last whole fragment"
        assert keeper.shut_down() == 0
    return read, took


def test_a_start_with_a_large_archive_reads_no_more_of_it_than_of_an_empty_one(rig: DiskRig) -> None:
    small, _ = started(rig, Footage(start_utc=time.time_ns()), "usb1")
    index = rig.data / "index.sqlite3"
    with Index.open_readonly(index) as known:
        volume = next(known.every_segment()).volume
    index.unlink()
    fill(index, volume)
    assert index.stat().st_size > 64 << 20, "large enough that it is not read through for a check"
    large, took = started(rig, Footage(start_utc=time.time_ns(), generation=1), "usb1")
    assert large < small + READ
    assert took < 15
    with Index.open_readonly(index) as known:
        before = bytes_read(os.getpid())
        now = time.time_ns()
        assert conclude(known, now - 10**11, now, "two") is not None
        assert bytes_read(os.getpid()) - before < 1 << 20, "what a camera's last minutes are asked for"
