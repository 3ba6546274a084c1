"""The peer of the dispatch benchmark: the same empty tasks through Celery, with Redis as broker and for results.

As in our server, a task that a worker died over is done again (`acks_late`), and every result is kept.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import redis
from celery import Celery

URL = os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1:6379/13")
WORKER_PROCESSES = 2
READY_SECONDS = 60.0
RESULTS = "celery-task-meta-*"

app = Celery("benchmarks.celery_peer", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=100,
    task_default_queue="orchestrator_benchmark",
    result_expires=600,
    broker_connection_retry_on_startup=True,
)


@app.task(name="benchmarks.work")  # type: ignore[untyped-decorator]
def work(n: int) -> dict[str, int]:
    """What each task does: nothing."""
    return {"n": n}


def problem() -> str | None:
    """Why the peer cannot be measured here; None where it can."""
    client = redis.Redis.from_url(URL)
    try:
        size = client.dbsize()
    except redis.RedisError as error:
        return f"Redis does not answer at {URL} ({error}); set PEER_REDIS_URL"
    return f"{URL} is not empty, and this benchmark empties it: set PEER_REDIS_URL to another" if size else None


class Peer:
    """A Celery worker with two processes, and a producer."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._redis = redis.Redis.from_url(URL)

    async def start(self) -> None:
        """Starts the worker and waits until it answers. Raises TimeoutError."""
        arguments = ["-m", "celery", "-A", "benchmarks.celery_peer", "worker", "--loglevel=WARNING"]
        arguments += [f"--concurrency={WORKER_PROCESSES}", "--without-gossip", "--without-mingle"]
        with self._log.open("ab") as file:
            self._process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=file, stderr=file)
        async with asyncio.timeout(READY_SECONDS):
            while not await asyncio.to_thread(lambda: app.control.ping(timeout=0.5)):  # noqa: ASYNC110 — nobody tells us
                await asyncio.sleep(0.1)

    def measure(self, count: int) -> float:
        """Seconds from the first of `count` tasks to the last result. Blocks; call it in a thread."""
        self._forget()
        began = time.perf_counter()
        with app.producer_pool.acquire(block=True) as producer:
            for n in range(count):
                work.apply_async((n,), producer=producer)
        deadline = time.monotonic() + 120
        while not self._enough(count):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Celery has given {self._results()} of {count} results")
            time.sleep(0.005)
        return time.perf_counter() - began

    async def stop(self) -> None:
        """Stops the worker and leaves Redis as it was."""
        self._process.terminate()
        try:
            async with asyncio.timeout(20):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._redis.flushdb()

    def _results(self) -> int:
        return sum(1 for _ in self._redis.scan_iter(RESULTS, count=10_000))

    def _enough(self, count: int) -> bool:
        # Counting all keys is cheap, and the broker has a few of its own; counting results is sure.
        return int(self._redis.dbsize()) >= count and self._results() >= count

    def _forget(self) -> None:
        keys = list(self._redis.scan_iter(RESULTS, count=10_000))
        for start in range(0, len(keys), 5000):
            self._redis.delete(*keys[start : start + 5000])
