"""Coding tasks: made with a title in a session, ended, cancelled, put back and taken apart by hand."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import bindparam, select

from server.core.coding.assignments import NoMove, nobody
from server.core.coding.decomposition import add_part, check_takes_part, take_apart, task_input
from server.core.coding.templates import MAX_PARTS, find_template, template_for
from server.core.queue.cancellation import request_cancel
from server.core.queue.completion import Result, conclude
from server.core.queue.creation import NewTask, create_task
from server.core.queue.fencing import stale_lease
from server.core.queue.lease_service import release
from server.core.queue.routing.matching import any_active_with
from server.core.queue.rows import TASKS
from server.core.queue.subtasks import check_single
from server.core.sessions import lifecycle
from server.core.shared import idempotency
from server.core.shared.call_context import READ_KNOWLEDGE, Call
from server.core.shared.free_form import check_value
from server.core.shared.ids import parse_filter
from server.core.shared.resource import check_version
from server.core.tasks.details import project_for
from server.core.tasks.text_index import index_task
from server.errors import InvalidRequest
from server.model import Priority, Session, SessionKind, Task, TaskStatus
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

TIMEOUT_SECONDS = 3600.0

_tasks = Task.table().c
_PARTS = Statement[Task](
    select(Task.table()).where(_tasks.parent_id == bindparam("parent")).order_by(_tasks.id).limit(MAX_PARTS), Task
)


class CodingTasks:
    """The coding tasks of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, call: Call, new: NewTask, *, priority: Priority | None = None, parent_id: str = "") -> Task:
        """A new task in a session; without capabilities it waits to be assigned, begun or taken apart by hand.

        Without a `priority` it has that of the task that it is a part of, or the session's. Raises NotFound,
        AgentUnavailable where nobody who is there can do it, Conflict where the session has ended or the parent takes
        no part more.
        """
        if new.capabilities:
            new = replace(new, type=new.capabilities[0], agent_must_exist=False)
        else:
            new = replace(new, by_hand=True)
        new = replace(new, timeout_seconds=TIMEOUT_SECONDS)
        new = replace(new, input=task_input(new), input_field="description")
        await new.check()
        waits = [parse_filter("dependencies", "task", each) for each in new.depends_on]
        part_of = parse_filter("parent_task_id", "task", parent_id) if parent_id else None

        async def make(transaction: Transaction) -> Task:
            session = await lifecycle.lock_open(transaction, call, new.session_id)
            if session.kind == SessionKind.PLAIN and not lifecycle.tasks_wait(session):
                # A plain one is started by its first task, and bounded, whichever API that comes through.
                session = await lifecycle.begin_iteration(transaction, call, session.id)
            parent = await TASKS.lock(transaction, call, part_of) if part_of is not None else None
            if parent is not None:
                if parent.session_id != session.id:
                    raise InvalidRequest("parent_task_id", "must be a task of the same session")
                await check_takes_part(transaction, parent, waits)
            if new.capabilities and not await any_active_with(transaction, call.organization_id, new.capabilities):
                raise nobody(new.capabilities)
            inherited = parent.priority if parent is not None else session.priority
            task = await create_task(
                transaction,
                call.organization_id,
                replace(new, priority=priority if priority is not None else Priority(inherited), parent_id=part_of),
                agent=None,
                reads_knowledge=call.caller.may(READ_KNOWLEDGE),
                session_id=session.id,
                depends_on=waits,
                paused=lifecycle.tasks_wait(session),
                has_dependents=parent is not None,
                project_id=parent.project_id if parent is not None else await project_for(transaction, call, ""),
                created_by=call.caller.user_id or None,
                traceparent=call.traceparent or (parent.traceparent if parent is not None else ""),
            )
            await index_task(transaction, task)
            if parent is not None:
                await add_part(transaction, parent, task)
            return task

        return await TASKS.create(self._database, call, make)

    async def end(self, call: Call, identifier: str, result: Result, attempt: int | None = None) -> Task:
        """Ends a task that is being done, whoever does it. Raises NoMove, and StaleLease for another attempt."""

        async def move(transaction: Transaction, task: Task) -> Task:
            check_single(task)
            if task.status != TaskStatus.RUNNING:
                raise NoMove(task, result.status.value)
            stale = stale_lease(task, attempt or task.attempt)
            if stale is not None:
                raise stale
            return await conclude(transaction, task, result)

        return await TASKS.once(self._database, call, identifier, move)

    async def cancel(self, call: Call, identifier: str) -> Task:
        """Cancels a task that has not ended, with its parts. Raises NoMove."""

        async def move(transaction: Transaction, task: Task) -> Task:
            if task.status not in (TaskStatus.PENDING, TaskStatus.RUNNING):
                raise NoMove(task, TaskStatus.CANCELLED.value)
            return await request_cancel(transaction, task)

        return await TASKS.once(self._database, call, identifier, move)

    async def put_back(self, call: Call, identifier: str) -> Task:
        """Returns a task that is being done to the queue. Raises NoMove."""

        async def move(transaction: Transaction, task: Task) -> Task:
            check_single(task)
            if task.status != TaskStatus.RUNNING:
                raise NoMove(task, "queued")
            return await release(transaction, task)

        return await TASKS.once(self._database, call, identifier, move)

    async def decompose(self, call: Call, identifier: str, template: str) -> tuple[Task, list[Task], str]:
        """The task, its new parts and the template's name; without one, the template speaks for the task by its words.

        Raises InvalidRequest, Conflict.
        """
        named = find_template(template) if template else None

        async def body(transaction: Transaction) -> tuple[Task, list[Task], str]:
            if (known := await idempotency.done(transaction, call)) is not None:
                apart = await TASKS.lock(transaction, call, known)
                return apart, await transaction.all(_PARTS, parent=apart.id), (named or template_for(apart)).name
            # A session is locked before its tasks.
            session = await self._session(transaction, call, identifier)
            task = await TASKS.lock(transaction, call, identifier)
            check_version(call, task)
            found = named or template_for(task)
            apart, parts = await take_apart(transaction, call, task, session, found)
            await idempotency.mark(transaction, call, apart.id)
            return apart, parts, found.name

        return await self._database.write(body)

    async def _session(self, transaction: Transaction, call: Call, identifier: str) -> Session | None:
        task = await TASKS.get(transaction, call, identifier)
        return await lifecycle.lock_open(transaction, call, task.session_id) if task.session_id is not None else None


async def achieved(value: bytes, *, tokens_used: int | None = None) -> Result:
    """What a task completes with. Raises InvalidRequest where that cannot be kept."""
    await check_value(value, "result")
    return Result(status=TaskStatus.COMPLETED, output=value, tokens_used=tokens_used)
