"""Conversations: what a model that does a task says and does is recorded under the task's lease, before it goes on.

What a tool changes is recorded with it, in one transaction. So whoever goes on after a crash knows of each call
whether it was made, and makes none twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from server.core.models.turns import Turn, append_turns, read_turns
from server.core.queue.cancellation import request_cancel
from server.core.queue.fencing import StaleLease, stale_lease
from server.core.queue.lease_service import release
from server.core.queue.rows import LOCK
from server.core.queue.session_counters import count_in_session
from server.core.workers.reports import LogLine, Note, noted
from server.model import ENDED, Task
from server.store.acting import agent_of
from server.store.database import Database
from server.store.transaction import Transaction

# What a tool changes, given the task, which is locked; returns what the model is told, a JSON object.
Effect = Callable[[Transaction, Task], Awaitable[dict[str, object]]]


class Conversation:
    """That of one attempt at a task, with what earlier ones have said."""

    def __init__(self, database: Database, task: Task) -> None:
        self._database = database
        self._task = task
        self.turns: list[Turn] = []

    async def begin(self) -> None:
        """Finds what earlier attempts have recorded."""
        self.turns = await read_turns(self._database, self._task.id)

    async def record(self, *turns: Turn, line: LogLine | None = None, progress: float | None = None) -> None:
        """Records what was said, the tokens that it took, and how the task goes. Raises StaleLease."""

        async def body(transaction: Transaction) -> None:
            await self._record(transaction, await self._held(transaction), turns, line, progress)

        await self._database.write(body)
        self.turns += turns

    async def act(self, effect: Effect, turn: Callable[[dict[str, object]], Turn], line: LogLine) -> None:
        """Does what a tool does and records its turn, together or not at all.

        Raises StaleLease, and what `effect` raises; nothing is done then.
        """

        async def body(transaction: Transaction) -> Turn:
            task = await self._held(transaction)
            made = turn(await effect(transaction, task))
            await self._record(transaction, task, [made], line, None)
            return made

        self.turns.append(await self._database.write(body))

    @property
    def traceparent(self) -> str:
        """The W3C trace context of the task; empty where there is none."""
        return self._task.traceparent

    @property
    def asked(self) -> str | None:
        """The task (digits) that the model waits for, which it has given to another agent; None where it does not."""
        last = self.turns[-1] if self.turns else None
        return str(last.content["task"]) if last is not None and last.role == "asked" else None

    async def cancel_asked(self, *, if_cancelled: bool = False) -> None:
        """Nobody waits any more for what another agent was asked; perhaps only where this task is to be cancelled."""
        asked = self.asked
        if asked is None:
            return

        async def body(transaction: Transaction) -> None:
            task = await transaction.one(LOCK, id=self._task.id)
            if if_cancelled and (task is None or task.cancel_requested_at is None):
                return
            part = await transaction.one(LOCK, id=asked)
            if part is not None and part.status not in ENDED:
                await request_cancel(transaction, part)

        await self._database.write(body)

    async def give_back(self) -> None:
        """Returns the task to the queue: nobody can do it here now."""

        async def body(transaction: Transaction) -> None:
            await release(transaction, await self._held(transaction))

        await self._database.write(body)

    async def _held(self, transaction: Transaction) -> Task:
        task = await transaction.one(LOCK, id=self._task.id)
        stale = stale_lease(task, self._task.attempt, self._task.lease_holder)
        if stale is not None or task is None:
            raise stale or StaleLease("the task has been deleted")
        transaction.actor = agent_of(transaction.actor, task.organization_id, task.agent_id)
        return task

    async def _record(
        self,
        transaction: Transaction,
        task: Task,
        turns: Sequence[Turn],
        line: LogLine | None,
        progress: float | None,
    ) -> None:
        await append_turns(transaction, task.id, task.attempt, turns, behind=len(self.turns))
        tokens = sum(turn.usage.total for turn in turns)
        if tokens:
            # Here and not with the result: what an attempt took that never came to one was paid for, too.
            task = await transaction.update(task, tokens_used=(task.tokens_used or 0) + tokens)
            if task.session_id is not None:
                count_in_session(transaction, task.session_id, tokens=tokens)
        note = Note(task.id, task.attempt, progress, line.message if line else "", [line] if line else [])
        await noted(transaction, task, note)
