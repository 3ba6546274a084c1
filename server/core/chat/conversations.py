"""Conversations: listed, read, deleted, and told of as ended when nobody has said anything for a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from server.core.chat.cancelling import Why, all_to_end
from server.core.chat.rows import LOCK_CONVERSATION, SIZES, TURNS, conversation_of
from server.core.queue.rows import LOCK_ALL
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.pagination import Listing, Page, first_within
from server.errors import NotFound
from server.model import GOING_ON, OPEN_ANSWER, Answer, AnswerStatus, Conversation, Event, Task, TaskStatus
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

IDLE = 24 * 3600 * 1_000_000
SWEEP, PAGE = 100, 200
# What one answer may hold of a conversation: a client of gRPC takes 4 MiB by default.
MOST_CHARACTERS = 1_500_000

_conversations, _answers, _events = Conversation.table().c, Answer.table().c, Event.table().c
_tasks = Task.table().c
_LIST = Listing(Conversation, [], [], light=["summary"], of="owner")
_IDS = Statement[Any](
    select(_answers.id, _answers.number, _answers.status, _tasks.status)
    .join(Task.table(), _tasks.id == _answers.id)
    .where(_answers.conversation_id == bindparam("conversation"))
    .limit(PAGE)
)
_OPEN_IDS = Statement[Any](
    select(_answers.id).where(OPEN_ANSWER, _answers.conversation_id == bindparam("conversation")).limit(PAGE)
)
_FORGET = Statement[Any](delete(Answer.table()).where(_answers.id == bindparam("id")))
# Events have numbers without holes, so they stay; what was said does not.
_BLANK = Statement[Any](
    update(Event.table()).where(_events.resource_id == bindparam("id")).values(payload=bindparam("nothing"))
)
_DELETE = Statement[Any](delete(Conversation.table()).where(_conversations.id == bindparam("id")))
_idle = (GOING_ON, _conversations.last_active_at < bindparam("before"))
_ANY_IDLE = Statement[Any](select(_conversations.id).where(*_idle).limit(1))
_IDLE = Statement[Conversation](
    select(Conversation.table()).where(*_idle).limit(SWEEP).with_for_update(key_share=True, skip_locked=True),
    Conversation,
)


class Conversations:
    """The conversations of every organization; each call sees those of its owner."""

    def __init__(self, database: Database, counts: CountCache) -> None:
        self._database = database
        self._counts = counts

    async def slice(self, call: Call, *, limit: int, offset: int) -> Page[Conversation]:
        """The caller's conversations, newest first, with their number."""
        return await _LIST.slice(
            self._database,
            self._counts,
            call.organization_id,
            limit=limit,
            offset=offset,
            owner=call.caller.owner,
        )

    async def page(self, call: Call, *, size: int, token: str) -> Page[Conversation]:
        """The caller's conversations, newest first. Raises InvalidRequest."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, owner=call.caller.owner)

    async def get(self, call: Call, name: str) -> Conversation:
        """One of the caller's. Raises NotFound."""
        return await conversation_of(self._database, call, name)

    async def turns(self, call: Call, name: str, *, limit: int, before: int = (1 << 31) - 1) -> Sequence[Answer]:
        """What was asked and answered in one, in order: the last `limit` before the turn `before`, or as many as fit.

        Raises NotFound.
        """
        conversation = await conversation_of(self._database, call, name)
        sizes = await self._database.all(SIZES, conversation=conversation.id, before=before, limit=limit)
        kept = first_within(MOST_CHARACTERS, sizes, lambda row: row[1])
        if not kept:
            return ()
        return await self._database.all(TURNS, conversation=conversation.id, first=kept[-1][0], before=before)

    async def delete(self, call: Call, name: str) -> Conversation:
        """Deletes one with everything that was said in it; what is being answered ends. Raises NotFound."""
        if call.idempotency_key and await idempotency.earlier(self._database, call) is not None:
            # It has been deleted, and all that is known of it is its name.
            return Conversation.new(organization_id=call.organization_id, owner=call.caller.owner, name=name)
        found = await conversation_of(self._database, call, name)
        while True:
            # What ends says so in events, of which the next transaction leaves nothing.
            await self._database.write(lambda transaction: self._end(transaction, found))
            conversation = await self._database.write(lambda transaction: self._remove(transaction, call, found))
            if conversation is not None:
                return conversation

    async def _end(self, transaction: Transaction, found: Conversation) -> None:
        rows = await transaction.all(_OPEN_IDS, conversation=found.id)
        await all_to_end(transaction, await transaction.all(LOCK_ALL, ids=[row[0] for row in rows]), Why.CANCELLED)

    async def _remove(self, transaction: Transaction, call: Call, found: Conversation) -> Conversation | None:
        """Removes a page of a conversation's turns, or the conversation where there are none; then it is returned."""
        key = {"organization": found.organization_id, "owner": found.owner, "name": found.name}
        conversation = await transaction.one(LOCK_CONVERSATION, **key)
        if conversation is None or conversation.id != found.id:
            raise NotFound("session", found.name)
        # From here on nobody asks anything in it.
        rows = await transaction.all(_IDS, conversation=found.id)
        if any(row[-1] == TaskStatus.PENDING for row in rows):
            return None
        for answer_id, number, status, _ in rows:
            # First the row: whoever records pieces of it has done so then, or finds it gone.
            await transaction.run(_FORGET, id=answer_id)
            await transaction.run(
                _BLANK, id=answer_id, nothing=_unsaid(found, answer_id, number=number, status=status).snapshot()
            )
        if len(rows) == PAGE:
            return None
        unsaid = Conversation.new(**{**conversation.values(), "summary": ""})
        await transaction.run(_BLANK, id=found.id, nothing=unsaid.snapshot())
        await transaction.run(_DELETE, id=found.id)
        await idempotency.mark(transaction, call, conversation.id)
        transaction.emit("conversation.deleted", unsaid)
        return conversation

    async def end_idle(self) -> int:
        """Tells of conversations in which nobody has said anything for a day that they have ended; returns how many.

        The next question takes such a one up again.
        """
        before = self._database.clock() - IDLE
        if await self._database.one(_ANY_IDLE, before=before) is None:
            return 0

        async def body(transaction: Transaction) -> int:
            idle = await transaction.all(_IDLE, before=before)
            for each in idle:
                ended = await transaction.update(each, ended_at=transaction.now)
                transaction.emit("conversation.ended", ended)
            return len(idle)

        return await self._database.write(body)


def _unsaid(
    conversation: Conversation, answer_id: str, number: int = 0, status: str = AnswerStatus.CANCELLED
) -> Answer:
    """An answer of which it is known whose it was and how it stood, and nothing that was said."""
    return Answer.new(
        id=answer_id,
        organization_id=conversation.organization_id,
        owner=conversation.owner,
        session_name=conversation.name,
        number=number,
        status=str(status),
    )
