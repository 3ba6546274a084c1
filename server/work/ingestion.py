"""Reads documents: the file's text is told by a process of its own, and written as it comes."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import structlog

from server.core.knowledge.ingestion import MAX_TRIES, About, Ingestion, Superseded
from server.core.queue.claims import INGESTION
from server.core.queue.completion import Result, failure
from server.errors import ServiceError
from server.model import Document, Task, TaskStatus
from server.store.blobs import Blobs, Missing
from server.work.extraction.extractor import extract
from server.work.extraction.kinds import Unreadable

# Chunks in one transaction, which nobody else may have to wait for.
TOGETHER = 40
# Between tries where something cannot be reached.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
log = structlog.get_logger()


class IngestionRunner:
    """Readings, a few at a time. One that is repeated after a crash begins anew, beside what the first has written."""

    runtime = INGESTION
    concurrency = 2

    def __init__(self, ingestion: Ingestion, blobs: Blobs) -> None:
        self._ingestion = ingestion
        self._blobs = blobs

    async def run(self, task: Task) -> Result:
        """Reads what the task names, and tells the document."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._try(task)
            except ServiceError as error:
                # No fault of the document's: where its file or its rows are cannot be reached now.
                log.warning("a document is read later", task=task.id, reason=error.reason, error=error.message)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _try(self, task: Task) -> Result:
        try:
            document = await self._ingestion.begin(task)
            if task.lost >= MAX_TRIES:
                return await self._failed(task, "its reading has been broken off again and again")
            with tempfile.TemporaryDirectory(prefix="ingestion-") as folder:
                path = await self._blobs.copy_to(document.blob, Path(folder) / "file")
                await self._read(task, document, path)
        except Superseded:
            return Result(status=TaskStatus.CANCELLED)
        except (Unreadable, Missing) as error:
            return await self._failed(task, str(error))
        except ServiceError:
            raise
        except Exception:
            log.exception("bug", task=task.id)
            return await self._failed(task, "something went wrong on our side")
        return Result(status=TaskStatus.COMPLETED)

    async def _read(self, task: Task, document: Document, path: Path) -> None:
        about: About | None = None
        waiting: list[dict[str, Any]] = []
        written, share = 0, 0.0
        async with aclosing(extract(path, document.filename)) as found:
            async for said in found:
                if "chunk" not in said:
                    about = About(**said)
                    continue
                assert about is not None
                waiting.append(said["chunk"])
                share = said["progress"]
                if len(waiting) == TOGETHER:
                    await self._ingestion.write(task, document, about, written, waiting, share)
                    written, waiting = written + len(waiting), []
        assert about is not None
        if waiting:
            await self._ingestion.write(task, document, about, written, waiting, share)
        await self._ingestion.finish(task, document, about, written + len(waiting))

    async def _failed(self, task: Task, reason: str) -> Result:
        try:
            await self._ingestion.fail(task, reason)
        except Superseded:
            return Result(status=TaskStatus.CANCELLED)
        return failure("Unreadable", reason)
