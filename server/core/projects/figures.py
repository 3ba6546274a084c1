"""Figures of projects: how many tasks they have, how far those are, and how many people and agents take part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select

from server.model import Agent, Project, ProjectAgent, ProjectMember, Task, TaskKind, TaskStatus, User
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement

_tasks = Task.table().c
_members = ProjectMember.table().c
_taking_part = ProjectAgent.table().c
_agents = Agent.table().c
_users = User.table().c


def _of_each(selection: Any, project: ColumnElement[Any]) -> Statement[Any]:
    """The selection for several projects at once, a group for each."""
    return Statement(selection.where(any_of(project, "projects")))


_shown = (_tasks.kind == TaskKind.EXECUTION.value, _tasks.project_id.is_not(None))
_COUNTS = _of_each(
    select(_tasks.project_id, _tasks.status, func.count()).where(*_shown).group_by(_tasks.project_id, _tasks.status),
    _tasks.project_id,
)
# Of those that somebody does now, which are few.
_UNDER_WAY = _of_each(
    select(_tasks.project_id, func.sum(func.coalesce(_tasks.progress, 0.0)))
    .where(*_shown, _tasks.status == TaskStatus.RUNNING.value)
    .group_by(_tasks.project_id),
    _tasks.project_id,
)
_TEAMS = _of_each(
    select(_members.project_id, func.count()).group_by(_members.project_id),
    _members.project_id,
)
_AGENTS = _of_each(
    select(_taking_part.project_id, func.count())
    .select_from(ProjectAgent.table().join(Agent.table(), _agents.id == _taking_part.agent_id))
    .where(_agents.deleted_at.is_(None))
    .group_by(_taking_part.project_id),
    _taking_part.project_id,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One project's."""

    # How many tasks, by their status.
    by_status: Mapping[str, int] = field(default_factory=dict)
    # What those that somebody does now have of themselves behind them, in whole tasks.
    under_way: float = 0.0
    team_size: int = 0
    agents: int = 0

    @property
    def total(self) -> int:
        """All of its tasks, however they ended."""
        return sum(self.by_status.values())

    def count(self, status: TaskStatus) -> int:
        """Its tasks in this status."""
        return self.by_status.get(status, 0)

    @property
    def progress(self) -> float:
        """0 to 1: how much of the work is done; what was cancelled is no work. 0 where there is none."""
        wanted = self.total - self.count(TaskStatus.CANCELLED)
        return (self.count(TaskStatus.COMPLETED) + self.under_way) / wanted if wanted else 0.0


class ProjectFigures:
    """Counts for several projects by as many statements as for one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, projects: Sequence[Project]) -> Mapping[str, Figures]:
        """The figures of projects, by their ids."""
        if not projects:
            return {}
        ids = [project.id for project in projects]
        statuses: defaultdict[str, dict[str, int]] = defaultdict(dict)
        # Projects may have very many tasks, so these are counted outside the loop.
        for project, status, count in await self._database.scan(_COUNTS, projects=ids):
            statuses[project][status] = count
        under_way, teams, agents = [
            dict(map(tuple, await self._database.scan(statement, projects=ids)))
            for statement in (_UNDER_WAY, _TEAMS, _AGENTS)
        ]
        return {
            each: Figures(statuses[each], under_way.get(each, 0.0) / 100, teams.get(each, 0), agents.get(each, 0))
            for each in ids
        }
