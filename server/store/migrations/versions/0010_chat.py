"""Chat: conversations, what was asked and answered in them, and which webhooks are told of that."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those that there are were made for what everybody may know.
    op.add_column("webhooks", sa.Column("owner", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("summary_turns", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_active_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("conversations_by_name", "conversations", ["organization_id", "owner", "name"], unique=True)
    op.create_index("conversations_by_owner", "conversations", ["owner", "id"])
    _partial("conversations_idle", "conversations", ["last_active_at"], "ended_at IS NULL")
    op.create_table(
        "answers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=True),
        sa.Column("session_name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=True),
        sa.Column("prompt", sa.LargeBinary(), nullable=True),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("swarm", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("use_memory", sa.Boolean(), nullable=False),
        sa.Column("reads_knowledge", sa.Boolean(), nullable=False),
        sa.Column("max_tokens", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("stop_reason", sa.String(), nullable=False),
        sa.Column("execution_mode", sa.String(), nullable=False),
        sa.Column("fallback", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("quality_score", sa.Float(), nullable=True),
        sa.Column("quality_by", sa.String(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("tokens_estimated", sa.Boolean(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("citations", sa.Text(), nullable=False),
        sa.Column("tool_calls", sa.Text(), nullable=False),
        sa.Column("awaited_as", sa.String(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answers_by_conversation", "answers", ["conversation_id", "number"], unique=True)
    _partial("answers_open", "answers", ["conversation_id", "number"], "status IN ('queued', 'running')")
    _partial("answers_alone", "answers", ["created_at"], "conversation_id IS NULL")
    _partial("answers_awaited", "answers", ["conversation_id", "number"], "awaited_as <> ''")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def downgrade() -> None:
    op.drop_index("answers_awaited", "answers")
    op.drop_index("answers_alone", "answers")
    op.drop_index("answers_open", "answers")
    op.drop_index("answers_by_conversation", "answers")
    op.drop_table("answers")
    op.drop_index("conversations_idle", "conversations")
    op.drop_index("conversations_by_owner", "conversations")
    op.drop_index("conversations_by_name", "conversations")
    op.drop_table("conversations")
    op.drop_column("webhooks", "owner")
