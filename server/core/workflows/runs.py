"""Runs as their owners see them: read, watch, cancel them, and let them go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, func, literal, null, select

from server.core.queue.routing.matching import any_of_type
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_filter, parse_id
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource, change
from server.core.workflows import progression
from server.core.workflows.step_spec import Step, steps_in
from server.errors import Conflict, InvalidRequest, NotFound, Unavailable
from server.model import RunStatus, Task, Workflow, WorkflowRun
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import set_within
from server.store.statement import Statement
from server.store.transaction import Transaction

LOOK_SECONDS = 0.5

_workflows = Workflow.table().c
_runs = WorkflowRun.table().c
_tasks = Task.table().c
RUNS = Resource(WorkflowRun, "run")
_LIST = Listing(
    WorkflowRun, [], ["workflow_id", "status"], light=["parameters", "steps", "output"], leading=["workflow_id"]
)
# Without what a run's steps do not show; longer outputs are left to the tasks, and so are results that come to more
# than the second figure together: a run's parameters, inputs and output may have a MiB each, and a message four.
MAX_SHOWN_OUTPUT = 32 << 10
MAX_SHOWN_RESULTS = 512 << 10
MAX_SHORT_ERROR = 300
_LIGHT: dict[str, Any] = {
    "input": null(),
    "output": case((func.length(_tasks.output) <= MAX_SHOWN_OUTPUT, _tasks.output)),
    "stdout": literal(""),
    "stderr": literal(""),
}
_STEP_TASKS = Statement[Task](
    select(*(_LIGHT[each.name].label(each.name) if each.name in _LIGHT else each for each in _tasks)).where(
        progression.NEWEST
    ),
    Task,
)
_STEP_VERSIONS = Statement[Any](select(_tasks.id, _tasks.version).where(progression.NEWEST).order_by(_tasks.id))
_COUNT_OPEN_STEPS = Statement[Any](
    select(func.count())
    .select_from(Task.table())
    .where(_tasks.workflow_run_id == bindparam("run"), _tasks.status.in_(("pending", "running")))
)
# While this is held, nobody deletes the workflow.
_WORKFLOW = Statement[Any](
    select(_workflows.id)
    .where(_workflows.id == bindparam("id"), _workflows.deleted_at.is_(None))
    .with_for_update(read=True)
)


@dataclass(frozen=True, slots=True)
class RunStep:
    """A step of a run: as it was written, and its newest task, once it has begun."""

    step: Mapping[str, Any]
    task: Task | None
    status: str


class WorkflowRuns:
    """The runs of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache, feeds: Feeds) -> None:
        self._database = database
        self._counts = counts
        self._feeds = feeds

    async def get(self, call: Call, identifier: str, workflow_id: str = "") -> WorkflowRun:
        """One run, of this workflow where one is named. Raises NotFound."""
        run = await RUNS.get(self._database, call, identifier)
        _check_workflow(run, identifier, workflow_id)
        return run

    async def page(
        self, call: Call, *, size: int, token: str, workflow_id: str = "", status: str | None = None
    ) -> Page[WorkflowRun]:
        """Runs newest first and without long texts, by page token."""
        workflow = parse_filter("workflow_id", "workflow", workflow_id) if workflow_id else None
        return await _LIST.page(
            self._database, call.organization_id, size=size, token=token, workflow_id=workflow, status=status
        )

    async def slice(
        self, call: Call, *, limit: int, offset: int, workflow_id: str = "", status: str | None = None
    ) -> Page[WorkflowRun]:
        """Runs newest first and without long texts, from an offset, with their number."""
        workflow = parse_filter("workflow_id", "workflow", workflow_id) if workflow_id else None
        return await _LIST.slice(
            self._database,
            self._counts,
            call.organization_id,
            limit=limit,
            offset=offset,
            workflow_id=workflow,
            status=status,
        )

    async def steps_of(self, run: WorkflowRun) -> list[RunStep]:
        """The steps of a run that `get` has given, in the order in which they were written."""
        newest = {task.step_id: task for task in await self._database.all(_STEP_TASKS, run=run.id)}
        left = MAX_SHOWN_RESULTS
        for name, task in newest.items():
            left -= len(task.output or b"") + len(task.error or "")
            if left < 0:
                newest[name] = Task.new(**{**task.values(), "output": None, "error": _in_short(task.error)})
        not_begun = "waiting" if run.status == RunStatus.RUNNING else "cancelled"
        return [
            RunStep(step, newest[step["id"]], newest[step["id"]].status)
            if step["id"] in newest
            else RunStep(step, None, not_begun)
            for step in steps_in(run.steps)
        ]

    async def watch(
        self, call: Call, identifier: str, *, heartbeat_seconds: float
    ) -> AsyncIterator[tuple[WorkflowRun, list[RunStep]]]:
        """The run as it is, then again after each change of it or of a step, up to its end; the same as a heartbeat.

        Raises NotFound, Unavailable.
        """
        run_id, loop = parse_id("run", identifier), asyncio.get_running_loop()
        feeds, organization = self._feeds, call.organization_id
        with feeds.watching(organization, run_id) as changed, feeds.watching(organization) as anything:
            seen: object = None
            due = 0.0
            while True:
                changed.clear()
                anything.clear()
                run = await self.get(call, identifier)
                versions = run.version, await self._database.all(_STEP_VERSIONS, run=run.id)
                if versions != seen or loop.time() >= due:
                    seen = versions
                    yield run, await self.steps_of(run)
                    due = loop.time() + heartbeat_seconds
                if run.status != RunStatus.RUNNING:
                    return
                if self._feeds.closed:
                    raise Unavailable("the server is stopping; reconnect")
                # A change of a step is a change of another resource: after any, it is looked for, but not always.
                if not await set_within(changed, min(LOOK_SECONDS, due - loop.time())):
                    await set_within(anything, due - loop.time())

    async def cancel(self, call: Call, identifier: str, workflow_id: str = "") -> WorkflowRun:
        """Cancels a run and its open steps; leaves one that has ended as it is. Raises NotFound."""

        async def act(transaction: Transaction, run: WorkflowRun) -> WorkflowRun:
            _check_workflow(run, identifier, workflow_id)
            if run.status != RunStatus.RUNNING:
                return run
            return await progression.finish(transaction, run, RunStatus.CANCELLED, "the run was cancelled")

        return await RUNS.once(self._database, call, identifier, act)

    async def retry(self, call: Call, identifier: str, workflow_id: str = "") -> WorkflowRun:
        """Lets a failed or cancelled run go on: steps that have completed stay so, the others are done anew.

        Raises NotFound, Conflict where it has not failed, where its steps are still ending, or where the workflow has
        been deleted, InvalidRequest where a step's agents are gone.
        """

        async def act(transaction: Transaction, run: WorkflowRun) -> WorkflowRun:
            _check_workflow(run, identifier, workflow_id)
            await _check_retry(transaction, call, run)
            again = await change(
                transaction,
                run,
                status=RunStatus.RUNNING.value,
                error="",
                output=None,
                stopping=False,
                completed_at=None,
            )
            transaction.emit("workflow_run.retrying", again)
            return await progression.resume(transaction, again)

        return await RUNS.once(self._database, call, identifier, act)

    async def cancel_orphans(self) -> int:
        """Cancels steps that could not be cancelled when their run ended; a sweep's worth."""
        return await progression.cancel_orphans(self._database)


