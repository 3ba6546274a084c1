"""Sentence vectors: where they are kept, and how they come to be, a few chunks at a time, once a document is ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import BigInteger, Integer, String, bindparam, select, text, tuple_

from server import values
from server.model import Chunk, ChunkVectors, Document, Task, TaskKind, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

EMBEDDING_SECONDS = 3600.0
# Chunks in one row, which are made within a second or two, and rows that are read together.
TOGETHER, PAGE = 16, 64
# A document's generation, and the number of a chunk in it.
Place = tuple[str, int, int]
Cursor = tuple[int, str, int]

_chunks = Chunk.table().c
_documents = Document.table().c
_vectors = ChunkVectors.table().c
_shown = (_documents.id == bindparam("document"), _documents.generation == bindparam("generation"))
_TEXTS = Statement[Any](
    select(_chunks.text, _chunks.heading, _documents.title)
    .join_from(Chunk.table(), Document.table(), _documents.id == _chunks.document_id)
    .where(
        *_shown,
        _chunks.document_id == bindparam("document"),
        _chunks.generation == bindparam("generation"),
        _chunks.number >= bindparam("first"),
    )
    .order_by(_chunks.number)
    .limit(TOGETHER)
)
_SHOWN = Statement[Document](select(Document.table()).where(*_shown).with_for_update(key_share=True), Document)
# One that is done again after a crash may have been done.
_WRITE = Statement[Any](
    text(
        "INSERT INTO chunk_vectors "
        "(document_id, generation, first, organization_id, count, model, vectors, created_at) "
        "VALUES (:document, :generation, :first, :organization, :count, :model, :vectors, :now) "
        "ON CONFLICT (document_id, generation, first) DO UPDATE SET "
        "model = excluded.model, vectors = excluded.vectors, created_at = excluded.created_at"
    )
)
_SINCE = Statement[Any](
    select(
        _vectors.created_at, _vectors.document_id, _vectors.first, _vectors.generation, _vectors.count, _vectors.vectors
    )
    .join_from(ChunkVectors.table(), Document.table(), _documents.id == _vectors.document_id)
    .where(
        _vectors.organization_id == bindparam("organization"),
        tuple_(_vectors.created_at, _vectors.document_id, _vectors.first)
        > tuple_(
            bindparam("time", type_=BigInteger), bindparam("document", type_=String), bindparam("first", type_=Integer)
        ),
        _documents.generation == _vectors.generation,
        _vectors.model == bindparam("model"),
    )
    .order_by(_vectors.created_at, _vectors.document_id, _vectors.first)
    .limit(PAGE)
)


@dataclass(frozen=True, slots=True)
class Part:
    """The vectors of consecutive chunks of a document."""

    place: Place
    count: int
    vectors: bytes


class Nearest(Protocol):
    """Finds the chunks of an organization whose vectors are most like that of a question."""

    async def nearest(
        self, organization: str, question: str, *, documents: Sequence[str] | None, most: int
    ) -> list[Place]:
        """Their places, best first, in these documents where some are named. Empty where nobody can say it in time.

        Some of them may have been removed meanwhile.
        """

    async def forget(self, organization: str, documents: Sequence[tuple[str, int]]) -> None:
        """These generations of documents are shown no more."""


class Superseded(Exception):
    """The document is gone, or shows another generation."""


async def begin_embedding(transaction: Transaction, document: Document, first: int = 0) -> None:
    """Makes the task that makes vectors of a document's chunks, from this number on.

    It has the rank of its time, so that of several documents each has a part made in turn.
    """
    await transaction.insert(
        Task.new(
            id=new_id(),
            organization_id=document.organization_id,
            kind=TaskKind.EMBEDDING.value,
            runtime=TaskKind.EMBEDDING.value,
            input=values.encode([document.id, document.generation, first]),
            timeout_seconds=EMBEDDING_SECONDS,
            ready_at=transaction.now,
            rank=transaction.now,
            traceparent=transaction.trace_of(document.organization_id),
            created_at=transaction.now,
            updated_at=transaction.now,
        )
    )


class Vectors:
    """Vectors as they are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def texts(self, place: Place) -> list[str]:
        """What there is to make vectors of from a place on; nothing where it is shown no more, or at the end."""
        document, generation, first = place
        found = await self._database.all(_TEXTS, document=document, generation=generation, first=first)
        # A heading says what a chunk is about that does not say it itself.
        return [text if text.startswith(heading) else f"{heading}\n{text}" for text, heading, _ in found]

    async def write(self, part: Part, model: str, *, then: int | None = None) -> str:
        """Stores the vectors of a model, and has those of the chunks from number `then` on made by another task.

        Returns the organization. Raises Superseded.
        """
        identifier, generation, first = part.place

        async def body(transaction: Transaction) -> str:
            document = await transaction.one(_SHOWN, document=identifier, generation=generation)
            if document is None:
                raise Superseded
            await transaction.run(
                _WRITE,
                document=identifier,
                generation=generation,
                first=first,
                organization=document.organization_id,
                count=part.count,
                model=model,
                vectors=part.vectors,
                now=transaction.now,
            )
            if then is not None:
                await begin_embedding(transaction, document, then)
            return document.organization_id

        return await self._database.write(body)

    async def since(self, organization: str, model: str, cursor: Cursor) -> tuple[list[Part], Cursor]:
        """What an organization has of a model, oldest first, `PAGE` rows at a time, and where the next ones begin."""
        time, document, first = cursor
        rows = await self._database.scan(
            _SINCE, organization=organization, model=model, time=time, document=document, first=first
        )
        parts = [
            Part((document, generation, first), count, bytes(vectors))
            for _, document, first, generation, count, vectors in rows
        ]
        return parts, (rows[-1][0], rows[-1][1], rows[-1][2]) if rows else cursor
