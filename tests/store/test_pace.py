"""A transaction that does much leaves the loop to others while it does."""

from __future__ import annotations

import asyncio

from server.core.shared.call_context import Call
from server.model import Feed, Organization, Session, new_id
from server.store.database import Database
from server.store.transaction import Transaction
from tests.support.holds import BOUND, longest_hold

MANY = 3000


async def test_many_rows_and_events_of_one_transaction_hold_up_nobody(database: Database) -> None:
    organization = Organization.new(id=new_id(), name="many", created_at=0)

    async def body(transaction: Transaction) -> None:
        await transaction.insert(organization)
        await transaction.insert(Feed.new(organization_id=organization.id))
        for n in range(MANY):
            session = Session.new(
                id=new_id(), organization_id=organization.id, name=f"s{n}", created_at=0, updated_at=0
            )
            await transaction.insert(session)
            transaction.emit("session.created", session)

    heard = []
    database.committed = heard.extend
    # A new connection to PostgreSQL proves who it is, which is another matter.
    await database.probe()
    async with longest_hold() as held:
        await database.write(body)
    assert [event.number for event in heard] == list(range(1, MANY + 1))
    assert held.longest < BOUND
