"""The audit log: events with an actor and what was noted, filtered, in order, and cheap in a flood."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.core.events.audit_log import AuditFilter, AuditLog
from server.core.identity.access_tokens import digest_of
from server.core.shared.audit import A_SECOND, WAITING, Audit
from server.errors import InvalidRequest
from server.store.acting import Actor
from server.store.database import Database
from tests.support.clock import Clock
from tests.support.people import happen, make_task
from tests.support.tenants import Tenant, make_tenant


class Office:
    def __init__(self, database: Database, tenant: Tenant) -> None:
        self.database, self.tenant = database, tenant
        self.audit, self.log = Audit(database), AuditLog(database)
        self.organization = tenant.caller.organization_id
        self.ada = Actor(self.organization, "user_" + "a" * 32, "key", "coordinaitor", "10.0.0.1")
        self.bob = replace(self.ada, name="user_" + "b" * 32, via="native")

    async def seen(self, **wanted) -> list[tuple[str, str]]:
        rows, total = await self.log.slice(self.tenant.call(), AuditFilter(**wanted), limit=100, offset=0)
        assert total == len(rows)
        return [(row.action, row.outcome) for row in rows]

    async def event(self, type: str, by: str = "") -> None:
        task = await make_task(self.database, self.organization, None)
        await happen(self.database, type, task, by=by)
        self.database.clock.wait(1)


@pytest.fixture
async def office(database: Database) -> Office:
    database.clock = Clock()
    return Office(database, await make_tenant(database))


async def test_events_and_notes_are_one_list_newest_first_with_filters(office: Office) -> None:
    await office.event("task.created", by=office.ada.name)
    await office.event("task.started")
    office.audit.note(office.bob, "TaskService/DeleteTask", outcome="FORBIDDEN", request_id="r", detail="lacks it")
    await office.database.write(
        lambda transaction: office.audit.record(transaction, office.ada, "user.logged_in", resource_id="1" * 32)
    )
    office.database.clock.wait(1)
    middle = office.database.clock()
    await office.event("task.completed", by=office.bob.name)
    await office.audit.flush()
    rows, total = await office.log.slice(office.tenant.call(), AuditFilter(), limit=2, offset=0)
    assert total == 4 and [row.action for row in rows] == ["task.completed", "user.logged_in"]
    assert rows[0].number == 3 and rows[0].actor == office.bob.name and rows[0].via == "native"
    assert rows[1].number == 0 and rows[1].address == "10.0.0.1" and rows[1].resource_id == "1" * 32
    refused = ("TaskService/DeleteTask", "FORBIDDEN")
    assert await office.seen(outcome="refused") == await office.seen(outcome="FORBIDDEN") == [refused]
    assert ("task.completed", "done") in await office.seen(outcome="done") and len(await office.seen(outcome="done")) == 3
    assert await office.seen(actor=office.bob.name) == [("task.completed", "done"), refused]
    assert len(await office.seen(action="task.*")) == 2 and len(await office.seen(action="task.created")) == 1
    assert await office.seen(api="coordinaitor") == [("user.logged_in", "done")]
    assert await office.seen(since=middle) == [("task.completed", "done")]
    assert len(await office.seen(until=middle)) == 3
    with pytest.raises(InvalidRequest):
        await office.seen(since=middle, until=middle - 1)


async def test_pages_follow_each_other_without_a_hole_or_a_repeat(office: Office) -> None:
    now = office.database.clock()
    office.database.clock = lambda: now
    for number in range(7):
        await happen(
            office.database, "task.created", await make_task(office.database, office.organization, None), by=office.ada.name
        )
        await office.database.write(lambda transaction: office.audit.record(transaction, office.ada, "user.logged_in"))
    found, token = [], ""
    while True:
        rows, token = await office.log.page(office.tenant.call(), AuditFilter(), size=3, token=token)
        found += rows
        if not token:
            break
    everything, _ = await office.log.slice(office.tenant.call(), AuditFilter(), limit=100, offset=0)
    assert found == list(everything) and len({(row.number, row.id) for row in found}) == 14
    with pytest.raises(InvalidRequest):
        await office.log.page(office.tenant.call(), AuditFilter(), size=3, token="yesterday")


async def test_other_organizations_see_nothing_of_it(office: Office) -> None:
    await office.event("task.created", by=office.ada.name)
    office.audit.note(office.ada, "x", outcome="FORBIDDEN")
    await office.audit.flush()
    other = await make_tenant(office.database)
    assert await office.log.slice(other.call(), AuditFilter(), limit=10, offset=0) == ([], 0)
    assert await office.log.page(other.call(), AuditFilter(), size=10, token="") == ([], "")


async def test_a_flood_is_kept_in_part_and_says_how_much_there_was(office: Office) -> None:
    for _ in range(1000):
        office.audit.note(office.ada, "x", outcome="RATE_LIMITED", detail="too many")
    office.audit.note(office.bob, "y", outcome="RATE_LIMITED")
    office.database.clock.wait(2)
    office.audit.note(office.ada, "x", outcome="RATE_LIMITED", detail="too many")
    await office.audit.flush()
    rows, total = await office.log.slice(office.tenant.call(), AuditFilter(actor=office.ada.name), limit=10, offset=0)
    assert total == A_SECOND + 1
    assert rows[0].detail == f"too many (and {1000 - A_SECOND} more before)" and rows[1].detail == "too many"
    assert len(await office.seen(actor=office.bob.name)) == 1
    # However many callers there are, what waits is bounded.
    for number in range(WAITING + 500):
        office.audit.note(replace(office.ada, credential=str(number)), "x", outcome="FORBIDDEN")
    await office.audit.flush()
    assert len((await office.log.slice(office.tenant.call(), AuditFilter(action="x"), limit=1, offset=0))[0]) == 1
    _, total = await office.log.slice(office.tenant.call(), AuditFilter(outcome="FORBIDDEN"), limit=1, offset=0)
    assert total == WAITING


async def test_whose_a_key_was_is_found_and_of_others_nothing_is_kept(office: Office) -> None:
    nobody = Actor(via="native", address="10.0.0.9")
    office.audit.note(nobody, "x", outcome="UNAUTHORIZED", digest=digest_of(office.tenant.key))
    office.audit.note(nobody, "x", outcome="UNAUTHORIZED", digest=digest_of("never there"))
    office.audit.note(nobody, "x", outcome="UNAUTHORIZED")
    await office.audit.flush()
    rows, total = await office.log.slice(office.tenant.call(), AuditFilter(), limit=10, offset=0)
    assert total == 1 and rows[0].actor == f"user_{office.tenant.caller.user_id}"
    assert rows[0].credential == office.tenant.caller.key_id and rows[0].address == "10.0.0.9"


async def test_what_is_old_is_forgotten(office: Office) -> None:
    office.audit.note(office.ada, "x", outcome="FORBIDDEN")
    await office.audit.flush()
    await office.log.forget(1)
    assert len(await office.seen()) == 1
    await office.log.forget(office.database.clock() + 1)
    assert await office.seen() == []
