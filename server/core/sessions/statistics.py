"""Figures of sessions: what each counts of its tasks, and how all of them went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.sessions.lifecycle import SESSIONS
from server.core.shared.call_context import Call
from server.model import Session, SessionCount, SessionStatus
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement

_sessions = Session.table().c
_counts = SessionCount.table().c
_OF = Statement[SessionCount](select(SessionCount.table()).where(any_of(_counts.session_id, "ids")), SessionCount)
_STATISTICS = Statement[Any](
    select(
        _sessions.status,
        func.count(),
        func.sum(_sessions.completed_at - _sessions.started_at),
        func.count(_sessions.started_at),
    )
    .where(_sessions.organization_id == bindparam("organization"), _sessions.deleted_at.is_(None))
    .group_by(_sessions.status)
)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures over an organization's sessions."""

    total: int
    by_status: Mapping[SessionStatus, int]
    # How long completed ones took from start to end, in microseconds; None where there are none.
    completion_time: float | None
    # 0 to 1: the completed ones among those that came to an end of their own; None where there are none.
    success_rate: float | None


class SessionStatistics:
    """Those of every organization's sessions; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, found: Sequence[Session]) -> list[SessionCount]:
        """What each of these sessions counts of its tasks."""
        if not found:
            return []
        ids = [session.id for session in found]
        known = {count.session_id: count for count in await self._database.all(_OF, ids=ids)}
        return [known.get(each) or SessionCount.new(session_id=each) for each in ids]

    async def counted(self, call: Call, identifier: str) -> tuple[Session, SessionCount]:
        """One session and what it counts. Raises NotFound."""
        session = await SESSIONS.get(self._database, call, identifier)
        return session, (await self.counts([session]))[0]

    async def statistics(self, call: Call) -> Statistics:
        """Figures over the organization's sessions."""
        by_status = dict.fromkeys(SessionStatus, 0)
        time, timed = 0.0, 0
        for status, count, took, started in await self._database.scan(_STATISTICS, organization=call.organization_id):
            by_status[SessionStatus(status)] = count
            if status == SessionStatus.COMPLETED:
                time, timed = float(took or 0), started
        completed = by_status[SessionStatus.COMPLETED]
        decided = completed + by_status[SessionStatus.FAILED] + by_status[SessionStatus.EXPIRED]
        return Statistics(
            total=sum(by_status.values()),
            by_status=by_status,
            completion_time=time / timed if timed else None,
            success_rate=completed / decided if decided else None,
        )
