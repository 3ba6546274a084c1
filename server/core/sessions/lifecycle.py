"""Sessions: create, read, change, end, and expire them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.queue.cancellation import cancel_open
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.pagination import BoundedTexts, Listing, Page
from server.core.shared.resource import Resource, change
from server.errors import Conflict, TooMany
from server.model import Session, SessionKind, SessionStatus, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SECOND = 1_000_000
SWEEP = 200

_sessions = Session.table().c
_live = _sessions.deleted_at.is_(None)
_open = _sessions.status.in_(("created", "running"))
SESSIONS = Resource(Session, "session", _live)
# Those that are started by hand have bounds of their own.
_COUNT_OPEN = Statement[Any](
    select(func.count())
    .select_from(Session.table())
    .where(
        _sessions.organization_id == bindparam("organization"), _open, _live, _sessions.kind == SessionKind.PLAIN.value
    )
)
_DUE = Statement[Session](
    select(Session.table())
    .where(_open, _live, _sessions.expires_at <= bindparam("now"))
    .limit(SWEEP)
    .with_for_update(key_share=True, skip_locked=True),
    Session,
)
_ANY_DUE = Statement[Any](select(_sessions.id).where(_open, _live, _sessions.expires_at <= bindparam("now")).limit(1))


_LIST = Listing(
    Session,
    [_live],
    ["status"],
    spans={
        # For those who know fewer states: with the ones that are the same to them.
        "waiting": _sessions.status.in_(("created", "queued")),
        "begun": _sessions.status.in_(("running", "paused")),
        "unfinished": _sessions.status.in_(("failed", "cancelled")),
    },
    indexed=["status"],
    texts=BoundedTexts(whole=["result"], cut=["prompt", "description", "error"]),
    measured=["result", "prompt", "error"],
    large=True,
)


class Sessions:
    """The sessions of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache, *, open_sessions: int | None) -> None:
        self._database = database
        self._counts = counts
        self._open_sessions = open_sessions

    async def create(
        self, call: Call, *, name: str, description: str = "", timeout_seconds: int = 3600, max_iterations: int = 100
    ) -> Session:
        """A new session. Raises TooMany where the organization has as many open ones as it may."""

        async def make(transaction: Transaction) -> Session:
            await self._check_open(transaction, call)
            now = transaction.now
            session = Session.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                timeout_seconds=timeout_seconds,
                max_iterations=max_iterations,
                created_at=now,
                updated_at=now,
                expires_at=now + timeout_seconds * SECOND,
            )
            await transaction.insert(session)
            transaction.emit("session.created", session)
            return session

        return await SESSIONS.create(self._database, call, make)

    async def _check_open(self, transaction: Transaction, call: Call) -> None:
        if self._open_sessions is None:
            return
        # Two creates at once must not both see one place left.
        await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
        row = await transaction.one(_COUNT_OPEN, organization=call.organization_id)
        if row is not None and row[0] >= self._open_sessions:
            raise TooMany(
                f"{row[0]} sessions are open, and {self._open_sessions} is the limit: end one first",
                details={"limit": self._open_sessions, "open": row[0]},
            )

    async def get(self, call: Call, identifier: str) -> Session:
        """One session. Raises NotFound."""
        return await SESSIONS.get(self._database, call, identifier)

    async def page(self, call: Call, *, size: int, token: str, status: str | None) -> Page[Session]:
        """Sessions newest first, by page token."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, status=status)

    async def slice(self, call: Call, *, limit: int, offset: int, **filters: str | None) -> Page[Session]:
        """Sessions newest first, from an offset, with their number; filters: status, waiting, begun, unfinished.

        Long texts are bounded.
        """
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, **filters
        )

    async def update(self, call: Call, identifier: str, *, name: str | None, description: str | None) -> Session:
        """Changes what is not None. Raises NotFound, VersionMismatch."""
        given = {"name": name, "description": description}
        changes = {column: value for column, value in given.items() if value is not None}

        async def act(transaction: Transaction, session: Session) -> Session:
            updated = await change(transaction, session, **changes)
            transaction.emit("session.updated", updated)
            return updated

        return await SESSIONS.once(self._database, call, identifier, act)

    async def end(self, call: Call, identifier: str, status: SessionStatus, error: str = "") -> Session:
        """Ends a session and cancels its open tasks. Raises Conflict where it has ended."""

        async def act(transaction: Transaction, session: Session) -> Session:
            session.check_move(status)
            return await end_session(transaction, session, status, error=error)

        return await SESSIONS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str) -> Session:
        """Deletes a session and cancels its open tasks. Raises NotFound, VersionMismatch."""

        async def act(transaction: Transaction, session: Session) -> Session:
            await cancel_open(transaction, organization=session.organization_id, session_id=session.id)
            deleted = await change(transaction, session, deleted_at=transaction.now)
            transaction.emit("session.deleted", deleted)
            return deleted

        return await SESSIONS.once(self._database, call, identifier, act)

    async def expire(self) -> int:
        """Ends sessions whose time is up; returns how many, at most a sweep's worth."""
        if await self._database.one(_ANY_DUE, now=self._database.clock()) is None:
            return 0

        async def body(transaction: Transaction) -> int:
            due = await transaction.all(_DUE, now=transaction.now)
            for session in due:
                await end_session(transaction, session, SessionStatus.EXPIRED)
            return len(due)

        return await self._database.write(body)


