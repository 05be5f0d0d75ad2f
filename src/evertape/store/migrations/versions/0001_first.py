"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("volume", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("first_video", sa.BigInteger, nullable=False),
        sa.Column("last_video", sa.BigInteger),
        sa.Column("first_audio", sa.BigInteger),
        sa.Column("last_audio", sa.BigInteger),
        sa.Column("start_utc", sa.BigInteger, nullable=False),
        sa.Column("end_utc", sa.BigInteger),
        sa.Column("duration", sa.BigInteger),
        sa.Column("utc_source", sa.Text, nullable=False),
        sa.Column("utc_error", sa.BigInteger, nullable=False),
        sa.Column("codec", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("audio", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("fragments", sa.Integer),
        sa.Column("supersedes", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("cut_by", sa.Text, nullable=False),
        sa.Column("missing_by", sa.Text, nullable=False),
        sa.Column("clock_by", sa.Text, nullable=False),
    )
    op.create_index("segments_camera", "segments", ["camera", "start_utc"])
    op.create_index("segments_epoch", "segments", ["epoch"])
    where = sa.text("state = 'open'")
    op.create_index("segments_open", "segments", ["volume"], sqlite_where=where, postgresql_where=where)
    where = sa.text("supersedes <> ''")
    op.create_index("segments_superseding", "segments", ["camera"], sqlite_where=where, postgresql_where=where)
    op.create_index("segments_volume", "segments", ["volume", "state", "start_utc"])
    op.create_table(
        "totals",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("volume", sa.Text, primary_key=True),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("longest", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gaps",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("start_utc", sa.BigInteger, nullable=False),
        sa.Column("end_utc", sa.BigInteger),
        sa.Column("frames_lost", sa.BigInteger),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("done", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("derived", sa.Boolean, nullable=False),
    )
    op.create_index("gaps_camera", "gaps", ["camera", "end_utc", "start_utc"])
    op.create_table(
        "events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("volume", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("events_camera", "events", ["camera", "at"])
    op.create_index("events_type", "events", ["type", "at"])
    op.create_table(
        "volumes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("free", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "wishes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("wishes_camera", "wishes", ["camera", "at"])
    op.create_table(
        "runs",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("host_boot", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("stopped_at", sa.BigInteger),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deaths",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
    )
    op.create_index("deaths_process", "deaths", ["service", "process", "at"])
    op.create_table(
        "placements",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("process", sa.Text, primary_key=True),
    )
    op.create_table(
        "cursor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("applied", sa.BigInteger, nullable=False),
        sa.Column("damaged", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.BigInteger, nullable=False),
    )
