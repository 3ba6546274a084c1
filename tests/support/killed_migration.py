"""Kills processes in the middle of a migration, and has the next one migrate: one line a kill, for the test that asks.

python -m tests.support.killed_migration URL 1 20 40
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import asyncpg
from alembic import command
from sqlalchemy import event
from sqlalchemy.engine import Engine

from server.settings import Settings
from server.store.migrations import migrate

FINISHED, KILLED = 0, -signal.SIGKILL


def clear(settings: Settings) -> None:
    """Removes everything."""
    path = settings.sqlite_path
    if path is not None:
        for each in path.parent.glob(path.name + "*"):
            each.unlink()
        return

    async def drop() -> None:
        connection = await asyncpg.connect(settings.database)
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()

    asyncio.run(drop())


def begun(work: Callable[[], object]) -> int:
    """The number of a process that does this work."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(FINISHED)


def ended(pid: int) -> int:
    """How a process has ended: its exit code, or the signal that killed it, below zero."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_after(settings: Settings, statements: int) -> None:
    """Migrates, and dies once so many statements have been executed."""
    count = 0

    def die(*_: object) -> None:
        nonlocal count
        count += 1
        if count == statements:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", die)
    # What is executed is not there yet for others.
    event.listen(Engine, "commit", die)
    migrate(settings)


def main() -> None:
    """Says for each number of statements, or for all there are, how it ended with the migration and with the next."""
    settings = Settings(database_url=sys.argv[1])
    # Imported once, for every process to come.
    assert command is not None
    points = list(map(int, sys.argv[2:])) or list(range(1, 10_000))
    for statements in points:
        clear(settings)
        first = ended(begun(lambda: killed_after(settings, statements)))
        second = ended(begun(lambda: migrate(settings)))
        print(statements, first, second, flush=True)
        if first != KILLED:
            break
    clear(settings)
    # Two at once, as line 0.
    print(0, *map(ended, [begun(lambda: migrate(settings)) for _ in range(2)]), flush=True)


if __name__ == "__main__":
    assert Path("server").is_dir()
    main()
