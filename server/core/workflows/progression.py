"""How runs go on: their steps become tasks, one order after the other, in the transactions that end the tasks before.

No process drives a run, so none can lose it: whatever is killed, the next step was made or its time has not come.
Of two steps that end at once, both lock the run, so the second one sees that the first has ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, text

from server import values
from server.contents import Contents, merged
from server.core.queue import creation
from server.core.queue.cancellation import request_cancel
from server.core.queue.retry_policy import RetryPolicy
from server.core.shared.resource import change
from server.core.workflows.expressions import MAX_FILLED, FilledTooLarge, filled
from server.core.workflows.step_spec import Step, steps_in, steps_named
from server.errors import ServiceError
from server.model import Priority, RunStatus, Task, TaskStatus, WorkflowRun
from server.pace import Pace
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SWEEP = 50
MAX_OUTPUT = values.MAX_BYTES
# How many bytes of outputs are read for the templates of one step, and for those of one order together. What has been
# read takes many times its length in memory.
MAX_READ = 4 << 20
MAX_READ_TOGETHER = 32 << 20
# How many bytes the inputs of the steps of one order may have, which are written in one transaction.
MAX_MADE_TOGETHER = 16 << 20
MAX_ERROR = 2000

_runs = WorkflowRun.table().c
_tasks = Task.table().c
_of_run = _tasks.workflow_run_id == bindparam("run")
_open = _tasks.status.in_(("pending", "running"))
LOCK = Statement[WorkflowRun](
    select(WorkflowRun.table()).where(_runs.id == bindparam("id")).with_for_update(key_share=True), WorkflowRun
)
# Steps that are tried again have several tasks, and ids grow with time.
NEWEST = _tasks.id.in_(select(func.max(_tasks.id)).where(_of_run).group_by(_tasks.step_id))
_STATES = Statement[Any](select(_tasks.step_id, _tasks.id, _tasks.status).where(NEWEST))
_OUTPUT = Statement[Any](select(_tasks.output).where(_tasks.id == bindparam("task")))
_length = select(_tasks.id, func.length(_tasks.output))
_LENGTHS = Statement[Any](_length.where(any_of(_tasks.id, "ids")))
# Those that somebody else holds are left out: waiting for them here could be waiting for somebody who waits for us.
_OPEN = Statement[Task](
    select(Task.table()).where(_of_run, _open).order_by(_tasks.id).with_for_update(key_share=True, skip_locked=True),
    Task,
)
_UNTOLD = Statement[Any](select(_tasks.id).where(_of_run, _open, _tasks.cancel_requested_at.is_(None)).limit(1))
# As the index has it: SQLite takes `stopping = 1` for another condition.
_stopping = text("workflow_runs.stopping")
_ANY_STOPPING = Statement[Any](select(_runs.id).where(_stopping).limit(1))
_STOPPING = Statement[WorkflowRun](
    select(WorkflowRun.table()).where(_stopping).limit(SWEEP).with_for_update(key_share=True, skip_locked=True),
    WorkflowRun,
)
# The newest task of a step, and its status.
State = tuple[str, str]


async def advance(transaction: Transaction, task: Task) -> None:
    """What a step's end means for its run: the next steps, or the end of the run."""
    run = await transaction.one(LOCK, id=task.workflow_run_id)
    if run is None or run.status != RunStatus.RUNNING:
        return
    states = await states_of(transaction, run)
    if states[task.step_id][0] != task.id:
        return
    if task.status == TaskStatus.COMPLETED:
        await proceed(transaction, run, states)
        return
    said = json.loads(task.error)["message"] if task.error else ""
    message = f"step {task.step_id} {'failed' if task.status == TaskStatus.FAILED else 'was cancelled'}"
    status = RunStatus.FAILED if task.status == TaskStatus.FAILED else RunStatus.CANCELLED
    await finish(transaction, run, status, f"{message}: {said}" if said else message)


