"""Effects: what a model that does a task may change of it, as the agent that holds its lease."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from server.core.agents.registry import agents_named
from server.core.discussion.comments import add_comment, check_content
from server.core.discussion.files import Uploaded, add_file, named
from server.core.model_work.conversation import Effect
from server.core.queue.creation import NewTask, create_task
from server.core.queue.routing.obstacles import absence
from server.core.tasks.text_index import index_task
from server.errors import InvalidRequest
from server.model import Agent, AgentRuntime, Priority, Task
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many agents may stand above one that is asked, each asked by the one before.
MAX_DEPTH = 2
MAX_ASKED = 20_000
_tasks = Task.table().c
_ABOVE = Statement[Any](select(_tasks.parent_id, _tasks.agent_id).where(_tasks.id == bindparam("id")))


def comment(content: str) -> Effect:
    """Says something of the task. Raises InvalidRequest."""
    check_content(content)

    async def effect(transaction: Transaction, task: Task) -> dict[str, object]:
        made = await add_comment(transaction, task, f"agent_{task.agent_id}", content)
        return {"comment_id": f"comment_{made.id}"}

    return effect


async def attach(uploaded: Uploaded) -> Effect:
    """Attaches a file, which is stored; the effect raises TooMany. Raises InvalidRequest."""
    name, content_type = await named(uploaded)

    async def effect(transaction: Transaction, task: Task) -> dict[str, object]:
        author = f"agent_{task.agent_id}"
        made = await add_file(transaction, task, author, uploaded, name=name, content_type=content_type)
        return {"file_id": f"file_{made.id}", "name": made.name, "size": made.size}

    return effect


async def ask(named: str, text: str) -> Effect:
    """Gives another agent, named by its name or id, a task, as a part of this one.

    It has the rights, the project and the urgency of this one. Raises InvalidRequest; the effect raises NotFound,
    InvalidRequest.
    """
    if not text.strip() or len(text) > MAX_ASKED:
        raise InvalidRequest("task", f"must have 1 to {MAX_ASKED} characters")

    async def effect(transaction: Transaction, task: Task) -> dict[str, object]:
        agent = await _asked(transaction, task, named)
        await _check_chain(transaction, task, agent)
        new = NewTask(
            agent_id=agent.id,
            type="asked",
            title=text.strip().splitlines()[0][:200],
            description=text,
            priority=Priority(task.priority),
            parent_id=task.id,
        )
        made = await create_task(
            transaction,
            task.organization_id,
            new,
            agent=agent,
            reads_knowledge=task.reads_knowledge,
            project_id=task.project_id,
            created_by=task.created_by,
            traceparent=task.traceparent,
        )
        await index_task(transaction, made)
        return {"task": made.id}

    return effect


async def _asked(transaction: Transaction, task: Task, named: str) -> Agent:
    found = await agents_named(transaction, task.organization_id, named)
    if len(found) > 1:
        raise InvalidRequest("agent", f"several are called {named[:100]!r}: name one by its id")
    agent = found[0]
    if agent.runtime == AgentRuntime.PYTHON:
        raise InvalidRequest("agent", f"{agent.name} is a program, which takes no tasks in words")
    if (obstacle := absence(agent)) is not None:
        raise InvalidRequest("agent", f"{agent.name} does nothing now: {obstacle}")
    return agent


async def _check_chain(transaction: Transaction, task: Task, agent: Agent) -> None:
    """Raises InvalidRequest where an agent would wait for itself, or the chain of those who wait be too long."""
    above, of = task.parent_id, {task.agent_id}
    for _ in range(MAX_DEPTH - 1):
        if above is None:
            break
        row = await transaction.one(_ABOVE, id=above)
        if row is None:
            above = None
            break
        above = row[0]
        of.add(row[1])
    if above is not None:
        raise InvalidRequest("agent", f"this task is a part of a part: nobody is asked {MAX_DEPTH + 1} deep")
    if agent.id in of:
        raise InvalidRequest("agent", f"{agent.name} waits for this very task")
