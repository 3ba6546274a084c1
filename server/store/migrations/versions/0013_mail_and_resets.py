"""Mail by person, so that many notifications are one; resets of passwords; and indexes of what is forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailings",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    _partial("mailings_due", "mailings", ["due_at"], "due_at IS NOT NULL")
    op.execute(
        "INSERT INTO mailings (user_id, organization_id, due_at, attempts, last, not_before) "
        "SELECT user_id, organization_id, min(mail_at), 0, 0, 0 FROM notifications "
        "WHERE mail_at IS NOT NULL GROUP BY user_id, organization_id"
    )
    op.drop_index("notifications_to_mail", table_name="notifications")
    op.drop_column("notifications", "mail_attempts")
    _partial("notifications_to_mail", "notifications", ["user_id", "event_number"], "mail_at IS NOT NULL")
    op.create_table(
        "password_resets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("mail_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("password_resets_by_subject", "password_resets", ["subject", "expires_at"])
    op.create_index("password_resets_by_user", "password_resets", ["user_id"])
    op.create_index("ix_password_resets_expires_at", "password_resets", ["expires_at"])
    _partial("password_resets_to_mail", "password_resets", ["mail_at"], "mail_at IS NOT NULL")
    _partial("logins_ended", "logins", ["ended_at"], "ended_at IS NOT NULL")
    op.create_index("ix_logins_expires_at", "logins", ["expires_at"])
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"])


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def downgrade() -> None:
    op.drop_index("ix_invitations_expires_at", "invitations")
    op.drop_index("ix_logins_expires_at", "logins")
    op.drop_index("logins_ended", "logins")
    op.drop_index("password_resets_to_mail", "password_resets")
    op.drop_index("ix_password_resets_expires_at", "password_resets")
    op.drop_index("password_resets_by_user", "password_resets")
    op.drop_index("password_resets_by_subject", "password_resets")
    op.drop_table("password_resets")
    op.drop_index("notifications_to_mail", table_name="notifications")
    op.add_column("notifications", sa.Column("mail_attempts", sa.Integer(), nullable=False, server_default="0"))
    _partial("notifications_to_mail", "notifications", ["mail_at"], "mail_at IS NOT NULL")
    op.drop_index("mailings_due", "mailings")
    op.drop_table("mailings")
