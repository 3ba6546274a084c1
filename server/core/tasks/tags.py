"""Tags of tasks, by which they are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete

from server.core.queue.creation import file_under
from server.model import Task, TaskTag
from server.store.statement import Statement
from server.store.transaction import Transaction

_tags = TaskTag.table().c
FORGET_TAGS = Statement[Any](delete(TaskTag.table()).where(_tags.task_id == bindparam("task")))


async def write_tags(transaction: Transaction, task: Task, tags: Sequence[str]) -> str:
    """Makes a task findable by these tags alone; returns them as its row has them."""
    await transaction.run(FORGET_TAGS, task=task.id)
    await file_under(transaction, task, tags)
    return json.dumps(list(tags), separators=(",", ":"))
