"""An index with very many made-up segments, made in seconds. For tests and benches."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from evertape.domain.stretch import DAY
from evertape.store.index import Index
from evertape.store.tables import segments

START = 1_700_000_000_000_000_000
LENGTH = 60_000_000_000
"""Of a segment, in nanoseconds."""

SESSION = 100
"""Segments of a capture session; the connection breaks half a minute before its end."""

_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :count - 1),
m AS (SELECT i, i % :cameras AS camera, i / :cameras AS minute, i / :cameras % :session = :session - 1 AS broken FROM n)
INSERT INTO segments (id, camera, stream, volume, path, epoch, generation, first_video, last_video, start_utc, end_utc,
    duration, utc_source, utc_error, codec, width, height, audio, bytes, fragments, supersedes, state, reason, fate,
    service, closed_by, cut_by, missing_by, clock_by)
SELECT printf('%032x', i), printf('cam_%02d', camera), 'main', :volume,
    printf('cam_%02d/%08d/%d.mp4', camera, 20240101 + minute / 1440, i),
    printf('%032x', camera * 1000000 + minute / :session), i, minute % :session * 1500,
    minute % :session * 1500 + CASE WHEN broken THEN 749 ELSE 1499 END, :start + minute * :length,
    :start + minute * :length + :length / (1 + broken), :length / (1 + broken), 'arrival', 0, 'h264', 1920, 1080, '',
    :bytes, 120, '', 'closed', 'rotate', '', 'run', printf('%012x-%d', i, i), '', '', ''
FROM m
"""
_GAPS = """
INSERT INTO gaps (id, camera, cause, start_utc, end_utc, frames_lost, evidence, done, source, service, opened_at,
    derived, closed_at)
SELECT 'gap-' || id, camera, 'camera_unreachable', end_utc, end_utc + :length / 2, 750, '', '', 'recorder-0', 'run',
    end_utc, 0, end_utc + :length / 2
FROM segments WHERE duration < :length
"""
_WISHES = """
INSERT INTO wishes SELECT 'wish-' || camera, camera, min(start_utc), 1, 'configuration' FROM segments GROUP BY camera
"""
_RUNS = "INSERT INTO runs VALUES ('run', :start, 'boot', '0', NULL, :start + :count / :cameras * :length)"
_INDEXES = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'segments' AND sql IS NOT NULL"
_DAYS = f"INSERT INTO days SELECT DISTINCT camera, start_utc / {DAY}, false FROM segments"
_OPEN = """
UPDATE segments SET state = 'open', end_utc = NULL, duration = NULL, bytes = NULL, last_video = NULL
WHERE start_utc >= :start + (:count / :cameras - 1) * :length
"""
_TOTALS = """
INSERT INTO totals SELECT camera, volume, count(*), sum(coalesce(bytes, 0)), sum(coalesce(duration, 0)), :length
FROM segments GROUP BY camera, volume
"""


def make_index(
    place: Path, count: int, *, cameras: int = 64, size: int = 2_000_000, volume: str = "vol-1", length: int = LENGTH
) -> None:
    """Make a SQLite index of ``count`` segments, by camera in turn; the newest of each is open.

    Each camera is wanted throughout and has a gap, with its entry in the ledger, every ``SESSION`` segments.

    Args:
        place: of the database; must not exist.
        count: segments.
        cameras: how many there are.
        size: bytes of a segment.
        volume: the id of the one volume.
        length: of a segment, in nanoseconds.
    """
    Index.open(place).close()
    values = {"count": count, "cameras": cameras, "bytes": size, "volume": volume, "start": START, "length": length}
    values["session"] = SESSION
    with sqlite3.connect(place, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        made = [row[0] for row in connection.execute(_INDEXES)]
        for index in segments.indexes:
            connection.execute(f"DROP INDEX {index.name}")
        connection.execute("BEGIN")
        for statement in (_ROWS, _GAPS, _OPEN, _TOTALS, _WISHES, _RUNS):
            connection.execute(statement, values)
        connection.execute("COMMIT")
        for statement in made:  # one after the other, over rows that are there: a third of the time
            connection.execute(statement)
        connection.execute(_DAYS)
    connection.close()
    with Index.open(place) as made_index:
        while made_index.settle(START + (count // cameras + 1) * length + DAY, 200):
            pass
