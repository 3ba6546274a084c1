"""The directory: agents as they stand now, found by what they are, can do, and whether they have room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, case, func, select

from server.core.agents.performance import LOADED, MISSED, agent_load, agent_running, agent_seen
from server.core.agents.profile import MAX_SKILLS
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.pagination import BoundedTexts
from server.errors import InvalidRequest, NotFound
from server.model import Agent, AgentStatus, Skill
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement


class Standing(StrEnum):
    """How an agent stands: whether it has room, has none, is not there or not on duty, or cannot work."""

    AVAILABLE = "available"
    BUSY = "busy"
    OFFLINE = "offline"
    ERROR = "error"


_agents = Agent.table().c
_skills = Skill.table().c
_since = bindparam("heard_since", type_=BigInteger)
_present = and_(
    _agents.status == AgentStatus.ACTIVE.value,
    _agents.off_duty.is_(False),
    func.coalesce(agent_seen, _since) >= _since,
)
_room = and_(
    func.coalesce(agent_load, 100.0 * agent_running / _agents.max_concurrent_tasks) < LOADED,
    agent_running < _agents.max_concurrent_tasks,
)
# Who sees an agent's word and who looks for agents by it have the same one.
_standing = case(
    (_agents.status == AgentStatus.ERROR.value, Standing.ERROR.value),
    (~_present, Standing.OFFLINE.value),
    (_room, Standing.AVAILABLE.value),
    else_=Standing.BUSY.value,
)
_TEXTS = BoundedTexts(whole=["working_hours", "specializations"])
# Nobody who looks how an agent stands has a use for these.
_columns = [column for column in Agent.table().c if column.name not in ("code", "entry")]
_names = [column.name for column in _columns]
_light = [column for column in _columns if column.name != "configuration"]
_light_names = [column.name for column in _light]
_ours = (_agents.organization_id == bindparam("organization"), _agents.deleted_at.is_(None))
_GET = Statement[Any](
    select(_standing, agent_running, agent_seen, *_columns).where(*_ours, _agents.id == bindparam("id"))
)
_STANDINGS = Statement[Any](select(_standing.label("standing"), func.count()).where(*_ours).group_by("standing"))
_able = (
    select(_skills.agent_id)
    .where(_skills.organization_id == bindparam("organization"), _skills.capability)
    .group_by(_skills.agent_id)
    .having(func.count() == bindparam("number", type_=Integer))
)


def _listing(given: Iterable[str], *, available: bool | None) -> tuple[Statement[Any], Statement[Any]]:
    """Statements for a page of agents, and for how many there are in all."""
    where: list[Any] = [*_ours]
    if "type" in given:
        where.append(_agents.type == bindparam("type"))
    if "standing" in given:
        where.append(_standing == bindparam("standing"))
    if available is not None:
        where.append((_standing == Standing.AVAILABLE.value) if available else (_standing != Standing.AVAILABLE.value))
    shown = select(_standing, agent_running, agent_seen, *map(_TEXTS.shown, _light))

    def both(wanted: list[Any]) -> tuple[Any, Any]:
        page = shown.where(*wanted).order_by(_agents.id.desc()).limit(bindparam("limit")).offset(bindparam("offset"))
        return page, select(func.count()).select_from(Agent.table()).where(*wanted)

    if "words" not in given:
        page, count = both(where)
        return Statement(page), Statement(count)
    page, count = both([*where, _agents.id.in_(_able.where(any_of(_skills.word, "words")))])
    return Statement(page), Statement(count)


# By what they are filtered by, and whether for those that are available or those that are not.
_PAGES: dict[tuple[frozenset[str], bool | None], Statement[Any]] = {}
_COUNTS: dict[tuple[frozenset[str], bool | None], Statement[Any]] = {}
for _available in (None, True, False):
    for _number in range(4):
        for _given in combinations(("type", "standing", "words"), _number):
            _place = (frozenset(_given), _available)
            _PAGES[_place], _COUNTS[_place] = _listing(_given, available=_available)


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent, and how it stands."""

    agent: Agent
    standing: str
    # How many tasks it does.
    running: int
    # When it last said something or finished a task; None where it never has.
    last_active_at: int | None


class AgentDirectory:
    """The agents of every organization; each call sees its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, call: Call, identifier: str) -> AgentEntry:
        """One agent. Raises NotFound."""
        row = await self._database.one(
            _GET,
            id=parse_id("agent", identifier),
            organization=call.organization_id,
            heard_since=self._database.clock() - MISSED,
        )
        if row is None:
            raise NotFound("agent", identifier)
        return _entry(row, _names)

    async def count(self, call: Call) -> dict[str, int]:
        """How many agents stand how."""
        counts = dict.fromkeys((each.value for each in Standing), 0)
        given = {"organization": call.organization_id, "heard_since": self._database.clock() - MISSED}
        for standing, number in await self._database.scan(_STANDINGS, **given):
            counts[standing] = number
        return counts

    async def list(
        self,
        call: Call,
        *,
        limit: int,
        offset: int,
        type: str = "",
        standing: str = "",
        available: bool | None = None,
        capabilities: Sequence[str] = (),
    ) -> tuple[Sequence[AgentEntry], int]:
        """A page of agents, newest first and without configuration, and how many there are in all.

        With `capabilities` only those that have all of them. Raises InvalidRequest.
        """
        wanted = sorted({word.strip() for word in capabilities[: MAX_SKILLS + 1]} - {""})
        if len(wanted) > MAX_SKILLS:
            raise InvalidRequest("capabilities", f"must name at most {MAX_SKILLS}")
        given: dict[str, Any] = {"organization": call.organization_id}
        if type:
            given["type"] = type
        if standing:
            given["standing"] = standing
        if standing or available is not None:
            given["heard_since"] = self._database.clock() - MISSED
        if wanted:
            given.update(words=wanted, number=len(wanted))
        place = (frozenset({"type", "standing", "words"} & given.keys()), available)
        # Each row asks three more questions, so many of them are no work for the event loop.
        total = (await self._database.scan(_COUNTS[place], **given))[0][0]
        given["heard_since"] = self._database.clock() - MISSED
        longest = _TEXTS.longest(min(limit, max(0, total - offset)))
        found = await self._database.scan(_PAGES[place], limit=limit, offset=offset, longest=longest, **given)
        return [_entry(row, _light_names) for row in found], total


def _entry(row: Any, names: Sequence[str]) -> AgentEntry:
    standing, running, seen, *values = row
    agent = Agent.new(**dict(zip(names, values, strict=True)))
    moments = [at for at in (seen, agent.last_active_at) if at is not None]
    return AgentEntry(agent, standing, running, max(moments, default=None))
