"""Workflows: create, read, change, delete and execute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from server.contents import Contents
from server.core.shared.call_context import READ_KNOWLEDGE, Call
from server.core.shared.count_cache import CountCache
from server.core.shared.free_form import check_object
from server.core.shared.pagination import BoundedTexts, Listing, Page
from server.core.shared.resource import Resource, change
from server.core.workflows import progression, runs
from server.core.workflows.step_spec import check_parameters, checked_steps, steps_in, steps_text
from server.errors import Conflict
from server.model import Priority, Workflow, WorkflowRun, WorkflowStatus, new_id
from server.pace import Pace
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

_workflows = Workflow.table().c
_runs = WorkflowRun.table().c
_live = _workflows.deleted_at.is_(None)
WORKFLOWS = Resource(Workflow, "workflow", _live)
_LIST = Listing(Workflow, [_live], ["status"], texts=BoundedTexts(whole=["steps"]), measured=["steps"], large=True)
_COUNT_OPEN = Statement[Any](
    select(func.count())
    .select_from(WorkflowRun.table())
    .where(_runs.workflow_id == bindparam("workflow"), _runs.status == "running")
)


class WorkflowDefinitions:
    """The workflows of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache) -> None:
        self._database = database
        self._counts = counts

    async def create(
        self,
        call: Call,
        *,
        name: str,
        steps: Sequence[Mapping[str, Any]],
        description: str = "",
        status: WorkflowStatus = WorkflowStatus.ACTIVE,
    ) -> Workflow:
        """A new workflow. Its agents need not be there yet. Raises InvalidRequest."""
        text = steps_text(await checked_steps(steps))

        async def make(transaction: Transaction) -> Workflow:
            now = transaction.now
            workflow = Workflow.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                status=status.value,
                steps=text,
                created_at=now,
                updated_at=now,
            )
            await transaction.insert(workflow)
            transaction.emit("workflow.created", workflow)
            return workflow

        return await WORKFLOWS.create(self._database, call, make)

    async def get(self, call: Call, identifier: str) -> Workflow:
        """One workflow. Raises NotFound."""
        return await WORKFLOWS.get(self._database, call, identifier)

    async def page(self, call: Call, *, size: int, token: str, status: str | None) -> Page[Workflow]:
        """Workflows newest first, by page token."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, status=status)

    async def slice(self, call: Call, *, limit: int, offset: int, status: str | None) -> Page[Workflow]:
        """Workflows newest first, from an offset, with their number."""
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, status=status
        )

    async def update(
        self,
        call: Call,
        identifier: str,
        *,
        name: str | None = None,
        description: str | None = None,
        steps: Sequence[Mapping[str, Any]] | None = None,
        status: WorkflowStatus | None = None,
    ) -> Workflow:
        """Changes what is not None; runs go on with the steps they began with. Raises NotFound, VersionMismatch."""
        given = {
            "name": name,
            "description": description,
            "steps": steps_text(await checked_steps(steps)) if steps is not None else None,
            "status": status.value if status is not None else None,
        }
        changes = {column: value for column, value in given.items() if value is not None}

        async def act(transaction: Transaction, workflow: Workflow) -> Workflow:
            changed = await change(transaction, workflow, **changes)
            transaction.emit("workflow.updated", changed)
            return changed

        return await WORKFLOWS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str) -> Workflow:
        """Deletes a workflow; its runs stay readable. Raises Conflict while one is open, NotFound, VersionMismatch."""

        async def act(transaction: Transaction, workflow: Workflow) -> Workflow:
            row = await transaction.one(_COUNT_OPEN, workflow=workflow.id)
            if row is not None and row[0]:
                raise Conflict(
                    f"{row[0]} runs of the workflow are open: cancel them, or wait for their ends",
                    reason="WORKFLOW_RUNNING",
                    details={"runs": row[0]},
                )
            deleted = await change(transaction, workflow, deleted_at=transaction.now)
            transaction.emit("workflow.deleted", deleted)
            return deleted

        return await WORKFLOWS.once(self._database, call, identifier, act)

    async def execute(
        self,
        call: Call,
        identifier: str,
        *,
        parameters: bytes,
        priority: Priority = Priority.MEDIUM,
    ) -> WorkflowRun:
        """A new run, whose first steps are tasks already.

        Raises NotFound, Conflict where the workflow is inactive, InvalidRequest where a step needs a parameter that is
        not given, or an agent of a type that does not exist.
        """
        await check_object(parameters, "parameters")
        given = Contents(parameters)

        async def make(transaction: Transaction) -> WorkflowRun:
            # Any number may execute a workflow at once, and meanwhile nobody changes or deletes it.
            workflow = await WORKFLOWS.lock(transaction, call, identifier, shared=True)
            if workflow.status != WorkflowStatus.ACTIVE:
                raise Conflict("the workflow is inactive", reason="WORKFLOW_INACTIVE")
            steps = steps_in(workflow.steps)
            await check_parameters(steps, given, Pace())
            await runs.check_agents(transaction, call, steps)
            run = WorkflowRun.new(
                id=new_id(),
                organization_id=call.organization_id,
                workflow_id=workflow.id,
                priority=int(priority),
                parameters=parameters,
                steps=workflow.steps,
                reads_knowledge=call.caller.may(READ_KNOWLEDGE),
                current_order=min(step["order"] for step in steps),
                traceparent=call.traceparent,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            await transaction.insert(run)
            transaction.emit("workflow_run.started", run)
            return await progression.begin(transaction, run, {}, given)

        return await runs.RUNS.create(self._database, call, make)
