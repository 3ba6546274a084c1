"""Conversations with the models that do tasks, and the agents that have one."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_turns",
        sa.Column("task_id", sa.String(), nullable=False),
        # Given by whoever writes them, and never by a sequence.
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("task_id", "number"),
    )
    where = sa.text("runtime = 'model'")
    op.create_index("agents_by_model", "agents", ["provider", "model"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    op.drop_index("agents_by_model", "agents")
    op.drop_table("model_turns")
