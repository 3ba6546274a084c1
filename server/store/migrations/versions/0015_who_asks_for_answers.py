"""When somebody was last seen to ask for an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answers", sa.Column("asked_at", sa.BigInteger(), nullable=False, server_default="0"))
    where = sa.text("status IN ('queued', 'running')")
    op.create_index("answers_asked", "answers", ["asked_at"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    op.drop_index("answers_asked", "answers")
    op.drop_column("answers", "asked_at")
