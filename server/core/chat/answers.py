"""Answers: asked for, looked at, waited for and cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import bindparam, func, select, update

from server.core.chat.beginning import joined
from server.core.chat.extractive import NAME as BUILTIN
from server.core.chat.plans import swarms
from server.core.chat.questions import BALANCED, OnConflict, Question
from server.core.chat.rows import ANSWERS, OPEN, READ_ANSWER, STATE
from server.core.models.port import Models
from server.core.queue.cancellation import request_cancel
from server.core.queue.rows import LOCK, LOCK_ALL
from server.core.shared import idempotency
from server.core.shared.call_context import READ_KNOWLEDGE, Call
from server.errors import Conflict, InvalidRequest, NotFound, ServiceError, TooMany, Unavailable
from server.model import (
    AWAITED,
    OPEN_ANSWER,
    Answer,
    AnswerStatus,
    Conversation,
    Task,
    TaskKind,
    TaskStatus,
    new_id,
)
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import set_within
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many questions of a conversation may wait.
MOST_QUEUED = 20
# Whoever waits for an end looks after this whatever happens.
LOOK_SECONDS = 1.0

_answers, _conversations = Answer.table().c, Conversation.table().c
_open = (OPEN_ANSWER, _answers.conversation_id == bindparam("conversation"))
_COUNT_OPEN = Statement[Any](select(func.count()).select_from(Answer.table()).where(*_open))
_OPEN_OF = Statement[Any](
    select(_answers.id)
    .join(Conversation.table(), _conversations.id == _answers.conversation_id)
    .where(
        OPEN_ANSWER,
        _conversations.organization_id == bindparam("organization"),
        _conversations.owner == bindparam("owner"),
        _conversations.name == bindparam("name"),
    )
    .limit(MOST_QUEUED + 1)
)
_AWAITED = Statement[Answer](
    select(*Answer.table().c)
    .join(Conversation.table(), _conversations.id == _answers.conversation_id)
    .where(
        AWAITED,
        _conversations.organization_id == bindparam("organization"),
        _conversations.owner == bindparam("owner"),
        _conversations.name == bindparam("name"),
    )
    .order_by(_answers.number)
    .limit(MOST_QUEUED + 1),
    Answer,
)
_TOLD = Statement[Any](update(Answer.table()).where(_answers.id == bindparam("id")).values(awaited_as=""))


class ChatAnswers:
    """The answers of every organization; each call sees its own."""

    def __init__(self, database: Database, feeds: Feeds, models: Models, *, seconds: float) -> None:
        self._database = database
        self._feeds = feeds
        self._models = models
        self._swarms = swarms()
        # How long an answer may take.
        self._seconds = seconds
        self._abandoned: set[asyncio.Task[None]] = set()

    async def ask(self, call: Call, question: Question, *, prompt: bytes | None = None, awaited_as: str = "") -> Answer:
        """The answer to a question, which somebody begins to give now, or when those before it have ended.

        A `prompt` that somebody has brought whole belongs to no conversation. A socket that is to be told of it, now or
        when it comes back, says as what. Raises InvalidRequest, Conflict where
        the conversation is busy and the question is not to wait, TooMany where too many wait.
        """
        if prompt is None:
            await question.check(self._swarms)
        plan = question.model.startswith(("mode/", "swarm/")) and prompt is None
        if plan or (question.model and question.model != BUILTIN and self._models.known(question.model) is None):
            raise InvalidRequest("model", f"is of no provider that is configured here; {BUILTIN} always is")

        async def body(transaction: Transaction) -> Answer:
            made = await idempotency.done(transaction, call)
            if made is not None:
                return await ANSWERS.get(transaction, call, made)
            if prompt is not None:
                return await self._begin(transaction, call, question, prompt=prompt)
            name = question.session_id or f"session_{new_id()}"
            if question.on_conflict == OnConflict.INTERRUPT:
                await _interrupt(transaction, call, name)
            conversation = await joined(transaction, call, name)
            row = await transaction.one(_COUNT_OPEN, conversation=conversation.id)
            before = row[0] if row is not None else 0
            if before and question.on_conflict == OnConflict.REJECT:
                raise Conflict(
                    "a question of this session is being answered",
                    reason="SESSION_BUSY",
                    details={"session_id": name},
                )
            if before > MOST_QUEUED:
                raise TooMany(f"at most {MOST_QUEUED} questions of a session wait", details={"limit": MOST_QUEUED})
            return await self._begin(
                transaction, call, question, conversation=conversation, waits=before > 0, awaited_as=awaited_as
            )

        return await self._database.write(body)

    async def get(self, call: Call, identifier: str) -> Answer:
        """One answer. Raises NotFound."""
        return await ANSWERS.get(self._database, call, identifier)

    async def wait(self, answer: Answer, seconds: float) -> Answer:
        """The answer when it has ended, or as it is after so long.

        Raises NotFound where it is deleted meanwhile, and Unavailable where the server stops.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self._feeds.watching(answer.organization_id, answer.id) as changed:
            while answer.is_open and (remaining := until - loop.time()) > 0:
                changed.clear()
                state = await self._database.one(STATE, id=answer.id)
                if state is None:
                    raise NotFound("answer", answer.id)
                if state[0] not in OPEN:
                    return await self._database.one(READ_ANSWER, id=answer.id) or answer
                if self._feeds.patience_is_over:
                    raise Unavailable("the server is stopping; the answer goes on, and can be read later")
                await set_within(changed, min(LOOK_SECONDS, remaining))
        return answer

    async def cancel(self, call: Call, identifier: str) -> Answer:
        """Ends an answer: one that waits at once, others as soon as whoever gives them has heard. Raises NotFound."""

        async def body(transaction: Transaction) -> Answer:
            found = await ANSWERS.get(transaction, call, identifier)
            if found.is_open:
                await _cancel(transaction, found.id)
            return await transaction.one(READ_ANSWER, id=found.id) or found

        return await self._database.write(body)

    def abandon(self, call: Call, asked: asyncio.Future[Answer]) -> None:
        """Cancels an answer that has been asked for, or still is, and that nobody will hear. Returns at once."""
        work = asyncio.create_task(self._abandon(call, asked))
        self._abandoned.add(work)
        work.add_done_callback(self._abandoned.discard)

    async def cancel_open(self, call: Call, session: str) -> int:
        """Cancels whatever is asked and not answered in a conversation of the caller's; returns how much that was."""

        async def body(transaction: Transaction) -> int:
            return await _interrupt(transaction, call, session)

        return await self._database.write(body)

    async def awaited(self, call: Call, session: str) -> Sequence[Answer]:
        """What a socket has asked in a conversation of the caller's and not been told yet, in order."""
        key = {"organization": call.organization_id, "owner": call.caller.owner, "name": session}
        return await self._database.all(_AWAITED, **key)

    async def told(self, answer: Answer) -> None:
        """The whole answer has been told to the socket that awaits it."""

        async def body(transaction: Transaction) -> None:
            await transaction.run(_TOLD, id=answer.id)

        await self._database.write(body)

    async def _abandon(self, call: Call, asked: asyncio.Future[Answer]) -> None:
        # Where it was refused, or the store is away, there is nothing to end, or somebody else ends it.
        with suppress(ServiceError, asyncio.CancelledError):
            await self.cancel(call, (await asked).id)

    async def _begin(
        self,
        transaction: Transaction,
        call: Call,
        question: Question,
        *,
        conversation: Conversation | None = None,
        waits: bool = False,
        prompt: bytes | None = None,
        awaited_as: str = "",
    ) -> Answer:
        now = transaction.now
        number = 0
        if conversation is not None:
            number = conversation.turns + 1
            await transaction.update(conversation, turns=number, last_active_at=now, ended_at=None, updated_at=now)
        answer = Answer.new(
            id=new_id(),
            organization_id=call.organization_id,
            owner=call.caller.owner,
            key_id=call.caller.key_id,
            conversation_id=conversation.id if conversation is not None else None,
            session_name=conversation.name if conversation is not None else "",
            number=number,
            message=question.message,
            context=question.user_context,
            prompt=prompt,
            mode=question.optimization_mode or BALANCED,
            swarm=question.swarm_type,
            model=question.model,
            use_memory=question.use_memory,
            reads_knowledge=call.caller.may(READ_KNOWLEDGE) and call.caller.projects is None,
            max_tokens=question.max_tokens,
            awaited_as=awaited_as,
            traceparent=call.traceparent,
            created_at=now,
            updated_at=now,
        )
        await transaction.insert(
            Task.new(
                id=answer.id,
                organization_id=call.organization_id,
                kind=TaskKind.ANSWER.value,
                runtime=TaskKind.ANSWER.value,
                timeout_seconds=self._seconds,
                ready_at=None if waits else now,
                rank=None if waits else now,
                traceparent=call.traceparent,
                created_at=now,
                updated_at=now,
            )
        )
        await transaction.insert(answer)
        await idempotency.mark(transaction, call, answer.id)
        transaction.emit("chat.queued", answer)
        return answer


