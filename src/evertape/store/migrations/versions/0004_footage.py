"""An account of a day is read from the index of the camera's segments alone, not from a page of the table for each."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = ["camera", "start_utc", "end_utc", "first_video", "last_video", "generation", "state", "fate", "epoch", "id"]


def upgrade() -> None:
    op.drop_index("segments_camera", "segments")
    op.create_index("segments_camera", "segments", _COLUMNS)
