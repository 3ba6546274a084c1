"""Relations: what tasks depend on and how their parts stand, read for many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, String, bindparam, func, or_, select, text

from server.core.shared.pagination import MANY
from server.model import Dependency, Task, TaskStatus
from server.store.database import Database
from server.store.statement import Statement

_tasks = Task.table().c
_dependencies = Dependency.table().c
_ids = func.any(bindparam("ids", type_=ARRAY(String)))
_ids_on_sqlite = text("SELECT value FROM json_each(:ids)")
# What a task waits for that is a part of it is none of its dependencies.
_depends_on = (
    select(_dependencies.task_id, _dependencies.depends_on)
    .join(Task.table(), _tasks.id == _dependencies.depends_on)
    .where(or_(_tasks.parent_id.is_(None), _tasks.parent_id != _dependencies.task_id))
    .order_by(_dependencies.depends_on)
)
_DEPENDS_ON = Statement[Any](
    _depends_on.where(_dependencies.task_id == _ids),
    on_sqlite=_depends_on.where(_dependencies.task_id.in_(_ids_on_sqlite)),
)
_parts = select(_tasks.parent_id, _tasks.status, func.count()).group_by(_tasks.parent_id, _tasks.status)
_PARTS = Statement[Any](
    _parts.where(_tasks.parent_id == _ids), on_sqlite=_parts.where(_tasks.parent_id.in_(_ids_on_sqlite))
)


@dataclass(slots=True)
class Relations:
    """Those of one task."""

    # Ids of the tasks that had to complete before it, as digits.
    depends_on: list[str]
    # How many of its parts have ended so.
    completed: int = 0
    failed: int = 0


class TaskRelations:
    """Those of tasks that the caller has been given, whoever's they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, tasks: Sequence[Task]) -> list[Relations]:
        """Each one's, in order; two questions for all of them."""
        found = {task.id: Relations([]) for task in tasks}
        read = self._database.scan if len(tasks) > MANY else self._database.all
        if tasks:
            for task_id, depends_on in await read(_DEPENDS_ON, ids=list(found)):
                found[task_id].depends_on.append(depends_on)
        if apart := [task.id for task in tasks if task.subtasks]:
            for parent_id, status, count in await read(_PARTS, ids=apart):
                if status == TaskStatus.COMPLETED:
                    found[parent_id].completed = count
                elif status == TaskStatus.FAILED:
                    found[parent_id].failed = count
        return [found[task.id] for task in tasks]
