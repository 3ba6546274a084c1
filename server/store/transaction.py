"""A transaction: statements, and the events that they made, which are numbered last and commit with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam, insert, update

from server.model import Event, Feed, Record, Session, Task
from server.store.acting import NOBODY, Actor
from server.store.statement import Statement, change, insertion

R = TypeVar("R")
T = TypeVar("T")
Row = TypeVar("Row", bound=Record)

# Rows or events that are handled together, and events that get their numbers together.
PIECE, APPENDED = 100, 200

_ADVANCE = Statement[Any](
    update(Feed.table())
    .where(Feed.table().c.organization_id == bindparam("organization"))
    .values(head=Feed.table().c.head + bindparam("count"))
    .returning(Feed.table().c.head)
)
_RECORD = Statement[Any](insert(Event.table()))


class Reader(Protocol):
    """Runs statements that only read, or reads inside a transaction."""

    async def one(self, statement: Statement[R], **parameters: Any) -> R | None:
        """The first row, or None."""

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        """Every row. The statement must be bounded."""


class Transaction(Reader, Protocol):
    """What a body passed to `Database.write` works with. It may be run again, so it must change nothing else."""

    dialect: str
    now: int
    events: list[Event]
    hooks: Hooks
    # Whose change it is.
    actor: Actor

    async def run(self, statement: Statement[Any], **parameters: Any) -> int:
        """Runs a change and returns how many rows it touched."""

    async def many(self, statement: Statement[Any], parameters: list[dict[str, Any]]) -> None:
        """Runs a change once for each set of parameters."""

    async def insert(self, record: Record) -> None:
        """Inserts a row."""

    async def update(self, record: Row, **values: Any) -> Row:
        """Changes columns of the row that `record` was read from in this transaction; returns it as it is now."""

    def emit(self, type: str, record: Any, about: Any = None) -> None:
        """Records that `record` has changed in the way that `type` says; `about` is the resource that it belongs to."""

    def trace_of(self, organization: str) -> str:
        """The W3C trace context of what is done here for an organization; empty where there is none."""

    def tally(self, statement: Statement[Any], key: dict[str, Any], **amounts: float) -> None:
        """Adds to counts at the end of the transaction, once for each key, in an order that all transactions share.

        `statement` takes the key's and the amounts' names as parameters. Rows that many transactions count in are so
        locked last and briefly, and no two transactions wait for each other.
        """


class Hooks:
    """What one domain does in the transactions of another, registered where everything is wired together.

    Hooks run in the order in which they were registered. What one raises rolls the transaction back.
    """

    def __init__(self) -> None:
        # Called when a task that is a step of a workflow run has reached its final status, after its own event.
        self.step_ended: list[Callable[[Transaction, Task], Awaitable[None]]] = []
        # Called when a task that answers a question has reached its final status, with what whoever did it says.
        self.answer_ended: list[Callable[[Transaction, Task, bytes | None], Awaitable[None]]] = []
        # Called when a recurring task has made another one at one of its times, after its own event.
        self.task_recurred: list[Callable[[Transaction, Task], Awaitable[None]]] = []


class Again(Exception):
    """A body found that another transaction has overtaken it: `Database.write` runs it once more."""


class TransactionBase:
    """What both databases share: collecting events, and numbering them at the end."""

    now: int

    def __init__(self, now: int, hooks: Hooks, actor: Actor = NOBODY) -> None:
        self.now = now
        self.hooks = hooks
        self.actor = actor
        self.events: list[Event] = []
        self.tallies: dict[tuple[str, ...], tuple[Statement[Any], dict[str, Any], dict[str, float]]] = {}

    async def insert(self: Any, record: Record) -> None:
        """Inserts a row."""
        await self.run(insertion(type(record)), **record.values())

    async def update(self: Any, record: Row, **values: Any) -> Row:
        """Changes columns of the row that `record` was read from in this transaction; returns it as it is now."""
        await self.run(change(type(record), tuple(values)), row=record.values()["id"], **values)
        return type(record).new(**{**record.values(), **values})

    def emit(self, type: str, record: Any, about: Any = None) -> None:
        """Records that `record` has changed in the way that `type` says; `about` is the resource that it belongs to."""
        resource = about if about is not None else record
        # Whoever acts for several organizations, as a sweep does that a call has begun, acts in his own alone.
        actor = self.actor if self.actor.organization_id == resource.organization_id else NOBODY
        self.events.append(
            Event.new(
                record=record,
                organization_id=resource.organization_id,
                number=0,
                type=type,
                resource_id=resource.id,
                session_id=resource.id if isinstance(resource, Session) else getattr(resource, "session_id", None),
                agent_id=getattr(resource, "agent_id", None),
                payload=record.snapshot(),
                created_at=self.now,
                actor=actor.name,
                credential=actor.credential,
                via=actor.via,
                address=actor.address,
                # What comes of a task belongs to the request that made it, whoever's call this is.
                traceparent=getattr(resource, "traceparent", "") or actor.traceparent,
            )
        )

    def trace_of(self, organization: str) -> str:
        """The W3C trace context of what is done here for an organization; empty where there is none."""
        return self.actor.traceparent if self.actor.organization_id == organization else ""

    async def append(self: Any, organization: str, events: list[Event]) -> int:
        """Inserts events at the end of a feed; returns the number of the first."""
        advanced = await self.one(_ADVANCE, organization=organization, count=len(events))
        if advanced is None:
            await self.insert(Feed.new(organization_id=organization, head=len(events)))
            advanced = (len(events),)
        first: int = advanced[0] - len(events) + 1
        await self.many(_RECORD, [{**event.values(), "number": number} for number, event in enumerate(events, first)])
        return first

    def tally(self, statement: Statement[Any], key: dict[str, Any], **amounts: float) -> None:
        """Adds to counts at the end of the transaction, once for each key, in an order that all transactions share."""
        place = (statement.sqlite, *map(str, key.values()))
        known = self.tallies.get(place)
        if known is None:
            self.tallies[place] = (statement, key, amounts)
        else:
            for name, amount in amounts.items():
                known[2][name] = known[2].get(name, 0) + amount


async def settle(transaction: Any) -> None:
    """The last thing that a transaction does: its counts, then its events, which get their numbers now.

    The feed's row stays locked until the commit.
    """
    for _, (statement, key, amounts) in sorted(transaction.tallies.items()):
        await transaction.run(statement, **key, **amounts)
    by_feed: dict[str, list[Event]] = {}
    for event in transaction.events:
        by_feed.setdefault(event.organization_id, []).append(event)
    for organization, numbered in sorted(by_feed.items()):
        for events in in_pieces(numbered, APPENDED):
            first = await transaction.append(organization, events)
            for number, event in enumerate(events, first):
                event.values()["number"] = number


def in_pieces(many: list[T], piece: int = PIECE) -> Iterator[list[T]]:
    """A long list in parts that take a few milliseconds each."""
    for start in range(0, len(many), piece):
        yield many[start : start + piece]


def in_order(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Committed events by feed, in the order of their numbers."""
    by_feed: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.number):
        by_feed.setdefault(event.organization_id, []).append(event)
    return by_feed
