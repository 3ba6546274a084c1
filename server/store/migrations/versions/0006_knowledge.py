"""The knowledge base: documents, their tags, their chunks, and the index in which those are found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("titled", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("writing", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("documents_by_organization", "documents", ["organization_id", "id"])
    op.create_index("documents_by_status", "documents", ["organization_id", "status", "id"])
    op.create_index("documents_by_content", "documents", ["organization_id", "sha256"], unique=True)
    op.create_index("documents_by_blob", "documents", ["blob"])
    op.create_index("documents_by_language", "documents", ["organization_id", "language"])
    op.create_table(
        "document_tags",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "tag", "document_id"),
    )
    op.create_index("document_tags_by_document", "document_tags", ["document_id"])
    op.create_table(
        "chunks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("chunks_by_document", "chunks", ["document_id", "generation", "number"], unique=True)
    for statement in _INDEX[op.get_bind().dialect.name]:
        op.execute(statement)


# Its terms are made by whoever writes it, so the index only takes them apart at spaces, or not at all.
_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE chunk_index USING fts5(scope, title, body, forms, "
        "tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Co M*'\")",
    ),
    "postgresql": (
        "CREATE SEQUENCE chunk_ids",
        "CREATE TABLE chunk_index (chunk_id BIGINT PRIMARY KEY, terms TSVECTOR NOT NULL)",
        "CREATE INDEX chunk_index_by_term ON chunk_index USING gin (terms)",
    ),
}


def downgrade() -> None:
    op.execute("DROP TABLE chunk_index")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE chunk_ids")
    op.drop_index("chunks_by_document", "chunks")
    op.drop_table("chunks")
    op.drop_index("document_tags_by_document", "document_tags")
    op.drop_table("document_tags")
    for name in ("language", "blob", "content", "status", "organization"):
        op.drop_index(f"documents_by_{name}", "documents")
    op.drop_table("documents")
