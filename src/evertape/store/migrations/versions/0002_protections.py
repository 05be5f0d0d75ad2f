"""What must not be deleted; hashes of segments, and when they were last checked."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segments", sa.Column("hash", sa.Text, nullable=False, server_default=""))
    op.add_column("segments", sa.Column("checked_at", sa.BigInteger))
    op.add_column("segments", sa.Column("damaged", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "protections",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("start_utc", sa.BigInteger, nullable=False),
        sa.Column("end_utc", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("released_at", sa.BigInteger),
        sa.Column("released_by", sa.Text, nullable=False),
    )
    op.create_index("protections_camera", "protections", ["camera", "end_utc"])
