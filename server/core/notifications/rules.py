"""Rules: who is told of an event, and in which words."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from server.core.shared.names import NamesById, Reference
from server.model import Comment, Event, Project, ProjectMember, Task, TaskKind, resource_of

# The types of events that anybody may be told of.
TOLD = frozenset(
    {
        "comment.created",
        "project.completed",
        "project.deleted",
        "project.member_added",
        "project.member_removed",
        "task.assigned",
        "task.completed",
        "task.failed",
        "task.taken",
    }
)
# Those that everybody who takes part in the project is told of.
OF_PROJECTS = frozenset({"project.completed", "project.deleted"})
# What a mention is called; the other notifications are called as their events.
MENTIONED = "task.mentioned"
MESSAGE, NAME = 500, 120


@dataclass(frozen=True, slots=True)
class Telling:
    """What one person is told."""

    user_id: str
    type: str
    title: str
    message: str = ""


def references_of(event: Event) -> Iterable[Reference]:
    """Whose names are in what is told of an event."""
    kind, _, digits = event.actor.partition("_")
    if digits:
        yield kind, digits
    resource = resource_of(event)
    if isinstance(resource, Comment):
        kind, _, digits = resource.author.partition("_")
        yield kind, digits
        yield "task", resource.task_id
    elif isinstance(resource, Task) and resource.agent_id:
        yield "agent", resource.agent_id
    elif isinstance(resource, ProjectMember):
        yield "project", resource.project_id
    if isinstance(resource, Task) and resource.taken_by:
        yield "user", resource.taken_by


def tellings(event: Event, names: NamesById, members: Mapping[str, Collection[str]]) -> list[Telling]:
    """Who is told what; `members` are the people of each project."""
    resource = resource_of(event)
    if isinstance(resource, Comment):
        return _mentions(resource, names)
    if isinstance(resource, Task):
        return _of_task(event, resource, names)
    if isinstance(resource, ProjectMember):
        return _of_member(event, resource, names)
    return _of_project(event, cast("Project", resource), names, members)


def _mentions(comment: Comment, names: NamesById) -> list[Telling]:
    title = f"{_who(comment.author, names)} mentioned you in {_quoted(names.get(comment.task_id))}"
    # Whoever mentions himself knows.
    people = [each for each in dict.fromkeys(json.loads(comment.mentions)) if comment.author != f"user_{each}"]
    return [Telling(each, MENTIONED, title, comment.content[:MESSAGE]) for each in people]


def _of_task(event: Event, task: Task, names: NamesById) -> list[Telling]:
    """Whoever made a task is told what others do to it; what his agents and programs do for him, too."""
    if task.kind != TaskKind.EXECUTION:
        return []
    called = _quoted(task.title or task.type)
    who = _who(event.actor, names)
    own = event.actor == f"user_{task.created_by}"
    told: list[Telling] = []
    match event.type:
        case "task.assigned" if not own:
            agent = names.get(task.agent_id or "", "an agent")
            told = _to(task.created_by, event, f"{who} assigned {called} to {agent}")
        case "task.taken":
            taker = task.taken_by
            if taker != task.created_by:
                told = _to(task.created_by, event, f"{names.get(taker or '', 'Somebody')} has taken {called}")
            if event.actor != f"user_{taker}":
                told = [*told, *_to(taker, event, f"{who} gave {called} to you")]
        case "task.completed" if not (own and _by_hand(task)):
            told = _to(task.created_by, event, f"{called} is completed")
        case "task.failed" if not (own and _by_hand(task)):
            message = str(json.loads(task.error).get("message", "")) if task.error else ""
            told = _to(task.created_by, event, f"{called} has failed", message)
    return told


def _of_member(event: Event, member: ProjectMember, names: NamesById) -> list[Telling]:
    if event.actor == f"user_{member.user_id}":
        return []
    done = "added you to" if event.type == "project.member_added" else "removed you from"
    return _to(member.user_id, event, f"{_who(event.actor, names)} {done} {_quoted(names.get(member.project_id))}")


def _of_project(
    event: Event, project: Project, names: NamesById, members: Mapping[str, Collection[str]]
) -> list[Telling]:
    done = "is completed" if event.type == "project.completed" else f"was deleted by {_who(event.actor, names)}"
    people = {*members.get(project.id, ()), *([project.created_by] if project.created_by else [])}
    return [
        told
        for each in sorted(people)
        if event.actor != f"user_{each}"
        for told in _to(each, event, f"{_quoted(project.name)} {done}")
    ]


def _by_hand(task: Task) -> bool:
    """Whether a person ended the task: nobody has claimed it, or somebody took it."""
    return task.attempt == 0 or task.taken_by is not None


def _to(user: str | None, event: Event, title: str, message: str = "") -> list[Telling]:
    return [Telling(user, event.type, title, message[:MESSAGE])] if user else []


def _who(actor: str, names: Mapping[str, Any]) -> str:
    return str(names.get(actor.partition("_")[2]) or "Somebody")[:NAME]


def _quoted(name: str | None) -> str:
    """A name of somebody's, in one line."""
    line = " ".join((name or "Untitled").split())
    return f"“{line if len(line) <= NAME else line[: NAME - 1] + '…'}”"
