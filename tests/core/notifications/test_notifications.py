"""Notifications: who is told of what, once, whatever dies in between, and at what cost where nobody is to be told."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from server.core.notifications.consumer import MOST, Notifier
from server.core.notifications.inbox import Inbox
from server.core.notifications.mail import TOGETHER, MailQueue
from server.core.shared.call_context import Call, Caller
from server.errors import NotFound
from server.model import TaskStatus, User
from server.store.database import Database
from tests.support.clock import Clock
from tests.support.holds import BOUND, longest_hold
from tests.support.people import comment, happen, make_task, member_of, person, project_of
from tests.support.tenants import Tenant, make_tenant


class Desk:
    def __init__(self, database: Database, tenant: Tenant) -> None:
        self.database, self.organization = database, tenant.caller.organization_id
        self.notifier, self.inbox = Notifier(database), Inbox(database)

    async def tell(self) -> None:
        while await self.notifier.advance([self.organization]):
            pass

    def call(self, user: User) -> Call:
        return Call(Caller(user.organization_id, user.id, "key", frozenset("*")), "request")

    async def told(self, user: User) -> list[tuple[str, str]]:
        rows = (await self.inbox.slice(self.call(user), limit=100, offset=0)).rows
        return [(each.type, each.title) for each in rows][::-1]

    async def person(self, name: str = "Ada", **given: Any) -> User:
        return await person(self.database, self.organization, name, **given)

    async def task(self, creator: User | None, **given: Any):
        return await make_task(self.database, self.organization, creator, **given)


@pytest.fixture
async def desk(database: Database) -> Desk:
    database.clock = Clock()
    return Desk(database, await make_tenant(database))


async def test_who_is_mentioned_is_told_and_who_cannot_log_in_or_wrote_it_is_not(desk: Desk) -> None:
    ada, bob = await desk.person("Ada"), await desk.person("Bob")
    program = await desk.person("Program")
    await desk.database.write(lambda transaction: transaction.update(program, password=""))
    task = await desk.task(None)
    await comment(desk.database, task, f"user_{bob.id}", ada, bob, program, content="Look\nhere")
    await desk.tell()
    assert await desk.told(ada) == [("task.mentioned", "Bob mentioned you in “Build it”")]
    assert await desk.told(bob) == await desk.told(program) == []
    row = (await desk.inbox.slice(desk.call(ada), limit=1, offset=0)).rows[0]
    assert row.message == "Look\nhere" and row.resource_id == task.id and row.read_at is None


async def test_whoever_made_a_task_is_told_how_it_goes_but_not_what_he_does_himself(desk: Desk) -> None:
    ada, bob = await desk.person("Ada"), await desk.person("Bob")
    me, other = f"user_{ada.id}", f"user_{bob.id}"
    task = await desk.task(ada, attempt=1, status=TaskStatus.COMPLETED)
    by_hand = await desk.task(ada, status=TaskStatus.COMPLETED)
    taken = await desk.task(ada, taken_by=bob.id)
    failed = await desk.task(ada, attempt=1, error='{"message":"no room"}')
    for type, row, by in [
        ("task.assigned", task, me),
        ("task.assigned", task, other),
        ("task.taken", taken, other),
        # His own worker says so with his key.
        ("task.completed", task, me),
        ("task.completed", by_hand, me),
        ("task.completed", by_hand, other),
        ("task.failed", failed, ""),
        ("task.progress", task, other),
    ]:
        await happen(desk.database, type, row, by=by)
    await desk.tell()
    assert await desk.told(ada) == [
        ("task.assigned", "Bob assigned “Build it” to an agent"),
        ("task.taken", "Bob has taken “Build it”"),
        ("task.completed", "“Build it” is completed"),
        ("task.completed", "“Build it” is completed"),
        ("task.failed", "“Build it” has failed"),
    ]
    assert await desk.told(bob) == []
    assert (await desk.inbox.slice(desk.call(ada), limit=1, offset=0)).rows[0].message == "no room"


async def test_who_takes_part_in_a_project_is_told_of_it(desk: Desk) -> None:
    ada, bob, eve = await desk.person("Ada"), await desk.person("Bob"), await desk.person("Eve")
    project = await project_of(desk.database, desk.organization, ada, bob)
    await happen(desk.database, "project.member_added", member_of(project, bob), project, by=f"user_{ada.id}")
    await happen(desk.database, "project.completed", project, by=f"user_{ada.id}")
    await desk.tell()
    assert await desk.told(bob) == [
        ("project.member_added", "Ada added you to “Shop”"),
        ("project.completed", "“Shop” is completed"),
    ]
    assert await desk.told(ada) == await desk.told(eve) == []


async def test_two_processes_at_once_and_a_lost_cursor_tell_nobody_twice(desk: Desk) -> None:
    ada = await desk.person()
    task = await desk.task(ada, attempt=1)
    others = [Notifier(desk.database) for _ in range(3)]
    for _ in range(5):
        await happen(desk.database, "task.completed", task)
    await asyncio.gather(*(each.advance([desk.organization]) for each in others))
    await asyncio.gather(*(each.catch_up() for each in others))
    assert len(await desk.told(ada)) == 5
    await desk.database.write(lambda transaction: transaction.run(_all_cursors_gone()))
    await happen(desk.database, "task.failed", task)
    await Notifier(desk.database).advance([desk.organization])
    assert [type for type, _ in await desk.told(ada)] == ["task.completed"] * 5 + ["task.failed"]


def _all_cursors_gone():
    from sqlalchemy import delete

    from server.model import NotificationCursor
    from server.store.statement import Statement

    return Statement(delete(NotificationCursor.table()))


async def test_what_happened_before_a_process_died_is_told_by_the_next_one(desk: Desk) -> None:
    ada = await desk.person()
    task = await desk.task(ada, attempt=1)
    await happen(desk.database, "task.completed", task)
    # Nobody has looked. Another process comes, and no event with it.
    after = Notifier(desk.database)
    await after.catch_up()
    assert await desk.told(ada) == []
    await after.cursors.find_new()
    while await after.catch_up():
        pass
    assert [type for type, _ in await desk.told(ada)] == ["task.completed"]


async def test_nobody_is_told_of_what_happened_before_he_came(desk: Desk) -> None:
    task = await desk.task(None, attempt=1)
    for _ in range(300):
        await happen(desk.database, "task.completed", task)
    desk.database.clock.wait(3600)
    ada = await desk.person()
    mine = await desk.task(ada, attempt=1)
    await happen(desk.database, "task.completed", mine)
    await desk.tell()
    assert len(await desk.told(ada)) == 1


async def test_an_organization_without_people_costs_a_look_every_few_seconds(desk: Desk, monkeypatch) -> None:
    task = await desk.task(None, attempt=1)
    asked = []
    for name in ("one", "all", "scan", "write"):
        original = getattr(desk.database, name)

        def counted(*given: Any, _original=original, **more: Any):
            asked.append(given)
            return _original(*given, **more)

        monkeypatch.setattr(desk.database, name, counted)
    for _ in range(100):
        assert await desk.notifier.advance([desk.organization]) == set()
    assert len(asked) == 1
    # As soon as somebody comes it is known here.
    ada = await desk.person()
    desk.notifier.cursors.forget(desk.organization)
    await happen(desk.database, "task.completed", await desk.task(ada, attempt=1), by=f"user_{task.id}")
    await desk.tell()
    assert len(await desk.told(ada)) == 1


async def test_a_page_of_events_is_told_with_few_statements(desk: Desk, monkeypatch) -> None:
    people = [await desk.person(f"P{number}") for number in range(10)]
    for user in people:
        task = await desk.task(user, attempt=1)
        for _ in range(5):
            await comment(desk.database, task, f"user_{user.id}", *people)
    statements = []
    original = desk.database.all
    monkeypatch.setattr(desk.database, "all", lambda *a, **k: (statements.append(a[0]), original(*a, **k))[1])
    await desk.tell()
    assert sum([len(await desk.told(user)) for user in people]) == 450
    # A page of events, names by kind, people.
    assert len(statements) <= 6


async def test_a_burst_is_told_in_pieces_and_holds_nobody_up(desk: Desk) -> None:
    boss, *people = [await desk.person(f"P{number}") for number in range(14)]
    task = await desk.task(people[0], attempt=1)

    async def at_once(transaction: Any) -> None:
        for _ in range(1000):
            transaction.emit("task.assigned", task)

    await desk.database.write(at_once)
    for _ in range(50):
        await comment(desk.database, task, f"user_{boss.id}", *people)
    desk.notifier = Notifier(desk.database, mails=True)
    numbers = []
    async with longest_hold() as held:
        more = True
        while more:
            more = bool(await desk.notifier.advance([desk.organization]))
            numbers.append(sum([len(await desk.told(user)) for user in people[1:]]))
    assert held.longest < BOUND, f"{held.longest * 1000:.1f} ms"
    assert numbers[-1] == 50 * 12 and max(b - a for a, b in pairwise([0, *numbers])) <= MOST
    assert (await desk.inbox.slice(desk.call(people[0]), limit=1, offset=0)).total == 1050
    # All that he was told is one mail.
    mails = await MailQueue(desk.database).claim()
    assert sorted(mail.count for mail in mails) == [50] * 12 + [1050] and len(mails) < TOGETHER


async def test_a_person_reads_his_own_and_no_others(desk: Desk) -> None:
    ada, bob = await desk.person("Ada"), await desk.person("Bob")
    for _ in range(3):
        await happen(desk.database, "task.completed", await desk.task(ada, attempt=1))
    await desk.tell()
    mine = await desk.inbox.slice(desk.call(ada), limit=2, offset=0)
    assert (len(mine.rows), mine.total, mine.unread) == (2, 3, 3)
    with pytest.raises(NotFound):
        await desk.inbox.read(desk.call(bob), mine.rows[0].id)
    first = await desk.inbox.read(desk.call(ada), f"notification-{mine.rows[0].id}")
    desk.database.clock.wait(10)
    again = await desk.inbox.read(desk.call(ada), mine.rows[0].id)
    assert first.read_at == again.read_at is not None
    unread = await desk.inbox.slice(desk.call(ada), limit=10, offset=0, unread=True)
    assert (len(unread.rows), unread.total, unread.unread) == (2, 2, 2)
    asked = desk.call(ada)
    asked.idempotency_key, asked.digest = "once", "digest"
    assert await desk.inbox.read_all(desk.call(bob)) == 0
    assert [await desk.inbox.read_all(asked) for _ in range(2)] == [2, 2]
    page = await desk.inbox.page(desk.call(ada), size=2, token="")
    rest = await desk.inbox.page(desk.call(ada), size=2, token=page.next_token)
    assert len(page.rows) == 2 and len(rest.rows) == 1 and rest.next_token == "" and page.unread == 0


async def test_what_is_old_is_forgotten(desk: Desk) -> None:
    ada = await desk.person()
    await happen(desk.database, "task.completed", await desk.task(ada, attempt=1))
    await desk.tell()
    await desk.inbox.forget(0)
    assert len(await desk.told(ada)) == 1
    # Ids are made by the time of this machine.
    await desk.inbox.forget(2**52)
    assert await desk.told(ada) == []
