"""Files that follow on, put together by day: a year of an account without a look at each file."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DAY = 86_400_000_000_000


def upgrade() -> None:
    op.create_table(
        "days",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("settled", sa.Boolean, nullable=False),
    )
    op.create_index("days_due", "days", ["settled", "day"])
    op.create_table(
        "stretches",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("start_utc", sa.BigInteger, nullable=False),
        sa.Column("end_utc", sa.BigInteger),
        sa.Column("first_video", sa.BigInteger, nullable=False),
        sa.Column("last_video", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("volume", sa.Text, nullable=False),
        sa.Column("spilled_to", sa.Text, nullable=False),
        sa.Column("first_end", sa.BigInteger),
        sa.Column("last_start", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    # The keeper puts them together, a few at a time.
    op.execute(f"INSERT INTO days SELECT DISTINCT camera, start_utc / {_DAY}, false FROM segments")