async def lock_open(transaction: Transaction, call: Call, identifier: str) -> Session:
    """One session that takes tasks, locked. Raises NotFound, and Conflict where it has ended or is due."""
    session = await SESSIONS.lock(transaction, call, identifier)
    if session.ended:
        raise Conflict(
            f"the session is {session.status} and takes no more work",
            reason="SESSION_ENDED",
            details={"session_status": session.status},
        )
    if session.expires_at is not None and session.expires_at <= transaction.now:
        raise Conflict("the session has expired", reason="SESSION_ENDED", details={"session_status": "expired"})
    return session


def tasks_wait(session: Session) -> bool:
    """Whether tasks of an open session wait for it to run."""
    if session.status == SessionStatus.RUNNING:
        return False
    return session.kind != SessionKind.PLAIN or session.status != SessionStatus.CREATED


async def begin_iteration(transaction: Transaction, call: Call, identifier: str) -> Session:
    """Counts one more task in a session, which its first one starts.

    Raises Conflict where it has ended, is due, has no iteration left, or waits to be started by hand.
    """
    session = await lock_open(transaction, call, identifier)
    if tasks_wait(session):
        raise Conflict(
            f"the session is {session.status}: it must be running",
            reason="SESSION_NOT_RUNNING",
            details={"session_status": session.status},
        )
    if session.iterations >= session.max_iterations:
        raise Conflict(
            f"the session has used its {session.max_iterations} iterations",
            reason="ITERATIONS_EXHAUSTED",
            details={"max_iterations": session.max_iterations},
        )
    if session.status == SessionStatus.RUNNING:
        return await transaction.update(session, iterations=session.iterations + 1)
    running = await change(
        transaction,
        session,
        status=SessionStatus.RUNNING.value,
        iterations=session.iterations + 1,
        started_at=transaction.now,
    )
    transaction.emit("session.running", running)
    return running


def stop_clock(session: Session, now: int) -> dict[str, Any]:
    """What changes in a session whose time passes no longer."""
    if session.resumed_at is None:
        return {}
    return {"ran": session.ran + now - session.resumed_at, "resumed_at": None}


async def end_session(transaction: Transaction, session: Session, status: SessionStatus, **values: Any) -> Session:
    """Ends a session, which is locked, with these values, and cancels its open tasks."""
    now = transaction.now
    values = {"status": status.value, **values, **stop_clock(session, now), "completed_at": now}
    over = await change(transaction, session, **values)
    transaction.emit(f"session.{status.value}", over)
    await cancel_open(transaction, organization=session.organization_id, session_id=session.id)
    return over
