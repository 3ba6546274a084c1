"""What was written in one column with two meanings gets a column each: kinds of sessions, and who made a task."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("recurring_id", sa.String(), nullable=True))
    # A task that was taken apart has subtasks; any other parent is a recurring one.
    op.execute(
        "UPDATE tasks SET recurring_id = parent_id, parent_id = NULL WHERE parent_id IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM tasks AS parent WHERE parent.id = tasks.parent_id AND parent.subtasks > 0)"
    )
    op.create_index(
        "tasks_by_recurring",
        "tasks",
        ["recurring_id", "id"],
        postgresql_where=sa.text("recurring_id IS NOT NULL"),
        sqlite_where=sa.text("recurring_id IS NOT NULL"),
    )
    op.add_column("sessions", sa.Column("kind", sa.String(), nullable=False, server_default="plain"))
    op.execute("UPDATE sessions SET kind = 'coding' WHERE type <> ''")
    op.add_column("skills", sa.Column("capability", sa.Boolean(), nullable=False, server_default=sa.true()))
    # Capabilities are written as a JSON array of strings.
    op.execute(_NOT_A_CAPABILITY[op.get_bind().dialect.name])
    # Lists go along these, newest first.
    op.drop_index("agents_by_type", "agents")
    op.create_index("agents_by_type", "agents", ["organization_id", "type", "id"])
    op.create_index("workers_by_organization", "workers", ["organization_id", "id"])
    op.create_index("workers_of_agent", "workers", ["agent_id", "id"])


_NOT_A_CAPABILITY = {
    "sqlite": "UPDATE skills SET capability = 0 WHERE NOT EXISTS "
    "(SELECT 1 FROM agents, json_each(agents.capabilities) AS word "
    "WHERE agents.id = skills.agent_id AND word.value = skills.word)",
    "postgresql": "UPDATE skills SET capability = false WHERE NOT EXISTS "
    "(SELECT 1 FROM agents, json_array_elements_text(agents.capabilities::json) AS word "
    "WHERE agents.id = skills.agent_id AND word.value = skills.word)",
}


def downgrade() -> None:
    op.drop_index("workers_of_agent", "workers")
    op.drop_index("workers_by_organization", "workers")
    op.drop_index("agents_by_type", "agents")
    op.create_index("agents_by_type", "agents", ["organization_id", "type", "status"])
    op.drop_column("skills", "capability")
    op.drop_column("sessions", "kind")
    op.execute("UPDATE tasks SET parent_id = recurring_id WHERE recurring_id IS NOT NULL")
    op.drop_index("tasks_by_recurring", "tasks")
    op.drop_column("tasks", "recurring_id")