async def proceed(transaction: Transaction, run: WorkflowRun, states: Mapping[str, State]) -> WorkflowRun:
    """Where every step of the current order has completed, begins the next order, or completes the run."""
    steps = steps_in(run.steps)
    done = {name for name, (_, status) in states.items() if status == TaskStatus.COMPLETED}
    current = [step["id"] for step in steps if step["order"] == run.current_order]
    if not done.issuperset(current):
        return run
    later = min((step["order"] for step in steps if step["order"] > run.current_order), default=None)
    if later is None:
        output = await _Outputs(transaction, states).together(current)
        return await finish(transaction, run, RunStatus.COMPLETED, "", output)
    moved = await change(transaction, run, current_order=later)
    return await begin(transaction, moved, states)


async def resume(transaction: Transaction, run: WorkflowRun) -> WorkflowRun:
    """Goes on with a run where it stopped: with what is left of the current order, or else with the next one."""
    begun = await begin(transaction, run, await states_of(transaction, run))
    if begun.status != RunStatus.RUNNING:
        return begun
    return await proceed(transaction, begun, await states_of(transaction, begun))


async def begin(
    transaction: Transaction, run: WorkflowRun, states: Mapping[str, State], parameters: Contents | None = None
) -> WorkflowRun:
    """Makes tasks for the steps of the current order that have not completed, or fails the run where one cannot be.

    `parameters` are the run's, where somebody has looked at them already.
    """
    steps = steps_in(run.steps)
    due = [
        step
        for step in steps
        if step["order"] == run.current_order
        and (step["id"] not in states or states[step["id"]][1] != TaskStatus.COMPLETED)
    ]
    earlier = [step["id"] for step in steps if step["order"] < run.current_order]
    # The end of the step before, with what it gave, has just been written in this turn.
    await asyncio.sleep(0)
    outputs, pace, made = _Outputs(transaction, states), Pace(), 0
    parameters = parameters or Contents(run.parameters)
    for step in due:
        try:
            value = await _input(run, step, parameters, outputs, earlier, pace)
            await pace.turn()
            made += len(value)
            if made > MAX_MADE_TOGETHER:
                raise FilledTooLarge(f"the steps of its order are given more than {MAX_MADE_TOGETHER} bytes together")
            await _make(transaction, run, step, value)
        except ServiceError as error:
            # Nothing of this step has been written: what can be refused is refused before the first row.
            message = f"step {step['id']} could not begin: {error.message}"
            return await finish(transaction, run, RunStatus.FAILED, message)
        await pace.turn()
    return run


async def _input(
    run: WorkflowRun, step: Step, parameters: Contents, outputs: _Outputs, earlier: Sequence[str], pace: Pace
) -> bytes:
    if "input" in step:
        named = await steps_named(step["input"], pace)
        read = await outputs.read([name for name in earlier if name in named], MAX_READ)
        steps = {name: {"output": value} for name, value in read.items()}
        return await filled(step["input"], {"parameters": parameters, "steps": steps}, pace)
    if not earlier:
        return run.parameters
    return await merged(run.parameters, {"inputs": await outputs.whole(earlier, MAX_FILLED)}, pace)


async def _make(transaction: Transaction, run: WorkflowRun, step: Step, value: bytes) -> None:
    new = creation.NewTask(
        agent_type=step["agent_type"],
        type=step["agent_type"],
        capabilities=step.get("capabilities") or (),
        input=value,
        priority=Priority(run.priority),
        timeout_seconds=step.get("timeout_seconds"),
        retry=RetryPolicy(**step["retry"]) if "retry" in step else None,
        workflow_run_id=run.id,
        step_id=step["id"],
    )
    await new.check()
    await creation.create_task(
        transaction,
        run.organization_id,
        new,
        agent=None,
        reads_knowledge=run.reads_knowledge,
        traceparent=run.traceparent,
    )


async def finish(
    transaction: Transaction, run: WorkflowRun, status: RunStatus, message: str, output: bytes | None = None
) -> WorkflowRun:
    """Ends a run, and cancels what is left of it."""
    ended = await change(
        transaction, run, status=status.value, error=message[:MAX_ERROR], output=output, completed_at=transaction.now
    )
    transaction.emit(f"workflow_run.{status.value}", ended)
    if status != RunStatus.COMPLETED and not await _stop_rest(transaction, ended):
        return await transaction.update(ended, stopping=True)
    return ended


