"""How an answer ends, in the transaction that ends its task, and what comes after it in its conversation."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, select, update

from server import values
from server.core.chat.cancelling import LOCK_ITS_CONVERSATION, Why
from server.core.chat.rows import LOCK_ANSWER, READ_ANSWER, pieces_of, text_of
from server.core.shared.resource import change
from server.model import OPEN_ANSWER, Answer, AnswerStatus, Conversation, Task, TaskStatus
from server.store.statement import Statement
from server.store.transaction import Transaction

_ENDS = {
    TaskStatus.COMPLETED: AnswerStatus.COMPLETED,
    TaskStatus.FAILED: AnswerStatus.FAILED,
    TaskStatus.CANCELLED: AnswerStatus.CANCELLED,
}
# What whoever answered says of it; everything else is known here.
TOLD = frozenset(
    {
        "text",
        "attempt",
        "sequence",
        "stop_reason",
        "execution_mode",
        "fallback",
        "answered_by",
        "quality_score",
        "quality_by",
        "input_tokens",
        "output_tokens",
        "tokens_estimated",
        "steps",
        "citations",
        "tool_calls",
        "started_at",
    }
)
_answers, _tasks = Answer.table().c, Task.table().c
# The first that has not ended: it may be given already.
_NEXT = Statement[Any](
    select(_answers.id)
    .where(OPEN_ANSWER, _answers.conversation_id == bindparam("conversation"))
    .order_by(_answers.number)
    .limit(1)
)
# One that somebody ends just now is his to care for: he looks for the next one himself, when he has this conversation.
_waiting = select(_tasks.id).where(
    _tasks.id == bindparam("task"), _tasks.status == "pending", _tasks.ready_at.is_(None)
)
_START = Statement[Any](
    update(Task.table())
    .where(_tasks.id.in_(_waiting.with_for_update(key_share=True, skip_locked=True)))
    .values(ready_at=bindparam("now"), rank=bindparam("now"))
)


async def answer_ended(transaction: Transaction, task: Task, output: bytes | None) -> None:
    """Ends the answer of a task that has just ended; `output` is what whoever answered says of it, as `TOLD`."""
    found = await transaction.one(READ_ANSWER, id=task.id)
    if found is None:
        return
    # Tasks are locked before conversations, and those before answers.
    conversation = None
    if found.conversation_id is not None:
        conversation = await transaction.one(LOCK_ITS_CONVERSATION, id=found.conversation_id)
    answer = await transaction.one(LOCK_ANSWER, id=task.id)
    if answer is None or not answer.is_open:
        return
    told = {name: value for name, value in (values.decode(output) if output else {}).items() if name in TOLD}
    if not told.get("text"):
        # Whoever gave it has died, or was told to stop: what had arrived is kept.
        pieces, _ = await pieces_of(transaction, answer.id)
        told["text"] = text_of(pieces)
        told["sequence"] = pieces[-1][0] if pieces else 0
    status = _ENDS[TaskStatus(task.status)]
    if status == AnswerStatus.CANCELLED:
        # Whoever has had it cancelled has said why.
        told["stop_reason"] = answer.stop_reason or Why.CANCELLED.value
    elif status == AnswerStatus.FAILED:
        told["stop_reason"] = "error"
    ended = await change(
        transaction,
        answer,
        **told,
        status=status.value,
        error=_error(task) if status == AnswerStatus.FAILED else None,
        # A prompt that somebody has brought is nobody's any more.
        prompt=None,
        completed_at=transaction.now,
    )
    transaction.emit(f"chat.{status.value}", ended)
    if conversation is not None:
        await _go_on(transaction, conversation)


async def _go_on(transaction: Transaction, conversation: Conversation) -> None:
    """Lets the next question of a conversation, which is locked, be answered."""
    await transaction.update(conversation, last_active_at=transaction.now)
    row = await transaction.one(_NEXT, conversation=conversation.id)
    if row is not None:
        await transaction.run(_START, task=row[0], now=transaction.now)


def _error(task: Task) -> str:
    said = json.loads(task.error) if task.error else {"type": "InternalError", "message": ""}
    kept = {"type": said["type"], "message": said["message"]}
    if said.get("details"):
        kept["details"] = said["details"]
    return json.dumps(kept, separators=(",", ":"))
