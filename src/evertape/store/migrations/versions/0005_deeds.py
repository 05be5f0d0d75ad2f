"""When a segment's file was made, and which spill volume had it first: what the ledger says was done about a gap."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segments", sa.Column("opened_at", sa.BigInteger))
    op.add_column("segments", sa.Column("spilled_to", sa.Text, nullable=False, server_default=""))
