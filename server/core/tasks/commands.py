"""Tasks: give agents work, cancel it, try it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from server.contents import outline
from server.core.agents.entry_point import Entry, bind_problem
from server.core.agents.registry import AGENTS, AgentRegistry
from server.core.queue.cancellation import request_cancel
from server.core.queue.creation import NewTask, create_task
from server.core.queue.rows import TASKS
from server.core.sessions.lifecycle import begin_iteration
from server.core.shared import idempotency
from server.core.shared.call_context import READ_KNOWLEDGE, Call
from server.core.shared.ids import parse_filter
from server.core.tasks.details import may_write, project_for
from server.core.tasks.retry import back_to_queue, not_retryable
from server.core.tasks.text_index import index_task
from server.errors import InvalidRequest, ServiceError
from server.model import Agent, AgentRuntime, Task, TaskStatus
from server.pace import Pace
from server.store.database import Database
from server.store.transaction import Transaction

MAX_BATCH = 500


class TaskCommands:
    """Changes the tasks of every organization; each call sees its own."""

    def __init__(self, database: Database, agents: AgentRegistry) -> None:
        self._database = database
        self._agents = agents

    async def create(self, call: Call, new: NewTask) -> Task:
        """A new task, pending.

        Raises NotFound for the agent, the session or a dependency, InvalidRequest where something of it cannot be,
        Conflict where the agent cannot work or the session takes no more, SandboxUnavailable.
        """
        await new.check()

        async def make(transaction: Transaction) -> Task:
            return await self._make(transaction, call, new, {}, Pace())

        return await TASKS.create(self._database, call, make)

    async def create_shared(self, call: Call, new: NewTask) -> Task:
        """The same, where the caller's right to it may be one that he has in the project alone. Raises Forbidden."""
        await new.check()

        async def make(transaction: Transaction) -> Task:
            await may_write(transaction, call, await project_for(transaction, call, new.project_id))
            return await self._make(transaction, call, new, {}, Pace())

        return await TASKS.create(self._database, call, make)

    async def create_all(self, call: Call, news: Sequence[NewTask]) -> list[Task]:
        """New tasks, all of them or none. `depends_on` may name the keys of others. Raises as `create` does."""
        if not 0 < len(news) <= MAX_BATCH:
            raise InvalidRequest("tasks", f"must be 1 to {MAX_BATCH} tasks")
        pace = Pace()
        for index, new in enumerate(news):
            with _of_batch(index):
                await new.check()
            await pace.turn()
        order = _in_order(news)

        async def body(transaction: Transaction) -> list[Task]:
            if (known := await idempotency.done(transaction, call)) is not None:
                return [await TASKS.get(transaction, call, each) for each in known.split()]
            made: dict[int, Task] = {}
            by_key: dict[str, str] = {}
            cache: dict[str, _Known] = {}
            for index in order:
                new = news[index]
                waits = [by_key.get(each, each) for each in new.depends_on]
                with _of_batch(index):
                    made[index] = await self._make(transaction, call, replace(new, depends_on=waits), cache, pace)
                await pace.turn()
                if new.key:
                    by_key[new.key] = made[index].id
            answer = [made[index] for index in range(len(news))]
            # All of them: whoever dies before the answer is remembered leaves only the mark to answer from.
            await idempotency.mark(transaction, call, " ".join(task.id for task in answer))
            return answer

        return await self._database.write(body)

    async def _make(
        self, transaction: Transaction, call: Call, new: NewTask, cache: dict[str, _Known], pace: Pace
    ) -> Task:
        agent = None
        if new.agent_id:
            known = cache.get(new.agent_id)
            if known is None:
                known = cache[new.agent_id] = _Known.of(await AGENTS.get(transaction, call, new.agent_id))
            agent = known.agent
            if known.entry is not None:
                self._agents.check_sandbox()
                await _check_input(known.entry, new.input, new.input_field, pace)
        session = await begin_iteration(transaction, call, new.session_id) if new.session_id else None
        project = await project_for(transaction, call, new.project_id)
        waits = [parse_filter("depends_on", "task", each) for each in new.depends_on]
        task = await create_task(
            transaction,
            call.organization_id,
            new,
            agent=agent,
            reads_knowledge=call.caller.may(READ_KNOWLEDGE),
            session_id=session.id if session is not None else None,
            depends_on=waits,
            project_id=project,
            created_by=call.caller.user_id or None,
        )
        await index_task(transaction, task)
        return task

    async def cancel(self, call: Call, identifier: str) -> Task:
        """Cancels a pending task, asks the holder of a running one to, and leaves an ended one as it is."""
        return await TASKS.once(self._database, call, identifier, request_cancel)

    async def retry(self, call: Call, identifier: str) -> Task:
        """Puts a failed or cancelled task back into the queue, with all its retries. Raises Conflict for others."""

        async def act(transaction: Transaction, task: Task) -> Task:
            if task.status not in (TaskStatus.FAILED, TaskStatus.CANCELLED):
                raise not_retryable(task, "only failed and cancelled ones are retried")
            return await back_to_queue(transaction, call, task)

        return await TASKS.once(self._database, call, identifier, act)


@dataclass(frozen=True, slots=True)
class _Known:
    """An agent, and how input binds to it where it is code that runs here."""

    agent: Agent
    entry: Entry | None

    @classmethod
    def of(cls, agent: Agent) -> Self:
        return cls(agent, Entry.from_json(agent.entry) if agent.runtime == AgentRuntime.PYTHON else None)


@contextmanager
def _of_batch(index: int) -> Iterator[None]:
    """Says which task of a batch an error is about."""
    try:
        yield
    except InvalidRequest as error:
        field, issue = error.details["field"], error.details["issue"]
        raise InvalidRequest(f"tasks[{index}].{field}", str(issue)) from None
    except ServiceError as error:
        error.details = {**error.details, "index": index}
        raise


def _in_order(news: Sequence[NewTask]) -> list[int]:
    """Indexes of a batch, each after those whose keys it depends on. Raises InvalidRequest for a cycle."""
    keys = {new.key: index for index, new in enumerate(news) if new.key}
    if len(keys) != sum(bool(new.key) for new in news):
        raise InvalidRequest("tasks", "two tasks of a batch must not have the same key")
    order: list[int] = []
    state = [0] * len(news)
    for start in range(len(news)):
        stack = [start]
        while stack:
            index = stack[-1]
            if state[index] == 2:
                stack.pop()
                continue
            before = [keys[each] for each in news[index].depends_on if each in keys and state[keys[each]] != 2]
            if not before:
                state[index] = 2
                order.append(stack.pop())
            elif state[index] == 1 and any(state[each] == 1 for each in before):
                raise InvalidRequest(f"tasks[{index}].depends_on", "the tasks depend on each other in a circle")
            else:
                state[index] = 1
                stack.append(before[0])
    return order


async def _check_input(entry: Entry, value: bytes, field: str, pace: Pace) -> None:
    """Raises InvalidRequest where the entry cannot be called with an input."""
    if entry.needs_keys:
        problem = bind_problem(entry, await outline(value, pace))
        if problem is not None:
            raise InvalidRequest(field, problem)
