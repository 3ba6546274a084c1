"""The knowledge base: documents, their tags, the chunks that are found, and vectors of those."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Text
from sqlmodel import Field

from server.model.record import Record, finish


class DocumentStatus(StrEnum):
    """Where a document stands: PROCESSING while its text is read, then READY, or FAILED with the reason.

    What has been found in it before is found until the text has been read again.
    """

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Document(Record):
    """One file, and what is known of it."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("documents_by_organization", "organization_id", "id"),
        Index("documents_by_status", "organization_id", "status", "id"),
        # The same bytes are the same document.
        Index("documents_by_content", "organization_id", "sha256", unique=True),
        Index("documents_by_blob", "blob"),
        Index("documents_by_language", "organization_id", "language"),
    )

    unrecorded: ClassVar[frozenset[str]] = frozenset({"blob", "writing", "task_id"})

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # As its owner says, or else as it says itself, or as its file is called.
    title: str
    titled: bool = False
    # A JSON array, sorted.
    tags: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    filename: str
    # What it is, by what is in it; as it was declared until that is known.
    content_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: str
    # Where the bytes are.
    blob: str
    # How many versions of its content there have been.
    revision: int = 1
    status: str = DocumentStatus.PROCESSING.value
    status_message: str = Field(default="", sa_column=Column(Text, nullable=False))
    # 0 to 1, of the text that is read now.
    progress: float = Field(default=0.0, sa_type=Float)
    # The snowball name of the language that its text is in, such as `english`; empty before it has been read.
    language: str = ""
    # Which of its chunks are found, and which are written now; each reading of the text has a number.
    generation: int = 0
    writing: int = 0
    chunks: int = 0
    # What reads it now.
    task_id: str | None = None
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)


class DocumentTag(Record):
    """A tag of a document, for those who look for it."""

    __tablename__ = "document_tags"
    __table_args__ = (Index("document_tags_by_document", "document_id"),)

    organization_id: str = Field(primary_key=True)
    tag: str = Field(primary_key=True)
    document_id: str = Field(primary_key=True)


class Chunk(Record):
    """A piece of a document's text. Those of a generation that is not its document's are found by nobody."""

    __tablename__ = "chunks"
    __table_args__ = (Index("chunks_by_document", "document_id", "generation", "number", unique=True),)

    # By which the index knows it.
    id: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    )
    document_id: str
    generation: int
    # Its place in the document, from 0.
    number: int
    # The revision of the document's content that it is of.
    revision: int
    # The headings that it stands below, and the page it is on; empty and 0 where there are none.
    heading: str = Field(default="", sa_column=Column(Text, nullable=False))
    page: int = 0
    text: str = Field(sa_column=Column(Text, nullable=False))
    # SHA-256 of the text.
    digest: str


class ChunkVectors(Record):
    """The sentence vectors of consecutive chunks of a document; there are none where nobody could make them."""

    __tablename__ = "chunk_vectors"
    __table_args__ = (
        # What has come to an organization since somebody looked.
        Index("chunk_vectors_by_time", "organization_id", "created_at", "document_id", "first"),
    )

    document_id: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    # The number of the first chunk, and how many there are.
    first: int = Field(primary_key=True)
    organization_id: str
    count: int
    # Whose they are: those of one model say nothing beside those of another.
    model: str
    # One after the other, in float16 as processors have it in memory, lowest byte first.
    vectors: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


finish(Document, DocumentTag, Chunk, ChunkVectors)
