"""People: how they get in, their projects, what they say of tasks, what they are told; and who made each event."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_entries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("log_entries_by_time", "log_entries", ["created_at", "id"], unique=False)
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "task_tags",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "tag", "task_id"),
    )
    op.create_index("task_tags_by_task", "task_tags", ["task_id"], unique=False)
    op.create_table(
        "task_languages",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "language"),
    )
    op.create_table(
        "past_changes",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "number"),
    )
    op.create_index("past_changes_by_task", "past_changes", ["task_id", "number"], unique=False)
    op.create_table(
        "unindexed_tasks", sa.Column("task_id", sa.String(), nullable=False), sa.PrimaryKeyConstraint("task_id")
    )
    # A server finds the words of those that there are, a few at a time.
    op.execute(
        "INSERT INTO unindexed_tasks (task_id) "
        "SELECT id FROM tasks WHERE kind = 'execution' AND (title <> '' OR description <> '')"
    )
    for statement in _TASK_INDEX[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_entries_by_organization", "audit_entries", ["organization_id", "created_at"], unique=False)
    op.create_index("ix_audit_entries_created_at", "audit_entries", ["created_at"], unique=False)
    op.create_table(
        "projects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=True),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("budget_hours", sa.Float(), nullable=True),
        sa.Column("budget_cost", sa.Float(), nullable=True),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("projects_by_organization", "projects", ["organization_id", "id"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["invited_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("invitations_by_organization", "invitations", ["organization_id", "id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_attempts", sa.Integer(), nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notifications_by_event", "notifications", ["user_id", "event_number", "type"], unique=True)
    op.create_index("notifications_by_user", "notifications", ["user_id", "id"], unique=False)
    op.create_index(
        "notifications_unread",
        "notifications",
        ["user_id", "id"],
        postgresql_where=sa.text("read_at IS NULL"),
        sqlite_where=sa.text("read_at IS NULL"),
    )
    op.create_index(
        "notifications_to_mail",
        "notifications",
        ["mail_at"],
        postgresql_where=sa.text("mail_at IS NOT NULL"),
        sqlite_where=sa.text("mail_at IS NOT NULL"),
    )
    op.create_table(
        "notification_cursors",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id"),
    )
    op.create_table(
        "project_agents",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "agent_id"),
    )
    op.create_index("project_agents_by_agent", "project_agents", ["agent_id", "project_id"], unique=False)
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "user_id"),
    )
    op.create_index("project_members_by_user", "project_members", ["user_id", "project_id"], unique=False)
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("redirect_named", sa.Boolean(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("login_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_authorization_codes_expires_at", "authorization_codes", ["expires_at"], unique=False)
    op.create_table(
        "logins",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("logins_by_address", "logins", ["user_id", "address"], unique=False)
    op.create_index("logins_by_user", "logins", ["user_id", "id"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("mentions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("comments_by_task", "comments", ["task_id", "id"], unique=False)
    op.create_table(
        "ratings",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("quality", sa.Float(), nullable=True),
        sa.Column("code_quality", sa.Float(), nullable=True),
        sa.Column("satisfaction", sa.Float(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("task_id", "user_id"),
    )
    op.create_index("ratings_by_agent", "ratings", ["agent_id", "created_at"], unique=False)
    op.create_table(
        "avatars",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id"),
    )
    op.create_table(
        "failed_logins",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_index("ix_failed_logins_since", "failed_logins", ["since"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("login_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["login_id"],
            ["logins.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"], unique=False)
    op.create_index("ix_refresh_tokens_login_id", "refresh_tokens", ["login_id"], unique=False)
    op.create_table(
        "task_files",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("task_files_by_blob", "task_files", ["blob"], unique=False)
    op.create_index("task_files_by_task", "task_files", ["task_id", "id"], unique=False)
    op.add_column("agents", sa.Column("specializations", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("agents", sa.Column("model", sa.String(), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("provider", sa.String(), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("working_hours", sa.Text(), nullable=True))
    op.add_column("agents", sa.Column("off_duty", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("agents", sa.Column("shift_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_api_keys_organization_id", table_name="api_keys")
    op.create_index("api_keys_by_organization", "api_keys", ["organization_id", "id"], unique=False)
    op.create_index("api_keys_by_user", "api_keys", ["user_id", "id"], unique=False)
    op.add_column("agents", sa.Column("last_active_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "agents_by_shift",
        "agents",
        ["shift_at"],
        unique=False,
        postgresql_where=sa.text("shift_at IS NOT NULL"),
        sqlite_where=sa.text("shift_at IS NOT NULL"),
    )
    op.create_table(
        "duties",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
        ),
        sa.PrimaryKeyConstraint("agent_id", "began_at"),
    )
    op.create_index(
        "duties_by_end",
        "duties",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
        sqlite_where=sa.text("ended_at IS NOT NULL"),
    )
    # What is there when this begins to be kept.
    op.execute(
        "INSERT INTO duties (agent_id, began_at) SELECT id, active_since FROM agents "
        "WHERE status = 'active' AND active_since IS NOT NULL AND deleted_at IS NULL"
    )
    op.create_index("attempts_by_agent", "attempts", ["agent_id", "ended_at"], unique=False)
    op.add_column("api_keys", sa.Column("minute_limit", sa.Integer(), nullable=True))
    op.add_column("api_keys", sa.Column("projects", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("api_keys", sa.Column("personal", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("events", sa.Column("actor", sa.String(), nullable=False, server_default=""))
    op.add_column("events", sa.Column("credential", sa.String(), nullable=False, server_default=""))
    op.add_column("events", sa.Column("via", sa.String(), nullable=False, server_default=""))
    op.add_column("events", sa.Column("address", sa.String(), nullable=False, server_default=""))
    op.create_index(
        "events_by_actors",
        "events",
        ["organization_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("actor <> ''"),
        sqlite_where=sa.text("actor <> ''"),
    )
    op.create_index("events_by_resource", "events", ["resource_id", "number"], unique=False)
    op.add_column("oauth_clients", sa.Column("redirect_uris", sa.Text(), nullable=False, server_default="[]"))
    op.add_column(
        "oauth_clients", sa.Column("needs_challenge", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("organizations", sa.Column("tier", sa.String(), nullable=False, server_default="free"))
    op.add_column("organizations", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("project_id", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("tags", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("tasks", sa.Column("requirements", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("tasks", sa.Column("acceptance_criteria", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("tasks", sa.Column("estimated_hours", sa.Float(), nullable=True))
    op.add_column("tasks", sa.Column("actual_hours", sa.Float(), nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("due_at", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("created_by", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("taken_by", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("taken_from", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("reopened", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "tasks_by_due_date",
        "tasks",
        ["organization_id", "kind", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "tasks_by_creator",
        "tasks",
        ["created_by", "kind", "status"],
        unique=False,
        postgresql_where=sa.text("created_by IS NOT NULL"),
        sqlite_where=sa.text("created_by IS NOT NULL"),
    )
    op.create_index(
        "tasks_by_project",
        "tasks",
        ["project_id", "id"],
        unique=False,
        postgresql_where=sa.text("project_id IS NOT NULL"),
        sqlite_where=sa.text("project_id IS NOT NULL"),
    )
    op.create_index(
        "tasks_counted_by_project",
        "tasks",
        ["project_id", "kind", "status"],
        unique=False,
        postgresql_where=sa.text("project_id IS NOT NULL"),
        sqlite_where=sa.text("project_id IS NOT NULL"),
    )
    op.add_column("users", sa.Column("role", sa.String(), nullable=False, server_default="admin"))
    op.add_column("users", sa.Column("password", sa.Text(), nullable=False, server_default=""))
    op.add_column("users", sa.Column("avatar_token", sa.String(), nullable=False, server_default=""))
    op.add_column("users", sa.Column("preferences", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("users", sa.Column("last_login_at", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("users", sa.Column("updated_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_users_organization_id", table_name="users")
    op.create_index("users_by_organization", "users", ["organization_id", "id"], unique=False)
    op.create_index(
        "users_with_password",
        "users",
        ["organization_id", "id"],
        postgresql_where=sa.text("password <> ''"),
        sqlite_where=sa.text("password <> ''"),
    )


# What tasks are found by, as chunks of documents are in 0006.
_TASK_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE task_index USING fts5(scope, title, body, forms, task_id UNINDEXED, "
        "tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Co M*'\")",
    ),
    "postgresql": (
        "CREATE TABLE task_index (task_id VARCHAR PRIMARY KEY, terms TSVECTOR NOT NULL)",
        "CREATE INDEX task_index_by_term ON task_index USING gin (terms)",
    ),
}


def downgrade() -> None:
    op.drop_index("users_with_password", table_name="users")
    op.drop_index("users_by_organization", table_name="users")
    op.create_index("ix_users_organization_id", "users", ["organization_id"], unique=False)
    op.drop_column("users", "updated_at")
    op.drop_column("users", "version")
    op.drop_column("users", "disabled_at")
    op.drop_column("users", "last_login_at")
    op.drop_column("users", "preferences")
    op.drop_column("users", "avatar_token")
    op.drop_column("users", "password")
    op.drop_column("users", "role")
    op.drop_index(
        "tasks_by_creator",
        table_name="tasks",
        postgresql_where=sa.text("created_by IS NOT NULL"),
        sqlite_where=sa.text("created_by IS NOT NULL"),
    )
    op.drop_index(
        "tasks_counted_by_project",
        table_name="tasks",
        postgresql_where=sa.text("project_id IS NOT NULL"),
        sqlite_where=sa.text("project_id IS NOT NULL"),
    )
    op.drop_index(
        "tasks_by_project",
        table_name="tasks",
        postgresql_where=sa.text("project_id IS NOT NULL"),
        sqlite_where=sa.text("project_id IS NOT NULL"),
    )
    op.drop_index(
        "tasks_by_due_date",
        table_name="tasks",
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_column("tasks", "reopened")
    op.drop_column("tasks", "taken_from")
    op.drop_column("tasks", "taken_by")
    op.drop_column("tasks", "created_by")
    op.drop_column("tasks", "due_at")
    op.drop_column("tasks", "actual_hours")
    op.drop_column("tasks", "estimated_hours")
    op.drop_column("tasks", "acceptance_criteria")
    op.drop_column("tasks", "requirements")
    op.drop_column("tasks", "tags")
    op.drop_column("tasks", "project_id")
    op.drop_column("organizations", "disabled_at")
    op.drop_column("organizations", "tier")
    op.drop_column("oauth_clients", "needs_challenge")
    op.drop_column("oauth_clients", "redirect_uris")
    op.drop_index("events_by_resource", table_name="events")
    op.drop_index(
        "events_by_actors",
        table_name="events",
        postgresql_where=sa.text("actor <> ''"),
        sqlite_where=sa.text("actor <> ''"),
    )
    op.drop_column("events", "address")
    op.drop_column("events", "via")
    op.drop_column("events", "credential")
    op.drop_column("events", "actor")
    op.drop_index("api_keys_by_user", table_name="api_keys")
    op.drop_index("api_keys_by_organization", table_name="api_keys")
    op.create_index("ix_api_keys_organization_id", "api_keys", ["organization_id"], unique=False)
    op.drop_column("api_keys", "personal")
    op.drop_column("api_keys", "projects")
    op.drop_column("api_keys", "minute_limit")
    op.drop_index("attempts_by_agent", table_name="attempts")
    op.drop_index(
        "duties_by_end",
        table_name="duties",
        postgresql_where=sa.text("ended_at IS NOT NULL"),
        sqlite_where=sa.text("ended_at IS NOT NULL"),
    )
    op.drop_table("duties")
    op.drop_index(
        "agents_by_shift",
        table_name="agents",
        postgresql_where=sa.text("shift_at IS NOT NULL"),
        sqlite_where=sa.text("shift_at IS NOT NULL"),
    )
    op.drop_column("agents", "last_active_at")
    op.drop_column("agents", "shift_at")
    op.drop_column("agents", "off_duty")
    op.drop_column("agents", "working_hours")
    op.drop_column("agents", "provider")
    op.drop_column("agents", "model")
    op.drop_column("agents", "specializations")
    op.drop_index("task_files_by_task", table_name="task_files")
    op.drop_index("task_files_by_blob", table_name="task_files")
    op.drop_table("task_files")
    op.drop_table("avatars")
    op.drop_index("ix_failed_logins_since", table_name="failed_logins")
    op.drop_table("failed_logins")
    op.drop_index("ix_refresh_tokens_login_id", table_name="refresh_tokens")
    op.drop_index("ix_refresh_tokens_expires_at", table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index("ratings_by_agent", table_name="ratings")
    op.drop_table("ratings")
    op.drop_index("comments_by_task", table_name="comments")
    op.drop_table("comments")
    op.drop_index("logins_by_address", table_name="logins")
    op.drop_index("logins_by_user", table_name="logins")
    op.drop_table("logins")
    op.drop_index("ix_authorization_codes_expires_at", table_name="authorization_codes")
    op.drop_table("authorization_codes")
    op.drop_index("project_members_by_user", table_name="project_members")
    op.drop_table("project_members")
    op.drop_index("project_agents_by_agent", table_name="project_agents")
    op.drop_table("project_agents")
    op.drop_table("notification_cursors")
    op.drop_index("notifications_to_mail", table_name="notifications")
    op.drop_index("notifications_unread", table_name="notifications")
    op.drop_index("notifications_by_user", table_name="notifications")
    op.drop_index("notifications_by_event", table_name="notifications")
    op.drop_table("notifications")
    op.drop_index("invitations_by_organization", table_name="invitations")
    op.drop_table("invitations")
    op.drop_index("projects_by_organization", table_name="projects")
    op.drop_table("projects")
    op.drop_index("ix_audit_entries_created_at", table_name="audit_entries")
    op.drop_index("audit_entries_by_organization", table_name="audit_entries")
    op.drop_table("audit_entries")
    op.execute("DROP TABLE task_index")
    op.drop_table("unindexed_tasks")
    op.drop_index("past_changes_by_task", table_name="past_changes")
    op.drop_table("past_changes")
    op.drop_table("task_languages")
    op.drop_index("task_tags_by_task", table_name="task_tags")
    op.drop_table("task_tags")
    op.drop_table("signing_keys")
    op.drop_index("log_entries_by_time", table_name="log_entries")
    op.drop_table("log_entries")
