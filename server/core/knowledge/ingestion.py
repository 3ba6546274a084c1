"""Ingestion: how the chunks of a document come to be, by a task that may be begun again at any moment.

Each reading writes chunks of a generation of its own, a few at a time. They are found from when the document names that
generation: all at once, in the transaction that ends the reading. Whoever reads for nothing, because the document has
been deleted, replaced or begun again meanwhile, learns it with the next chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select

from server import values
from server.core.knowledge.terms import terms
from server.core.knowledge.vectors import begin_embedding
from server.core.shared.resource import change
from server.model import Chunk, Document, DocumentStatus, Task, TaskKind, new_id
from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.statement import Statement
from server.store.transaction import Transaction

# How often one is tried whose reader never came to an end.
MAX_TRIES = 5
READING_SECONDS = 3600.0
# Microseconds that each document of an organization that is to be read stands behind the one before it.
TURN = 5_000_000
MOST_WAITING = 1000
_documents = Document.table().c
_READ = Statement[Document](
    select(Document.table()).where(_documents.id == bindparam("id")).with_for_update(key_share=True), Document
)
_WAITING = Statement[Any](
    select(func.count()).select_from(
        select(_documents.id)
        .where(
            _documents.organization_id == bindparam("organization"),
            _documents.status == DocumentStatus.PROCESSING.value,
            _documents.id != bindparam("document"),
        )
        .limit(MOST_WAITING)
        .subquery()
    )
)
_INSERT = Statement[Any](insert(Chunk.table()))


async def begin_reading(transaction: Transaction, document: Document) -> Document:
    """Makes the task that reads a document, instead of one that does it now.

    Who brings many at once waits for them behind the few of others, as if each had come a turn after the last.
    """
    row = await transaction.one(_WAITING, organization=document.organization_id, document=document.id)
    waiting = row[0] if row is not None else 0
    task = Task.new(
        id=new_id(),
        organization_id=document.organization_id,
        kind=TaskKind.INGESTION.value,
        runtime=TaskKind.INGESTION.value,
        input=values.encode(document.id),
        timeout_seconds=READING_SECONDS,
        ready_at=transaction.now,
        rank=transaction.now + waiting * TURN,
        traceparent=transaction.trace_of(document.organization_id),
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    await transaction.insert(task)
    return await transaction.update(
        document, status=DocumentStatus.PROCESSING.value, status_message="", progress=0.0, task_id=task.id
    )


class Superseded(Exception):
    """The document is no longer this task's to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a file says of itself: what it is, what it is called, if anything, and which language it is in."""

    content_type: str
    title: str
    language: str

    def title_of(self, document: Document) -> str:
        """What the document is called: as its owner says, else as it says itself, else as its file is called."""
        return document.title if document.titled else self.title or document.filename


class Ingestion:
    """What a reader does to the store."""

    def __init__(self, database: Database, *, embeds: bool = False) -> None:
        self._database = database
        # Whether vectors are made of what has been read. It is found without them, so nobody waits for that.
        self._embeds = embeds

    async def begin(self, task: Task) -> Document:
        """The document to read, with the number of a new generation. Raises Superseded."""

        async def body(transaction: Transaction) -> Document:
            document = await _of_task(transaction, task)
            return await transaction.update(document, writing=document.writing + 1, progress=0.0)

        return await self._database.write(body)

    async def write(
        self, task: Task, document: Document, about: About, first: int, told: Sequence[dict[str, Any]], share: float
    ) -> None:
        """Writes chunks as `work.extraction` tells of them, from the number `first` on; `share` of the file is read.

        Raises Superseded.
        """
        title = " ".join(term.text for term in terms(about.title_of(document), about.language))

        async def body(transaction: Transaction) -> None:
            current = await _of_task(transaction, task)
            if current.writing != document.writing:
                raise Superseded
            ids = [row[0] for row in await transaction.all(chunk_index.RESERVE, count=len(told))]
            await transaction.many(
                _INSERT,
                [
                    {
                        "id": id,
                        "document_id": document.id,
                        "generation": document.writing,
                        "number": number,
                        "revision": document.revision,
                        **{name: each[name] for name in ("heading", "page", "text", "digest")},
                    }
                    for number, (id, each) in enumerate(zip(ids, told, strict=True), first)
                ],
            )
            scope = chunk_index.scope(document.organization_id, document.id)
            await transaction.many(
                chunk_index.WRITE,
                [
                    chunk_index.row(self._database.dialect, id, scope, title, each["body"], each["forms"])
                    for id, each in zip(ids, told, strict=True)
                ],
            )
            await transaction.update(current, progress=share)

        await self._database.write(body)

    async def finish(self, task: Task, document: Document, about: About, chunks: int) -> None:
        """From now on these chunks are found, and no others. Raises Superseded."""

        async def body(transaction: Transaction) -> None:
            current = await _of_task(transaction, task)
            if current.writing != document.writing:
                raise Superseded
            ready = await change(
                transaction,
                current,
                status=DocumentStatus.READY.value,
                status_message="",
                progress=1.0,
                generation=document.writing,
                chunks=chunks,
                language=about.language,
                content_type=about.content_type,
                task_id=None,
                title=about.title_of(current),
            )
            if self._embeds:
                await begin_embedding(transaction, ready)
            transaction.emit("document.ready", ready)

        await self._database.write(body)

    async def fail(self, task: Task, reason: str) -> None:
        """It cannot be read; what has been found in it before is found still. Raises Superseded."""

        async def body(transaction: Transaction) -> None:
            document = await _of_task(transaction, task)
            status = DocumentStatus.FAILED.value
            failed = await change(transaction, document, status=status, status_message=reason[:2000], task_id=None)
            transaction.emit("document.failed", failed)

        await self._database.write(body)


async def _of_task(transaction: Transaction, task: Task) -> Document:
    """The document that a task is to read, locked. Raises Superseded."""
    document = await transaction.one(_READ, id=values.decode(task.input) if task.input is not None else None)
    if document is None or document.task_id != task.id:
        raise Superseded
    return document
