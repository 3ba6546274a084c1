"""The newest of what hangs on each of several tasks, in one statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from server.model import Comment, TaskFile
from server.store.among import any_of
from server.store.statement import Statement


def newest_of_tasks(table: type[Comment | TaskFile]) -> Statement[Any]:
    """Rows of the tasks in the parameter `tasks`: of each task the newest `most`, oldest first."""
    columns = table.table().c
    place = func.row_number().over(partition_by=columns.task_id, order_by=columns.id.desc()).label("place")
    ranked = select(*columns, place).where(any_of(columns.task_id, "tasks")).subquery()
    shown = [ranked.c[name] for name in table.columns]
    return Statement(select(*shown).where(ranked.c.place <= bindparam("most")).order_by(ranked.c.id), table)
