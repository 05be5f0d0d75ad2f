"""The index's tables. Portable SQL: SQLite by default, PostgreSQL by URL.

One row per segment, none per fragment. Instants and lengths of time are nanoseconds. A change here needs a
new file in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Index, Integer, MetaData, Table, Text, event, text

SCHEMA = "0006"
"""The newest migration; what ``alembic_version`` holds in a database of today."""

metadata = MetaData()

segments = Table(
    "segments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("volume", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("first_video", BigInteger, nullable=False),
    Column("last_video", BigInteger),
    Column("first_audio", BigInteger),
    Column("last_audio", BigInteger),
    Column("start_utc", BigInteger, nullable=False),
    Column("end_utc", BigInteger),
    Column("duration", BigInteger),
    Column("utc_source", Text, nullable=False),
    Column("utc_error", BigInteger, nullable=False),
    Column("codec", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("audio", Text, nullable=False),
    Column("bytes", BigInteger),
    Column("fragments", Integer),
    Column("supersedes", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fate", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("cut_by", Text, nullable=False),
    Column("missing_by", Text, nullable=False),
    Column("clock_by", Text, nullable=False),
    Column("hash", Text, nullable=False, server_default=""),
    Column("checked_at", BigInteger),
    Column("damaged", Text, nullable=False, server_default=""),
    Column("opened_at", BigInteger),
    Column("spilled_to", Text, nullable=False, server_default=""),
    # Found by the first two. The rest is all that an account of a day wants to know, a thousand times: from here it
    # comes out of a few dozen pages, from the table out of one for each, because cameras take turns there.
    Index(
        "segments_camera",
        "camera",
        "start_utc",
        "end_utc",
        "first_video",
        "last_video",
        "generation",
        "state",
        "fate",
        "epoch",
        "id",
    ),
    Index("segments_volume", "volume", "state", "start_utc"),
    Index("segments_epoch", "epoch"),
    # Both are empty most of the time, and asked for every few seconds.
    Index("segments_open", "volume", sqlite_where=text("state = 'open'")),
    Index("segments_superseding", "camera", sqlite_where=text("supersedes <> ''")),
)


@event.listens_for(segments, "before_create")
def _partial_on_postgresql(_table: Table, connection: Connection, **_: Any) -> None:
    # Not said above: naming an option of PostgreSQL loads its dialect, 2 MB that a keeper on SQLite has no use for.
    if connection.dialect.name == "postgresql":
        for index in segments.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


totals = Table(
    "totals",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("volume", Text, primary_key=True),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("duration", BigInteger, nullable=False),
    # Of the longest segment there ever was: how far back a search by start has to reach.
    Column("longest", BigInteger, nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("camera", Text, primary_key=True),
    # Of UTC, since 1970: of those on which a finished file begins.
    Column("day", Integer, primary_key=True),
    # What is in ``stretches`` of it is what the files say; if not, there is nothing.
    Column("settled", Boolean, nullable=False),
    Index("days_due", "settled", "day"),
)

stretches = Table(
    "stretches",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("start_utc", BigInteger, nullable=False),
    Column("end_utc", BigInteger),
    Column("first_video", BigInteger, nullable=False),
    Column("last_video", BigInteger),
    Column("state", Text, nullable=False),
    Column("fate", Text, nullable=False),
    Column("volume", Text, nullable=False),
    Column("spilled_to", Text, nullable=False),
    Column("first_end", BigInteger),
    Column("last_start", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
    # A year of a camera lies together, and not a page for each row.
    sqlite_with_rowid=False,
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("start_utc", BigInteger, nullable=False),
    Column("end_utc", BigInteger),
    Column("frames_lost", BigInteger),
    Column("evidence", Text, nullable=False),
    Column("done", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("derived", Boolean, nullable=False),
    Column("closed_at", BigInteger),
    Index("gaps_camera", "camera", "end_utc", "start_utc"),
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("volume", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("events_type", "type", "at"),
    Index("events_camera", "camera", "at"),
)

volumes = Table(
    "volumes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)

protections = Table(
    "protections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("start_utc", BigInteger, nullable=False),
    Column("end_utc", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    Column("released_by", Text, nullable=False),
    Index("protections_camera", "camera", "end_utc"),
)

wishes = Table(
    "wishes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Index("wishes_camera", "camera", "at"),
)

runs = Table(
    "runs",
    metadata,
    Column("service", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("host_boot", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("stopped_at", BigInteger),
    Column("last_at", BigInteger, nullable=False),
)

deaths = Table(
    "deaths",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("process", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("how", Text, nullable=False),
    Index("deaths_process", "service", "process", "at"),
)

placements = Table(
    "placements",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("process", Text, primary_key=True),
)

cursor = Table(
    "cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("applied", BigInteger, nullable=False),
    Column("damaged", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
)
