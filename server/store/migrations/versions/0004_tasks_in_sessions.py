"""Tasks that are in sessions are listed along an index of their own, however many others there are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "tasks_in_session",
        "tasks",
        ["organization_id", "kind", "id"],
        postgresql_where=sa.text("session_id IS NOT NULL"),
        sqlite_where=sa.text("session_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("tasks_in_session", "tasks")
