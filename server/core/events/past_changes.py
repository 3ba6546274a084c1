"""Past changes: what is kept of the events of people's tasks when the events themselves are removed.

Tasks without a title are programs' own, and there may be millions of them: nothing is kept of what became of those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, insert, or_, select

from server.model import Event, PastChange
from server.pace import Pace
from server.store.statement import Statement
from server.store.transaction import Transaction

# What a history tells of a task; of what else an event was about, it tells these.
TRACKED = (
    "title",
    "description",
    "status",
    "priority",
    "project_id",
    "agent_id",
    "taken_by",
    "tags",
    "due_at",
    "estimated_hours",
    "actual_hours",
    "requirements",
    "acceptance_criteria",
)
_ABOUT = ("id", "name", "content", "quality")
# Types that a history leaves out: they say nothing that somebody has decided.
UNTOLD = ("task.progress", "task.ready", "task.unblocked", "task.cancel_acknowledged", "log.written")
LONGEST = 200

_events = Event.table().c
_GOING = Statement[Event](
    select(Event.table())
    .where(
        _events.organization_id == bindparam("organization"),
        _events.number > bindparam("after"),
        _events.number <= bindparam("number"),
        or_(*(_events.type.like(f"{kind}.%") for kind in ("task", "comment", "file", "rating"))),
        _events.type.not_in(UNTOLD),
    )
    .order_by(_events.number),
    Event,
)
_KEEP = Statement[Any](insert(PastChange.table()))


async def keep(transaction: Transaction, organization: str, after: int, number: int) -> None:
    """Keeps what histories tell of the events after one number and up to another, which are about to be removed."""
    kept: list[dict[str, Any]] = []
    pace = Pace()
    for event in await transaction.all(_GOING, organization=organization, after=after, number=number):
        written = json.loads(event.payload)
        await pace.turn()
        if event.type.startswith("task.") and not written.get("title"):
            continue
        past = PastChange.new(
            organization_id=organization,
            number=event.number,
            task_id=event.resource_id,
            type=event.type,
            payload=json.dumps(told_of(event.type, written), separators=(",", ":")),
            actor=event.actor,
            via=event.via,
            created_at=event.created_at,
        )
        kept.append(past.values())
    if kept:
        await transaction.many(_KEEP, kept)


def told_of(type: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """What a history needs of what an event has kept."""
    names = TRACKED if type.startswith("task.") else _ABOUT
    return {name: _short(written[name]) for name in names if name in written}


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= LONGEST else value[:LONGEST] + "…"
