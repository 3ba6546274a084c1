"""Hooks: what one domain does inside the transactions of another, registered where everything is wired together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.model import Task
    from server.store.transaction import Transaction

TaskHook = Callable[["Transaction", "Task"], Awaitable[None]]


class Hooks:
    """Those of one database. They run in the order in which they were registered."""

    def __init__(self) -> None:
        # Called when a task has reached its final status, after its own event, in the transaction that ended it. What a
        # hook raises rolls that back.
        self.task_ended: list[TaskHook] = []
