"""Which organization's turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("status = 'pending' AND rank IS NOT NULL")
    columns = ["runtime", "organization_id", "rank"]
    op.create_index("tasks_claimable_by_organization", "tasks", columns, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    op.drop_index("tasks_claimable_by_organization", "tasks")