async def _stop_rest(transaction: Transaction, run: WorkflowRun) -> bool:
    """Cancels the open tasks of a run that has ended; False where somebody else holds one of them just now."""
    for task in await transaction.all(_OPEN, run=run.id):
        await request_cancel(transaction, task)
    return await transaction.one(_UNTOLD, run=run.id) is None


async def cancel_orphans(database: Database) -> int:
    """Cancels tasks of ended runs that somebody held when the run ended; returns how many runs it looked at."""
    if await database.one(_ANY_STOPPING) is None:
        return 0

    async def body(transaction: Transaction) -> int:
        stopping = await transaction.all(_STOPPING)
        for run in stopping:
            if await _stop_rest(transaction, run):
                await transaction.update(run, stopping=False)
        return len(stopping)

    return await database.write(body)


async def states_of(transaction: Transaction, run: WorkflowRun) -> dict[str, State]:
    """The newest task of each step that has begun, and its status."""
    return {step: (task, status) for step, task, status in await transaction.all(_STATES, run=run.id)}


class _Outputs:
    """What the steps of a run gave: measured before it is loaded, and looked into only where somebody asks for it."""

    def __init__(self, transaction: Transaction, states: Mapping[str, State]) -> None:
        self._transaction = transaction
        self._states = states
        self._lengths: dict[str, int] = {}
        # What was asked for last, and how much has been read in all.
        self._known: dict[str, Contents] = {}
        self._read = 0

    async def together(self, names: Sequence[str]) -> bytes | None:
        """The outputs of these steps as one object by their names; None where that is too long to keep."""
        if await self._measure(names) > MAX_OUTPUT:
            return None
        output = values.object_of({name: await self._output(name) for name in names})
        return output if len(output) <= MAX_OUTPUT else None

    async def whole(self, names: Sequence[str], most: int) -> bytes:
        """The same where nothing may be missing. Raises FilledTooLarge."""
        await self._check_length(names, most)
        return values.object_of({name: await self._output(name) for name in names})

    async def read(self, names: Sequence[str], most: int) -> dict[str, Contents]:
        """The outputs of these steps by their names. Raises FilledTooLarge."""
        await self._check_length(names, most)
        self._forget_all_but(names)
        for name in names:
            if name not in self._known:
                self._read += self._lengths[name]
                if self._read > MAX_READ_TOGETHER:
                    raise FilledTooLarge(
                        f"the steps of its order need more than {MAX_READ_TOGETHER} bytes of the outputs of others"
                    )
                self._known[name] = Contents(await self._output(name))
                # One at a time: others' turns come between them.
                await asyncio.sleep(0)
        return {name: self._known[name] for name in names}

    def _forget_all_but(self, names: Collection[str]) -> None:
        """Makes room for what is asked for now; what still has room stays, because the next step may need it too."""
        kept = sum(self._lengths[name] for name in {*self._known, *names})
        for name in self._known.keys() - set(names):
            if kept > MAX_READ:
                kept -= self._lengths[name]
                del self._known[name]

    async def _measure(self, names: Sequence[str]) -> int:
        new = {self._states[name][0]: name for name in names if name not in self._lengths}
        if new:
            for task, length in await self._transaction.all(_LENGTHS, ids=list(new)):
                self._lengths[new[task]] = length or 0
        return sum(self._lengths[name] for name in names)

    async def _check_length(self, names: Sequence[str], most: int) -> None:
        length = await self._measure(names)
        if length > most:
            raise FilledTooLarge(
                f"the outputs of earlier steps that it needs have {length} bytes, and at most {most} are read; "
                "name fewer of them in its input, or let those steps give less"
            )

    async def _output(self, name: str) -> bytes:
        row = await self._transaction.one(_OUTPUT, task=self._states[name][0])
        return row[0] if row is not None and row[0] is not None else values.NULL
