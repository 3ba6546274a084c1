"""Makes vectors of documents that have been read, a part of each in turn."""

from __future__ import annotations

import asyncio

import structlog

from server import values
from server.core.knowledge.vectors import TOGETHER, Part, Superseded, Vectors
from server.core.queue.claims import EMBEDDING
from server.core.queue.completion import Result, failure
from server.model import Task, TaskStatus
from server.work.embedding.embedder import Embedder, NoEmbedder
from server.work.embedding.nearest import NearestChunks

# Rows of one part. Others have their turn after some seconds.
ROWS = 8
# How often something is tried for which there is no process, and the pause before it, which is longer each time.
TRIES, PAUSE_SECONDS = 5, 2.0
log = structlog.get_logger()


class EmbeddingRunner:
    """Parts, one at a time, because there is one process that makes vectors. It asks for one chunk after the other.

    So whoever searches meanwhile waits for one chunk at most. A part that is done again after a crash writes the same.
    """

    runtime = EMBEDDING
    concurrency = 1

    def __init__(self, embedder: Embedder, vectors: Vectors, nearest: NearestChunks) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._nearest = nearest

    async def run(self, task: Task) -> Result:
        """Makes the vectors that the task names. A document without them is found by its words."""
        assert task.input is not None
        document, generation, first = values.decode(task.input)
        for attempt in range(1, TRIES + 1):
            try:
                await self._part(document, generation, first)
            except Superseded:
                return Result(status=TaskStatus.CANCELLED)
            except NoEmbedder as error:
                log.warning("vectors are made later", document=document, reason=error.message, attempt=attempt)
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            else:
                return Result(status=TaskStatus.COMPLETED)
        return failure("NoEmbedder", "there is no model that makes vectors")

    async def _part(self, document: str, generation: int, first: int) -> None:
        for row in range(1, ROWS + 1):
            texts = await self._vectors.texts((document, generation, first))
            if not texts:
                return
            model = (await self._embedder.running()).model
            made = [await self._embedder.vector(text) for text in texts]
            part = Part((document, generation, first), len(texts), b"".join(made))
            first += len(texts)
            last = len(texts) < TOGETHER
            organization = await self._vectors.write(part, model, then=first if row == ROWS and not last else None)
            self._nearest.told(organization)
            if last:
                return
