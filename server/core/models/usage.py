"""Usage: what language models took, by day or month, of an organization, a key, an agent or a model."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Integer, bindparam, select

from server.core.models.budgets import subject_of
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import ModelUsage, Period, UsageScope
from server.store.database import Database
from server.store.statement import Statement

MOST = 1000
_usage = ModelUsage.table().c
_range = (
    _usage.organization_id == bindparam("organization"),
    _usage.scope == bindparam("scope"),
    _usage.period == bindparam("period"),
    _usage.began_at >= bindparam("since", type_=BigInteger),
    _usage.began_at < bindparam("until", type_=BigInteger),
)
_order = (_usage.began_at.desc(), _usage.subject_id)
_OF_ONE = Statement[ModelUsage](
    select(ModelUsage.table())
    .where(*_range, _usage.subject_id == bindparam("subject"))
    .order_by(*_order)
    .limit(bindparam("limit", type_=Integer)),
    ModelUsage,
)
_OF_ALL = Statement[ModelUsage](
    select(ModelUsage.table()).where(*_range).order_by(*_order).limit(bindparam("limit", type_=Integer)), ModelUsage
)
FOREVER = 1 << 60


class Usages:
    """What every organization has used; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self,
        call: Call,
        *,
        scope: str = UsageScope.ORGANIZATION,
        subject_id: str = "",
        period: str = Period.MONTH,
        since: int = 0,
        until: int = FOREVER,
        limit: int = MOST,
    ) -> Sequence[ModelUsage]:
        """What one subject has used, or each of this scope where none is named, in periods that began in this time.

        The newest first; times in microseconds since 1970. Raises InvalidRequest, NotFound.
        """
        if scope not in tuple(UsageScope):
            raise InvalidRequest("scope", f"must be one of {', '.join(UsageScope)}")
        if period not in tuple(Period):
            raise InvalidRequest("period", f"must be one of {', '.join(Period)}")
        key = {"organization": call.organization_id, "scope": scope, "period": period, "since": since, "until": until}
        if not subject_id:
            return await self._database.scan(_OF_ALL, **key, limit=limit)
        subject = await subject_of(self._database, call, scope, subject_id)
        return await self._database.all(_OF_ONE, **key, subject=subject, limit=limit)
