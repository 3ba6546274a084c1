"""Cancelling answers: at once where nobody gives them yet, and by whoever does otherwise; and why."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select

from server.core.chat.questions import MOST_QUEUED
from server.core.chat.rows import LOCK_ANSWER, NAMED, READ_ANSWER
from server.core.queue.cancellation import request_cancel
from server.core.queue.rows import LOCK_ALL
from server.core.shared.call_context import Call
from server.model import OPEN_ANSWER, Answer, Conversation, Task, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_conversations = Conversation.table().c
LOCK_ITS_CONVERSATION = Statement[Conversation](
    select(Conversation.table()).where(_conversations.id == bindparam("id")).with_for_update(key_share=True),
    Conversation,
)
_answers = Answer.table().c
_OPEN_OF = Statement[Any](
    select(_answers.id)
    .join(Conversation.table(), _conversations.id == _answers.conversation_id)
    .where(OPEN_ANSWER, *NAMED)
    .limit(MOST_QUEUED + 1)
)


class Why(StrEnum):
    """Why an answer is cancelled, which is its stop_reason."""

    # By a command, or with its conversation.
    CANCELLED = "cancelled"
    # Another question of its conversation has taken its place.
    INTERRUPTED = "interrupted"
    # Nobody has asked for it for so long.
    ABANDONED = "abandoned"


async def cancel_open_of(transaction: Transaction, call: Call, name: str, why: Why) -> int:
    """Has all end that is asked and not answered in a conversation of the caller's; returns how much that is."""
    key = {"organization": call.organization_id, "owner": call.caller.owner, "name": name}
    rows = await transaction.all(_OPEN_OF, **key)
    # Tasks are locked before their conversation everywhere.
    await all_to_end(transaction, await transaction.all(LOCK_ALL, ids=[row[0] for row in rows]), why)
    return len(rows)


async def all_to_end(transaction: Transaction, tasks: Iterable[Task], why: Why) -> None:
    """Has the answers of tasks end, which are locked: the last ones first, so that none of them begins meanwhile."""
    for task in sorted(tasks, key=lambda task: task.id, reverse=True):
        await ask_to_end(transaction, task, why)


async def ask_to_end(transaction: Transaction, task: Task, why: Why) -> None:
    """Ends the answer of a task, which is locked, or has whoever gives it end it, if it has not ended."""
    if task.status not in (TaskStatus.PENDING, TaskStatus.RUNNING) or task.cancel_requested_at is not None:
        return
    answer = await _marked(transaction, task, why)
    asked = await request_cancel(transaction, task)
    if asked.status == TaskStatus.RUNNING and answer is not None:
        # Whoever gives it knows it by the attempt.
        transaction.emit("chat.cancel_requested", Answer.new(**{**answer.values(), "attempt": asked.attempt}))


async def _marked(transaction: Transaction, task: Task, why: Why) -> Answer | None:
    """The answer, which says from now on how it will have ended; None where it has."""
    found = await transaction.one(READ_ANSWER, id=task.id)
    if found is not None and found.conversation_id is not None:
        # Tasks are locked before conversations, and those before answers.
        await transaction.one(LOCK_ITS_CONVERSATION, id=found.conversation_id)
    answer = await transaction.one(LOCK_ANSWER, id=task.id)
    if answer is None or not answer.is_open:
        return None
    return await transaction.update(answer, stop_reason=why.value, updated_at=transaction.now)
