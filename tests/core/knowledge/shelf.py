"""A shelf: documents that are read without a dispatcher, at the moment when a test says so."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from server.core.knowledge.documents import Documents, Upload
from server.core.knowledge.ingestion import Ingestion
from server.core.knowledge.remains import Remains
from server.core.knowledge.search import KnowledgeSearch
from server.core.shared.count_cache import CountCache
from server.model import Document, Task
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.statement import Statement
from server.work.ingestion import IngestionRunner
from tests.support.tenants import Tenant

_ALL = Statement[Task](select(Task.table()).where(Task.table().c.kind == "ingestion"), Task)


async def piece(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Shelf:
    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.blobs = Blobs("", folder / "blobs")
        self.documents = Documents(database, CountCache(database), self.blobs)
        self.ingestion = Ingestion(database)
        self.runner = IngestionRunner(self.ingestion, self.blobs)
        self.knowledge = KnowledgeSearch(database)
        self.remains = Remains(database, self.blobs)

    async def put(self, tenant: Tenant, text: str | bytes, name: str = "notes.txt", **said: Any) -> tuple[Document, bool]:
        data = text.encode() if isinstance(text, str) else text
        blob = await self.blobs.put(tenant.caller.organization_id, piece(data), 1 << 20)
        assert blob.sha256 == hashlib.sha256(data).hexdigest() and blob.size == len(data)
        upload = Upload(filename=name, content_type="text/plain", **said)
        return await self.documents.create(tenant.call(), blob, upload)

    async def task(self, document: Document) -> Task:
        return next(task for task in await self.database.all(_ALL) if task.id == document.task_id)

    async def read(self, document: Document) -> None:
        await self.runner.run(await self.task(document))

    async def add(self, tenant: Tenant, text: str | bytes, name: str = "notes.txt", **said: Any) -> Document:
        document, _ = await self.put(tenant, text, name, **said)
        await self.read(document)
        return await self.documents.get(tenant.call(), document.id)

    async def found(self, tenant: Tenant, question: str, **more: Any) -> list[str]:
        """The beginnings of what is found."""
        hits, _ = await self.knowledge.search(tenant.call(), question, **{"limit": 100, **more})
        return [hit.text.partition("\n")[0] for hit in hits]
