"""What is left behind: chunks and vectors that no document shows, and files that no row names, removed bit by bit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextClause, bindparam, delete, select, text

from server.model import Chunk, ChunkVectors, Document
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.statement import Statement
from server.store.transaction import Transaction

AT_A_TIME = 100
BLOB_SECONDS = 3600.0
# A generation that no document has got to.
LAST = (1 << 31) - 1
_chunks = Chunk.table().c
_vectors = ChunkVectors.table().c
_documents = Document.table().c
# The next document that has chunks, and the generations of those, by two steps along the index.
_NEXT_DOCUMENT = Statement[Any](
    select(_chunks.document_id).where(_chunks.document_id > bindparam("after")).order_by(_chunks.document_id).limit(1)
)
_SHOWN = Statement[Any](
    select(_documents.generation, _documents.writing, _documents.task_id).where(_documents.id == bindparam("id"))
)
_UNSEEN = Statement[Any](
    select(_chunks.id)
    .where(
        _chunks.document_id == bindparam("id"),
        _chunks.generation != bindparam("generation"),
        _chunks.generation != bindparam("writing"),
        # What is begun meanwhile has a higher number.
        _chunks.generation <= bindparam("last"),
    )
    .limit(AT_A_TIME)
)
_REMOVE = Statement[Any](
    text("DELETE FROM chunks WHERE id = ANY(CAST(:chunks AS bigint[]))"),
    on_sqlite=text("DELETE FROM chunks WHERE id IN (SELECT value FROM json_each(:chunks))"),
)


def _naming(those: str) -> TextClause:
    """Which of some blobs rows name, in the columns that do."""
    return text(
        f"SELECT blob FROM documents WHERE blob {those} "  # noqa: S608 — its parts are written below
        f"UNION ALL SELECT blob FROM task_files WHERE blob {those}"
    )


_UNSEEN_VECTORS = Statement[Any](
    select(_vectors.generation, _vectors.first)
    .where(
        _vectors.document_id == bindparam("id"),
        _vectors.generation != bindparam("generation"),
        _vectors.generation != bindparam("writing"),
        _vectors.generation <= bindparam("last"),
    )
    .limit(AT_A_TIME)
)
_REMOVE_VECTORS = Statement[Any](
    delete(ChunkVectors.table()).where(
        _vectors.document_id == bindparam("id"),
        _vectors.generation == bindparam("generation"),
        _vectors.first == bindparam("first"),
    )
)
_NAMED = Statement[Any](
    _naming("= ANY(CAST(:names AS text[]))"), on_sqlite=_naming("IN (SELECT value FROM json_each(:names))")
)


class Remains:
    """Looks at a few documents each time it is asked, and begins anew when it has seen all."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._after = ""
        self._swept = -BLOB_SECONDS

    async def sweep(self, documents: int = 20) -> int:
        """Removes chunks that nobody can find, and their vectors; returns about how many."""
        removed = 0
        for _ in range(documents):
            found = await self._database.one(_NEXT_DOCUMENT, after=self._after)
            if found is None:
                self._after = ""
                return removed
            gone = await self._of(found[0])
            removed += gone
            if gone < AT_A_TIME:
                self._after = found[0]
        return removed

    async def _of(self, document: str) -> int:
        async def body(transaction: Transaction) -> int:
            shown = await transaction.one(_SHOWN, id=document)
            generation, last, reader = shown or (-1, LAST, None)
            writing = generation if reader is None else last
            shows = {"id": document, "generation": generation, "writing": writing, "last": last}
            # First, because a document is looked at for as long as it has chunks.
            vectors = await transaction.all(_UNSEEN_VECTORS, **shows)
            if vectors:
                removed = [{"id": document, "generation": row[0], "first": row[1]} for row in vectors]
                await transaction.many(_REMOVE_VECTORS, removed)
            if len(vectors) == AT_A_TIME:
                return AT_A_TIME
            chunks = [row[0] for row in await transaction.all(_UNSEEN, **shows)]
            if chunks:
                await transaction.run(chunk_index.CLEAR, chunks=chunks)
                await transaction.run(_REMOVE, chunks=chunks)
            return len(chunks)

        return await self._database.write(body)

    async def sweep_blobs(self) -> int:
        """Removes files that no row names; returns how many. Looks once an hour, because it looks at all."""
        if time.monotonic() - self._swept < BLOB_SECONDS:
            return 0
        self._swept = time.monotonic()
        return await self._blobs.sweep(self._named)

    async def _named(self, names: Sequence[str]) -> set[str]:
        return {row[0] for row in await self._database.all(_NAMED, names=list(names))}