async def _interrupt(transaction: Transaction, call: Call, name: str) -> int:
    key = {"organization": call.organization_id, "owner": call.caller.owner, "name": name}
    rows = await transaction.all(_OPEN_OF, **key)
    # Tasks are locked before their conversation everywhere; the last ones first, so that none of them begins meanwhile.
    tasks = await transaction.all(LOCK_ALL, ids=[row[0] for row in rows])
    for task in sorted(tasks, key=lambda task: task.id, reverse=True):
        await _ask_to_end(transaction, task)
    return len(rows)


async def _cancel(transaction: Transaction, answer_id: str) -> None:
    task = await transaction.one(LOCK, id=answer_id)
    if task is not None:
        await _ask_to_end(transaction, task)


async def _ask_to_end(transaction: Transaction, task: Task) -> None:
    if task.status not in (TaskStatus.PENDING, TaskStatus.RUNNING):
        return
    asked = await request_cancel(transaction, task)
    if asked.status == TaskStatus.RUNNING and task.cancel_requested_at is None:
        answer = await transaction.one(READ_ANSWER, id=task.id)
        if answer is not None and answer.status != AnswerStatus.CANCELLED:
            # Whoever gives it knows it by the attempt.
            named = Answer.new(**{**answer.values(), "attempt": asked.attempt})
            transaction.emit("chat.cancel_requested", named)
