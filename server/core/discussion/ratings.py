"""Ratings: what people think of how tasks were done, and what that comes to by task and by agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from server.core.discussion.writing import WRITE, readable
from server.core.projects.permissions import Permissions, require_sight
from server.core.queue.rows import TASKS
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest
from server.model import ENDED, Rating
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

MAX_COMMENT = 2000
# Ratings of one task that are shown.
SHOWN = 100
# From the beginning of time to its end.
ALWAYS = (0, 1 << 62)

_ratings = Rating.table().c
_insertion = insert(Rating.table()).values({name: bindparam(name) for name in Rating.columns})
_REPLACED = ("agent_id", "quality", "code_quality", "satisfaction", "comment", "created_at")
_GIVE = Statement[Any](
    _insertion.on_conflict_do_update(
        index_elements=["task_id", "user_id"], set_={name: _insertion.excluded[name] for name in _REPLACED}
    )
)
_ONE = Statement[Rating](
    select(Rating.table()).where(_ratings.task_id == bindparam("task"), _ratings.user_id == bindparam("user")), Rating
)
_OF_TASK = Statement[Rating](
    select(Rating.table()).where(_ratings.task_id == bindparam("task")).order_by(_ratings.user_id).limit(SHOWN), Rating
)


def _averages(by: ColumnElement[Any], *conditions: Any) -> Statement[Any]:
    """What ratings come to for several tasks or agents at once."""
    figures = select(
        by, func.avg(_ratings.quality), func.avg(_ratings.code_quality), func.avg(_ratings.satisfaction), func.count()
    )
    figures = figures.where(*conditions).group_by(by)
    return Statement(figures.where(any_of(by, "ids")))


_BY_TASK = _averages(_ratings.task_id)
_BY_AGENT = _averages(
    _ratings.agent_id, _ratings.created_at >= bindparam("since"), _ratings.created_at < bindparam("until")
)


@dataclass(frozen=True, slots=True)
class Average:
    """What ratings come to; None where nobody has said."""

    quality: float | None
    code_quality: float | None
    satisfaction: float | None
    count: int


class Ratings:
    """The ratings of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(
        self,
        call: Call,
        task_id: str,
        *,
        quality: float | None = None,
        code_quality: float | None = None,
        satisfaction: float | None = None,
        comment: str = "",
    ) -> tuple[Rating, bool]:
        """What somebody thinks of how a task was done, instead of what he thought before; and whether it is his first.

        Quality is 0 to 1, satisfaction 1 to 5. Raises NotFound, Forbidden, InvalidRequest, and Conflict where the task
        has not ended.
        """
        _check("quality", quality, 0, 1)
        _check("code_quality", code_quality, 0, 1)
        _check("satisfaction", satisfaction, 1, 5)
        if (quality, code_quality, satisfaction) == (None, None, None):
            raise InvalidRequest("quality", "or code quality or satisfaction must be given")
        if len(comment) > MAX_COMMENT:
            raise InvalidRequest("comment", f"must have at most {MAX_COMMENT} characters")

        async def body(transaction: Transaction) -> tuple[Rating, bool]:
            task = await TASKS.lock(transaction, call, task_id, shared=True)
            require_sight(call, task.project_id, "task", task_id)
            if call.caller.agent_id is not None:
                raise Forbidden("an agent rates nobody", details={"scope": WRITE})
            await Permissions(transaction).require(call, WRITE, task.project_id)
            before = await transaction.one(_ONE, task=task.id, user=call.caller.user_id)
            if await idempotency.done(transaction, call) is not None and before is not None:
                return before, False
            if task.status not in ENDED:
                raise Conflict(
                    f"the task is {task.status}, and only one that has ended can be rated",
                    reason="TASK_NOT_ENDED",
                    details={"status": task.status},
                )
            rating = Rating.new(
                task_id=task.id,
                user_id=call.caller.user_id,
                organization_id=call.organization_id,
                agent_id=task.agent_id,
                quality=quality,
                code_quality=code_quality,
                satisfaction=satisfaction,
                comment=comment.strip(),
                created_at=transaction.now,
            )
            await transaction.run(_GIVE, **rating.values())
            transaction.emit("rating.given", rating, about=task)
            await idempotency.mark(transaction, call, task.id)
            return rating, before is None

        return await self._database.write(body)

    async def of_task(self, call: Call, task_id: str) -> Sequence[Rating]:
        """What people think of how a task was done. Raises NotFound, Forbidden."""
        task = await readable(self._database, call, task_id)
        return await self._database.all(_OF_TASK, task=task.id)

    async def by_task(self, task_ids: Sequence[str]) -> Mapping[str, Average]:
        """What ratings come to for those of these tasks that have some; ids are digits."""
        rows = await self._database.all(_BY_TASK, ids=list(task_ids))
        return {row[0]: Average(*row[1:]) for row in rows}

    async def by_agent(
        self, agent_ids: Sequence[str], *, since: int = ALWAYS[0], until: int = ALWAYS[1]
    ) -> Mapping[str, Average]:
        """The same for agents, of ratings given from `since` to before `until`, in microseconds."""
        rows = await self._database.scan(_BY_AGENT, ids=list(agent_ids), since=since, until=until)
        return {row[0]: Average(*row[1:]) for row in rows}


def _check(field: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidRequest(field, f"must be {least} to {most}")
