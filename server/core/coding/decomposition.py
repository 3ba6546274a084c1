"""Taking tasks apart: templates, which are data files, and the parts that they give."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from server import values
from server.core.queue.creation import NewTask, create_task
from server.core.sessions import lifecycle
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.errors import Conflict, InvalidRequest
from server.model import Dependency, Priority, Session, Task, TaskStatus
from server.store.transaction import Transaction

FOLDER = Path(__file__).parent / "decompositions"
COMPLEXITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
MAX_PARTS = 50
# Parts may be taken apart in turn, so often.
MAX_DEPTH = 4
MAX_TITLE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that a template gives; `{title}` and `{description}` in its texts stand for the task's."""

    key: str
    title: str
    description: str
    complexity: str
    capabilities: Sequence[str]
    estimated_minutes: int
    depends_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A way to take tasks apart; parts come after those that they depend on."""

    name: str
    description: str
    parts: Sequence[Part]


@cache
def templates(folder: Path = FOLDER) -> Mapping[str, Template]:
    """Every template, by name. Raises ValueError for a file that says something that cannot be."""
    return {each.name: each for each in (_read(path) for path in sorted(folder.glob("*.toml")))}


def _read(path: Path) -> Template:
    said = tomllib.loads(path.read_text())
    try:
        parts = [Part(**part) for part in said.pop("parts")]
        template = Template(**said, parts=parts)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    known: set[str] = set()
    for part in parts:
        wrong = [each for each in part.depends_on if each not in known]
        if wrong or part.key in known or part.complexity not in COMPLEXITIES or not part.capabilities:
            raise ValueError(f"{path.name}: part {part.key} depends on {wrong or 'nothing'} or is not whole")
        known.add(part.key)
    if not 0 < len(parts) <= MAX_PARTS:
        raise ValueError(f"{path.name}: must have 1 to {MAX_PARTS} parts")
    return template


def find_template(name: str) -> Template:
    """A template. Raises InvalidRequest."""
    known = templates()
    template = known.get(name.strip().upper())
    if template is None:
        raise InvalidRequest("template", f"must be one of {', '.join(known)}")
    return template


def task_input(new: NewTask) -> bytes:
    """What whoever does a coding task is given."""
    said = {
        "title": new.title,
        "description": new.description,
        "complexity": new.complexity,
        "required_capabilities": list(new.capabilities),
    }
    return values.encode(said)


async def take_apart(
    transaction: Transaction, call: Call, task: Task, session: Session | None, template: Template, depth: int
) -> tuple[Task, list[Task]]:
    """The task, which is locked, as it runs from now on, and its parts. Raises Conflict."""
    if task.subtasks:
        raise Conflict("the task has been decomposed already", reason="ALREADY_DECOMPOSED")
    if task.status != TaskStatus.PENDING or task.next_run_at is not None:
        raise Conflict(
            f"the task is {task.status}: only one that nobody has begun is decomposed",
            reason="NOT_DECOMPOSABLE",
            details={"status": task.status},
        )
    if task.waiting_for:
        raise Conflict("the task waits for others: decompose it once they have completed", reason="NOT_DECOMPOSABLE")
    if depth >= MAX_DEPTH:
        raise Conflict(f"parts of parts are taken apart at most {MAX_DEPTH} times", reason="NOT_DECOMPOSABLE")
    paused = session is not None and lifecycle.tasks_wait(session)
    made: dict[str, Task] = {}
    for part in template.parts:
        new = _new_task(task, part)
        new = replace(new, input=task_input(new))
        made[part.key] = await create_task(
            transaction,
            call.organization_id,
            new,
            agent=None,
            session_id=task.session_id,
            depends_on=[made[key].id for key in part.depends_on],
            paused=paused,
            has_dependents=True,
        )
        await transaction.insert(Dependency.new(task_id=task.id, depends_on=made[part.key].id))
    now = transaction.now
    apart = await change(
        transaction,
        task,
        status=TaskStatus.RUNNING.value,
        # Nobody does it itself.
        agent_id=None,
        routed=False,
        runtime=None,
        rank=None,
        ready_at=None,
        subtasks=len(made),
        waiting_for=len(made),
        progress=0.0,
        progress_at=now,
        started_at=now,
    )
    transaction.emit("task.decomposed", apart)
    return apart, list(made.values())


def _new_task(task: Task, part: Part) -> NewTask:
    words: dict[str, Any] = {"title": task.title or task.type, "description": task.description}
    title = _filled(part.title, words)
    return NewTask(
        # The first is what dispatch looks for, and the others must be there as well.
        type=part.capabilities[0],
        capabilities=part.capabilities,
        title=title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…",
        description=_filled(part.description, words),
        complexity=part.complexity,
        estimated_minutes=part.estimated_minutes,
        priority=Priority(task.priority),
        timeout_seconds=task.timeout_seconds or None,
        parent_id=task.id,
        agent_must_exist=False,
    )


def _filled(text: str, words: Mapping[str, str]) -> str:
    """The text with the task's words in it; what those say in braces is left as it is."""
    first, *rest = text.split("{title}")
    filled = [part.replace("{description}", words["description"]) for part in (first, *rest)]
    return words["title"].join(filled)