def _in_short(error: str | None) -> str | None:
    """An error without its traceback and with the beginning of its message."""
    if error is None:
        return None
    written = json.loads(error)
    return json.dumps({**written, "message": written["message"][:MAX_SHORT_ERROR], "traceback": ""})


def _check_workflow(run: WorkflowRun, identifier: str, workflow_id: str) -> None:
    """Raises NotFound where a workflow is named and the run is of another one."""
    if workflow_id and parse_id("workflow", workflow_id) != run.workflow_id:
        raise NotFound("run", identifier)


async def _check_retry(transaction: Transaction, call: Call, run: WorkflowRun) -> None:
    if run.status not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise Conflict(
            f"the run is {run.status}, and only failed and cancelled ones are retried",
            reason="NOT_RETRYABLE",
            details={"status": run.status},
        )
    still_open = await transaction.one(_COUNT_OPEN_STEPS, run=run.id)
    if still_open is not None and still_open[0]:
        raise Conflict(
            f"{still_open[0]} steps of the run are still being cancelled; try again in a moment",
            reason="RUN_STOPPING",
            details={"steps": still_open[0]},
        )
    if await transaction.one(_WORKFLOW, id=run.workflow_id) is None:
        raise Conflict("the workflow has been deleted", reason="WORKFLOW_DELETED")
    await check_agents(transaction, call, [step for step in steps_in(run.steps) if step["order"] >= run.current_order])


async def check_agents(transaction: Transaction, call: Call, steps: Sequence[Step]) -> None:
    """Raises InvalidRequest where no agent has the type that a step asks for."""
    for type in dict.fromkeys(step["agent_type"] for step in steps):
        if not await any_of_type(transaction, call.organization_id, type):
            step = next(step for step in steps if step["agent_type"] == type)
            raise InvalidRequest("agent_type", f"there is no agent of type {type!r}, which step {step['id']} needs")
