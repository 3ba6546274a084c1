"""Answers: asked for, looked at, waited for and cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select, update

from server.core.chat.attention import Attention
from server.core.chat.beginning import joined
from server.core.chat.cancelling import Why, ask_to_end, cancel_open_of
from server.core.chat.live import LiveAnswers
from server.core.chat.plans import swarms
from server.core.chat.questions import BALANCED, MOST_QUEUED, OnConflict, Question
from server.core.chat.rows import ANSWERS, NAMED, READ_ANSWER, STATE, gone
from server.core.models.names import BUILTIN
from server.core.models.port import Models
from server.core.queue.claims import Place
from server.core.queue.rows import LOCK
from server.core.shared import idempotency
from server.core.shared.call_context import READ_KNOWLEDGE, Call
from server.errors import Conflict, InvalidRequest, ServiceError, TooMany, Unavailable
from server.model import (
    AWAITED,
    OPEN_ANSWER,
    OPEN_STATUSES,
    Answer,
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

# Whoever waits for an end looks after this whatever happens.
LOOK_SECONDS = 1.0
# How long whoever cancels an answer waits for its end.
END_SECONDS = 1.0
T = TypeVar("T")

_answers, _conversations = Answer.table().c, Conversation.table().c
_open = (OPEN_ANSWER, _answers.conversation_id == bindparam("conversation"))
_COUNT_OPEN = Statement[Any](select(func.count()).select_from(Answer.table()).where(*_open))
_AWAITED = Statement[Answer](
    select(*Answer.table().c)
    .join(Conversation.table(), _conversations.id == _answers.conversation_id)
    .where(AWAITED, *NAMED)
    .order_by(_answers.number)
    .limit(MOST_QUEUED + 1),
    Answer,
)
_TOLD = Statement[Any](update(Answer.table()).where(_answers.id == bindparam("id")).values(awaited_as=""))


class ChatAnswers:
    """The answers of every organization; each call sees its own."""

    def __init__(
        self,
        database: Database,
        feeds: Feeds,
        models: Models,
        attention: Attention,
        live: LiveAnswers,
        *,
        seconds: float,
    ) -> None:
        self._database = database
        self._feeds = feeds
        self._models = models
        self._attention = attention
        self._live = live
        self._swarms = swarms()
        # How long an answer may take.
        self._seconds = seconds
        # Keeps a place for whoever is about to give an answer in this process.
        self.place: Callable[[], AbstractContextManager[Place | None]] = nullcontext
        self._works: set[asyncio.Task[Any]] = set()

    async def ask(self, call: Call, question: Question, *, prompt: bytes | None = None, awaited_as: str = "") -> Answer:
        """The answer to a question, which somebody begins to give now, or when those before it have ended.

        A `prompt` that somebody has brought whole belongs to no conversation. A socket that is to be told of it, now or
        when it comes back, says as what. Raises InvalidRequest, Conflict where
        the conversation is busy and the question is not to wait, TooMany where too many wait.
        """
        if prompt is None:
            await question.check(self._swarms)
        if question.model not in ("", BUILTIN) and self._models.known(question.model) is None:
            raise InvalidRequest("model", f"is of no provider that is configured here; {BUILTIN} always is")
        # Whoever goes away meanwhile takes no answer with him that somebody is about to give.
        return await asyncio.shield(self._start(self._ask(call, question, prompt, awaited_as)))

    async def _ask(self, call: Call, question: Question, prompt: bytes | None, awaited_as: str) -> Answer:
        with self.place() as place:

            async def body(transaction: Transaction) -> tuple[Answer, Task | None]:
                made = await idempotency.done(transaction, call)
                if made is not None:
                    return await ANSWERS.get(transaction, call, made), None
                if prompt is not None:
                    return await self._begin(transaction, call, question, place, prompt=prompt)
                name = question.session_id or f"session_{new_id()}"
                if question.on_conflict == OnConflict.INTERRUPT:
                    await cancel_open_of(transaction, call, name, Why.INTERRUPTED)
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
                    transaction,
                    call,
                    question,
                    place,
                    conversation=conversation,
                    waits=before > 0,
                    awaited_as=awaited_as,
                )

            answer, task = await self._database.write(body)
            if place is not None and task is not None and task.status == TaskStatus.RUNNING:
                self._live.expect(answer)
                place.begin(task)
            return answer

    async def get(self, call: Call, identifier: str) -> Answer:
        """One answer. Raises NotFound."""
        answer = await ANSWERS.get(self._database, call, identifier)
        self._attention.note(answer)
        return answer

    async def wait(self, answer: Answer, seconds: float) -> Answer:
        """The answer when it has ended, or as it is after so long; where it is deleted meanwhile, as it ended by that.

        Raises Unavailable where the server stops.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self._feeds.watching(answer.organization_id, answer.id) as changed, self._attention.on(answer):
            while answer.is_open and (remaining := until - loop.time()) > 0:
                changed.clear()
                state = await self._database.one(STATE, id=answer.id)
                if state is None:
                    return gone(answer)
                if state[0] not in OPEN_STATUSES:
                    return await self._database.one(READ_ANSWER, id=answer.id) or gone(answer)
                if self._feeds.patience_is_over:
                    raise Unavailable("the server is stopping; the answer goes on, and can be read later")
                await set_within(changed, min(LOOK_SECONDS, remaining))
        return answer

    async def cancel(self, call: Call, identifier: str) -> Answer:
        """Ends an answer, and gives it as it ended. Raises NotFound.

        Where whoever gives it does not end it within a moment, it is given as it is; its stop_reason says that it ends.
        """

        async def body(transaction: Transaction) -> Answer:
            found = await ANSWERS.get(transaction, call, identifier)
            if found.is_open:
                await _cancel(transaction, found.id)
            return await transaction.one(READ_ANSWER, id=found.id) or gone(found)

        return await self.wait(await self._database.write(body), END_SECONDS)

    def abandon(self, call: Call, asked: asyncio.Future[Answer]) -> None:
        """Cancels an answer that has been asked for, or still is, and that nobody will hear. Returns at once."""
        self._start(self._abandon(call, asked))

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begins something that goes on whoever waits for it."""
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def cancel_open(self, call: Call, session: str) -> int:
        """Cancels whatever is asked and not answered in a conversation of the caller's; returns how much that was."""

        async def body(transaction: Transaction) -> int:
            return await cancel_open_of(transaction, call, session, Why.CANCELLED)

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
        place: Place | None,
        *,
        conversation: Conversation | None = None,
        waits: bool = False,
        prompt: bytes | None = None,
        awaited_as: str = "",
    ) -> tuple[Answer, Task]:
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
            asked_at=now,
            created_at=now,
            updated_at=now,
        )
        task = Task.new(
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
        if place is not None and not waits:
            task = place.claimed(task)
        await transaction.insert(task)
        await transaction.insert(answer)
        await idempotency.mark(transaction, call, answer.id)
        transaction.emit("chat.queued", answer)
        return answer, task


async def _cancel(transaction: Transaction, answer_id: str) -> None:
    task = await transaction.one(LOCK, id=answer_id)
    if task is not None:
        await ask_to_end(transaction, task, Why.CANCELLED)
