"""Industrial: its words for states, and its moves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from server.model import SessionStatus, Task, TaskStatus

# What this API calls the states of a session, and of a task that is not pending.
SESSION_WORDS: Mapping[str, str] = {
    SessionStatus.CREATED: "PENDING",
    SessionStatus.QUEUED: "QUEUED",
    SessionStatus.RUNNING: "RUNNING",
    SessionStatus.PAUSED: "PAUSED",
    SessionStatus.COMPLETED: "COMPLETED",
    SessionStatus.FAILED: "FAILED",
    SessionStatus.CANCELLED: "CANCELLED",
    SessionStatus.EXPIRED: "TIMEOUT",
}
SESSION_STATUSES: Mapping[str, SessionStatus] = {word: SessionStatus(status) for status, word in SESSION_WORDS.items()}
TASK_WORDS: Mapping[str, str] = {
    TaskStatus.RUNNING: "IN_PROGRESS",
    TaskStatus.COMPLETED: "COMPLETED",
    TaskStatus.FAILED: "FAILED",
    TaskStatus.CANCELLED: "CANCELLED",
}
# Where a task may go by hand.
TASK_MOVES: Mapping[str, Sequence[str]] = {
    "PENDING": ("CANCELLED",),
    "QUEUED": ("CANCELLED", "IN_PROGRESS"),
    "BLOCKED": ("CANCELLED",),
    "IN_PROGRESS": ("CANCELLED", "COMPLETED", "FAILED", "QUEUED"),
}


def task_status(task: Task) -> str:
    """What this API calls the state of a task."""
    if task.status != TaskStatus.PENDING:
        return TASK_WORDS[task.status]
    if task.waiting_for:
        return "BLOCKED"
    if task.paused or task.ready_at is None or task.ready_at > time.time_ns() // 1000:
        return "PENDING"
    return "QUEUED" if task.agent_id or task.route else "PENDING"
