"""Runs of tasks as spans: those of this process as they are, and those of workers when they have ended."""

from __future__ import annotations

import json

from server.core.queue.claims import EXTERNAL
from server.core.queue.completion import Result
from server.model import Event, Task, TaskStatus
from server.spans import Attribute, Spans
from server.work.runners import Runner

# After which events an attempt of a worker is over.
_OVER = frozenset({"task.completed", "task.failed", "task.cancelled", "task.retrying"})


class TracedRunner:
    """Another runner, whose runs are told of: whose they are, and how they ended."""

    def __init__(self, runner: Runner, spans: Spans) -> None:
        self._runner = runner
        self._spans = spans
        self.runtime, self.concurrency = runner.runtime, runner.concurrency

    async def run(self, task: Task) -> Result:
        """Does the task; what is done for it goes on with the run's trace context."""
        span = self._spans.begin(_name(task), "consumer", task.traceparent, _attributes(task))
        problem = "cancelled"
        try:
            result = await self._runner.run(Task.new(**{**task.values(), "traceparent": span.traceparent}))
            problem = _problem(result.status, result.error)
            return result
        except Exception as error:
            problem = type(error).__name__
            raise
        finally:
            span.end(problem)


def tell_of_workers(spans: Spans, events: list[Event] | None) -> None:
    """Tells of the attempts of workers that these events have ended. Called after each commit."""
    for event in events or ():
        task = event.record
        if event.type not in _OVER or not isinstance(task, Task) or task.runtime != EXTERNAL or not task.started_at:
            continue
        span = spans.begin(_name(task), "consumer", task.traceparent, _attributes(task), at=task.started_at)
        span.end(_problem(task.status, task.error), at=event.created_at)


def _name(task: Task) -> str:
    return f"run {task.kind}"


def _attributes(task: Task) -> dict[str, Attribute]:
    """Ids and the caller's word for this sort of work; nothing of what it is about."""
    return {
        "orchestrator.organization.id": task.organization_id,
        "orchestrator.task.id": f"task_{task.id}",
        "orchestrator.task.type": task.type,
        "orchestrator.task.attempt": task.attempt,
        "orchestrator.agent.id": f"agent_{task.agent_id}" if task.agent_id else "",
    }


def _problem(status: str, error: str | None) -> str:
    if status == TaskStatus.COMPLETED:
        return ""
    if error is None:
        return status if status == TaskStatus.CANCELLED else "failed"
    return str(json.loads(error).get("type") or "failed")
