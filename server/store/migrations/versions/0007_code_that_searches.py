"""Tasks and runs say whether their code may search the knowledge base; those that are there already may not."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("tasks", "workflow_runs"):
        op.add_column(table, sa.Column("reads_knowledge", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for table in ("tasks", "workflow_runs"):
        op.drop_column(table, "reads_knowledge")
