"""Sentence vectors of chunks, for those who have a model that makes them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chunk_vectors",
        sa.Column("document_id", sa.String(), nullable=False),
        # Given by whoever writes them, and never by a sequence.
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "generation", "first"),
    )
    op.create_index("chunk_vectors_by_time", "chunk_vectors", ["organization_id", "created_at", "document_id", "first"])


def downgrade() -> None:
    op.drop_index("chunk_vectors_by_time", "chunk_vectors")
    op.drop_table("chunk_vectors")
