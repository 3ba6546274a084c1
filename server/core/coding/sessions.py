"""Coding sessions: started, paused, resumed and ended by hand; their tasks wait whenever they do not run."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select, update

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.sessions.lifecycle import SECOND, SESSIONS, end_session, stop_clock
from server.core.shared.call_context import Call
from server.core.shared.free_form import check_value
from server.core.shared.ids import parse_filter
from server.core.shared.resource import change
from server.errors import Conflict, InvalidRequest
from server.model import BY_HAND, Priority, Session, SessionKind, SessionStatus, Task, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

MAX_RETRIES = 3
# How many open tasks an error names, and by how much of their titles.
NAMED, NAMED_CHARACTERS = 10, 60
SWEEP = 100

_sessions = Session.table().c
_tasks = Task.table().c
_of_session = (_tasks.session_id == bindparam("session"), _tasks.status.in_(("pending", "running")))
# Those that run keep this in mind for the case that they come back to the queue.
_PAUSE = Statement[Any](update(Task.table()).where(*_of_session).values(paused=True, rank=None))
# The timetable makes claimable what waits for nothing else.
_RESUME = Statement[Any](update(Task.table()).where(*_of_session).values(paused=False))
_OPEN_TASKS = Statement[Any](
    select(_tasks.id, _tasks.title, _tasks.type).where(*_of_session).order_by(_tasks.id).limit(NAMED)
)
_COUNT_OPEN_TASKS = Statement[Any](select(func.count()).select_from(Task.table()).where(*_of_session))
_COUNT_RUNNING = Statement[Any](
    select(func.count())
    .select_from(Session.table())
    .where(
        _sessions.organization_id == bindparam("organization"),
        _sessions.status == "running",
        _sessions.kind == SessionKind.CODING.value,
        _sessions.deleted_at.is_(None),
    )
)
_queued = (_sessions.status == "queued", _sessions.deleted_at.is_(None))
_WAITING = Statement[Any](
    select(_sessions.organization_id)
    .where(*_queued, _sessions.organization_id > bindparam("after"))
    .distinct()
    .order_by(_sessions.organization_id)
    .limit(SWEEP)
)
_NEXT = Statement[Session](
    select(Session.table())
    .where(_sessions.organization_id == bindparam("organization"), *_queued)
    .order_by(_sessions.priority.desc(), _sessions.id)
    .limit(bindparam("limit"))
    .with_for_update(key_share=True, skip_locked=True),
    Session,
)


class CodingSessions:
    """The coding sessions of every organization; each call sees its own."""

    def __init__(self, database: Database, *, running: int | None) -> None:
        self._database = database
        # How many of an organization's may run at a time; None for any number.
        self._running = running
        self._after = ""

    async def create(
        self,
        call: Call,
        *,
        title: str,
        type: str,
        priority: Priority,
        prompt: str = "",
        parent_id: str = "",
        max_seconds: int = 3600,
    ) -> Session:
        """A new session that waits to be started. Raises NotFound for the parent."""
        if not title.strip():
            raise InvalidRequest("title", "must not be blank")
        parent = parse_filter("parent_session_id", "session", parent_id) if parent_id else None

        async def make(transaction: Transaction) -> Session:
            if parent is not None:
                await SESSIONS.get(transaction, call, parent)
            session = Session.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=title,
                kind=SessionKind.CODING.value,
                type=type,
                priority=int(priority),
                prompt=prompt,
                parent_id=parent,
                timeout_seconds=max_seconds,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            await transaction.insert(session)
            transaction.emit("session.created", session)
            return session

        return await SESSIONS.create(self._database, call, make)

    async def start(self, call: Call, identifier: str) -> Session:
        """Lets a session run, or has it wait for its turn where as many run as may. Raises Conflict."""

        async def move(transaction: Transaction, session: Session) -> Session:
            if session.status == SessionStatus.PAUSED:
                # That is resumed, and not started.
                raise _no_move(session, SessionStatus.QUEUED)
            session.check_move(SessionStatus.RUNNING, BY_HAND)
            if await self._room(transaction, session.organization_id) > 0:
                return await _run(transaction, session)
            if session.status == SessionStatus.QUEUED:
                return session
            queued = await change(transaction, session, status=SessionStatus.QUEUED.value)
            transaction.emit("session.queued", queued)
            return queued

        return await SESSIONS.once(self._database, call, identifier, move)

    async def pause(self, call: Call, identifier: str) -> Session:
        """Holds back what of a session has not begun. Raises Conflict."""

        async def move(transaction: Transaction, session: Session) -> Session:
            session.check_move(SessionStatus.PAUSED, BY_HAND)
            values = {"status": SessionStatus.PAUSED.value, "expires_at": None, **stop_clock(session, transaction.now)}
            if session.resumed_at is None and session.started_at is not None:
                # Its first task has started it, so it has run since then.
                values["ran"] = transaction.now - session.started_at
            paused = await change(transaction, session, **values)
            transaction.emit("session.paused", paused)
            await transaction.run(_PAUSE, session=session.id)
            return paused

        return await SESSIONS.once(self._database, call, identifier, move)

    async def resume(self, call: Call, identifier: str) -> Session:
        """Lets a paused session go on. Raises Conflict."""

        async def move(transaction: Transaction, session: Session) -> Session:
            if session.status != SessionStatus.PAUSED:
                raise _no_move(session, SessionStatus.RUNNING)
            return await _run(transaction, session)

        return await SESSIONS.once(self._database, call, identifier, move)

    async def cancel(self, call: Call, identifier: str, reason: str) -> Session:
        """Ends a session and cancels its open tasks. Raises Conflict."""
        return await self._end(call, identifier, SessionStatus.CANCELLED, error=reason)

    async def fail(self, call: Call, identifier: str, error: str) -> Session:
        """Ends a session as failed and cancels its open tasks. Raises Conflict."""
        return await self._end(call, identifier, SessionStatus.FAILED, error=error)

    async def complete(self, call: Call, identifier: str, result: bytes | None = None) -> Session:
        """Ends a session whose tasks have all ended. Raises Conflict, which names those that have not."""
        if result is not None:
            await check_value(result, "result")

        async def move(transaction: Transaction, session: Session) -> Session:
            session.check_move(SessionStatus.COMPLETED, BY_HAND)
            if still_open := await transaction.all(_OPEN_TASKS, session=session.id):
                count = await transaction.one(_COUNT_OPEN_TASKS, session=session.id)
                number = count[0] if count is not None else len(still_open)
                named = ", ".join(_short(title or type or "untitled") for _, title, type in still_open)
                raise Conflict(
                    f"{number} of the session's tasks {'is' if number == 1 else 'are'} open: {named}"
                    + (", and others" if number > len(still_open) else ""),
                    reason="TASKS_OPEN",
                    details={"open": number, "tasks": [row[0] for row in still_open]},
                )
            return await end_session(transaction, session, SessionStatus.COMPLETED, result=result)

        return await SESSIONS.once(self._database, call, identifier, move)

    async def retry(self, call: Call, identifier: str) -> Session:
        """Makes a session that failed or ran out of time wait to be started again. Raises Conflict."""

        async def move(transaction: Transaction, session: Session) -> Session:
            session.check_move(SessionStatus.CREATED, BY_HAND)
            if session.checkpoints == 0 or session.retries >= MAX_RETRIES:
                why = "it has no checkpoint" if session.checkpoints == 0 else f"it has been retried {MAX_RETRIES} times"
                raise Conflict(
                    f"the session cannot go on: {why}",
                    reason="NOT_RECOVERABLE",
                    details={"checkpoints": session.checkpoints, "retries": session.retries},
                )
            again = await change(
                transaction,
                session,
                status=SessionStatus.CREATED.value,
                retries=session.retries + 1,
                error="",
                ran=0,
                started_at=None,
                completed_at=None,
                expires_at=None,
            )
            transaction.emit("session.retried", again)
            return again

        return await SESSIONS.once(self._database, call, identifier, move)

    async def start_queued(self) -> int:
        """Starts sessions whose turn has come; returns how many."""
        started = 0
        waiting = await self._database.all(_WAITING, after=self._after)
        # All of them in turn, some at each sweep.
        self._after = waiting[-1][0] if len(waiting) == SWEEP else ""
        for (organization,) in waiting:

            async def body(transaction: Transaction, organization: str = organization) -> int:
                room = await self._room(transaction, organization)
                if room <= 0:
                    return 0
                due = await transaction.all(_NEXT, organization=organization, limit=min(room, SWEEP))
                for session in due:
                    await _run(transaction, session)
                return len(due)

            started += await self._database.write(body)
        return started

    async def _room(self, transaction: Transaction, organization: str) -> int:
        """How many more sessions may run; stays so until the transaction ends."""
        if self._running is None:
            return SWEEP
        await transaction.one(LOCK_ORGANIZATION, organization=organization)
        row = await transaction.one(_COUNT_RUNNING, organization=organization)
        return self._running - (row[0] if row is not None else 0)

    async def _end(self, call: Call, identifier: str, status: SessionStatus, *, error: str) -> Session:
        async def move(transaction: Transaction, session: Session) -> Session:
            session.check_move(status, BY_HAND)
            return await end_session(transaction, session, status, error=error)

        return await SESSIONS.once(self._database, call, identifier, move)


def _no_move(session: Session, to: SessionStatus) -> Conflict:
    # It may go there in another way, which is none that was asked for.
    allowed = sorted(BY_HAND[session.status] - {to})
    return Conflict(
        f"the session is {session.status}, so it cannot become {to.value}",
        reason="INVALID_TRANSITION",
        details={"from": session.status, "to": to.value, "allowed": allowed},
    )


def _short(title: str) -> str:
    return title if len(title) <= NAMED_CHARACTERS else title[: NAMED_CHARACTERS - 1] + "…"


async def _run(transaction: Transaction, session: Session) -> Session:
    now = transaction.now
    running = await change(
        transaction,
        session,
        status=SessionStatus.RUNNING.value,
        started_at=session.started_at or now,
        resumed_at=now,
        expires_at=now + session.timeout_seconds * SECOND - session.ran,
    )
    transaction.emit("session.running", running)
    await transaction.run(_RESUME, session=session.id)
    return running
