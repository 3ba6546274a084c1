"""Leases and fencing: nobody loses work and nobody does it twice."""

from __future__ import annotations

import asyncio

import pytest

from server import values
from server.core.queue.fencing import StaleLease
from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.core.queue.completion import Result
from server.core.queue.creation import NewTask
from server.model import SessionStatus, TaskStatus
from tests.support.world import UPPER, WIDE, World


async def test_many_holders_never_claim_the_same_task_nor_more_than_they_asked_for(world: World) -> None:
    made = await world.make(60)
    claims = await asyncio.gather(*(world.claims.claim("python", f"holder {n % 8}", 4) for n in range(24)))
    assert max(map(len, claims)) <= 4
    claimed = [task.id for claim in claims for task in claim]
    assert sorted(claimed) == sorted(made)
    assert all(task.attempt == 1 and task.lease_holder for claim in claims for task in claim)


async def test_tasks_are_claimed_oldest_first(world: World) -> None:
    made = await world.make(5)
    first = await world.claims.claim("python", "h", 2)
    rest = await world.claims.claim("python", "h", 10)
    assert [task.id for task in first + rest] == made


async def test_a_result_is_taken_once_and_only_from_the_present_holder(world: World) -> None:
    (made,) = await world.make(1)
    (slow,) = await world.claims.claim("python", "slow", 1)
    world.wait(11)
    (released,) = await world.leases.release_expired()
    assert released.status == TaskStatus.PENDING
    (quick,) = await world.claims.claim("python", "quick", 1)
    assert quick.attempt == 2
    with pytest.raises(StaleLease) as stale:
        await world.leases.finish(made, slow.attempt, Result(status=TaskStatus.COMPLETED, output=values.encode("slow")))
    assert stale.value.details == {"attempt": 1, "current_attempt": 2, "held_by": "quick", "status": "running"}
    done = await world.leases.finish(
        made, quick.attempt, Result(status=TaskStatus.COMPLETED, output=values.encode("quick"))
    )
    assert done.output == values.encode("quick")
    with pytest.raises(StaleLease):
        await world.leases.finish(made, quick.attempt, Result(status=TaskStatus.FAILED))
    assert await world.history(made) == ["created", "started", "released", "started", "completed"]


async def test_a_lease_that_is_kept_does_not_run_out(world: World) -> None:
    await world.make(1)
    (task,) = await world.claims.claim("python", "h", 1)
    for _ in range(3):
        world.wait(8)
        (lease,) = await world.leases.keep("h", [(task.id, 1)])
        assert (lease.task_id, lease.attempt, lease.cancel_requested) == (task.id, 1, False)
        assert await world.leases.release_expired() == []


async def test_a_task_that_keeps_killing_its_holders_fails_in_the_end(world: World) -> None:
    (made,) = await world.make(1)
    for _ in range(2):
        assert await world.claims.claim("python", "h", 1)
        world.wait(11)
        (task,) = await world.leases.release_expired()
    assert task.status == TaskStatus.FAILED and "LeaseExpired" in task.error
    assert (await world.history(made))[-1] == "failed"


async def test_a_holder_that_stops_gives_its_tasks_back(world: World) -> None:
    made = await world.make(3)
    await world.claims.claim("python", "h", 3)
    await world.leases.give_back("h")
    assert [task.id for task in await world.claims.claim("python", "next", 9)] == made


async def test_a_holder_learns_of_a_cancellation_and_a_dead_holders_task_ends_cancelled(world: World) -> None:
    (made,) = await world.make(1)
    await world.claims.claim("python", "h", 1)
    asked = await world.tasks.cancel(world.tenant.call(), made)
    assert asked.status == TaskStatus.RUNNING and asked.cancel_requested_at
    assert [lease.task_id for lease in await world.leases.cancelled("h")] == [made]
    assert (await world.leases.keep("h", [(made, 1)]))[0].cancel_requested
    world.wait(11)
    (task,) = await world.leases.release_expired()
    assert task.status == TaskStatus.CANCELLED
    assert await world.history(made) == ["created", "started", "cancel_requested", "cancelled"]


async def test_expiring_a_session_cancels_its_open_tasks(world: World) -> None:
    call = world.tenant.call()
    agent = await world.agents.create(call, name="a", code=UPPER, profile=WIDE)
    session = await world.sessions.create(call, name="s", timeout_seconds=5)
    task = await world.tasks.create(
        call, NewTask(agent_id=agent.id, session_id=session.id, input=values.encode({"x": "a"}))
    )
    assert await world.sessions.expire() == 0
    world.wait(6)
    assert await world.sessions.expire() == 1
    assert (await world.sessions.get(call, session.id)).status == "expired"
    assert (await world.queries.get(call, task.id)).status == TaskStatus.CANCELLED


async def test_changes_of_one_account_at_once_neither_deadlock_nor_fail(world: World) -> None:
    """On PostgreSQL: session creates lock the account, and events refer to it by foreign key."""
    sessions = Sessions(world.database, CountCache(world.database), open_sessions=10_000)
    call = world.tenant.call()
    agent = await world.agents.create(call, name="a", code=UPPER, profile=WIDE)

    async def work(n: int) -> None:
        session = await sessions.create(call, name=f"s{n}")
        task = await world.tasks.create(
            call, NewTask(agent_id=agent.id, session_id=session.id, input=values.encode({"x": "a"}))
        )
        claimed = await world.claims.claim("python", f"h{n}", 1)
        for each in claimed:
            await world.leases.finish(
                each.id, each.attempt, Result(status=TaskStatus.COMPLETED, output=values.encode(1))
            )
        await sessions.end(call, session.id, SessionStatus.COMPLETED)
        await world.tasks.cancel(call, task.id)

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(n) for n in range(60)))
    events = await world.feeds.page(world.tenant.caller.organization_id, 0)
    ends = [event.resource_id for event in events if event.type in ("task.completed", "task.cancelled")]
    assert len(ends) == len(set(ends)) == 60
