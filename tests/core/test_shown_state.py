"""Whenever what callers see of a waiting task changes by itself, its version moves and an event says so."""

from __future__ import annotations

import pytest

from server.apis.industrial.shape import task_status
from tests.core.test_coding import Coding

HOUR = {"type": "delay", "seconds": 3600}
EVERY_MINUTE = {"type": "cron", "expression": "* * * * *"}


@pytest.fixture
def coding(world) -> Coding:
    return Coding(world)


async def listed(world, **filters) -> int:
    """How many pending tasks a list of them says there are."""
    page = await world.queries.slice(world.tenant.call(), limit=1, offset=0, status="pending", **filters)
    return page.total


async def test_a_task_that_waits_for_a_hand_is_told_once_nothing_blocks_it(world, coding: Coding) -> None:
    session = await coding.session()
    first, second = await coding.task(session), await coding.task(session)
    waiting = await coding.task(session, depends_on=[first.id, second.id])
    assert task_status(waiting) == "BLOCKED"
    agent = await coding.agent()
    for each in (first, second):
        await coding.assignments.assign(coding.call(), each.id, agent.id)

    await coding.result(agent, first)
    await world.tell()
    nearer = await world.get(waiting)
    assert (task_status(nearer), nearer.version) == ("BLOCKED", waiting.version)
    assert (await listed(world, blocked="yes"), await listed(world, not_ready="yes")) == (1, 0)

    await coding.result(agent, second)
    assert await listed(world, blocked="yes") == 1, "it has yet to be told"
    await world.tell()
    free = await world.get(waiting)
    assert task_status(free) == "PENDING"
    assert free.version == waiting.version + 1 and free.updated_at > waiting.updated_at
    assert (await listed(world, blocked="yes"), await listed(world, not_ready="yes")) == (0, 1)
    assert await world.history(waiting) == ["created", "unblocked"]


async def test_a_task_whose_time_is_still_to_come_is_unblocked_and_later_ready(world) -> None:
    agent, worker = await world.agent()
    first = await world.task(agent_id=agent.id)
    waiting = await world.task(agent_id=agent.id, depends_on=[first.id], schedule=HOUR)
    (claimed,) = await world.claim(worker, 10)
    await world.end(claimed)
    assert (await world.get(waiting)).version == waiting.version + 1
    assert await world.timetable.advance() == 0
    world.wait(3600)
    assert await world.timetable.advance() == 1
    ready = await world.get(waiting)
    assert ready.version == waiting.version + 2 and ready.rank is not None
    assert await world.history(waiting) == ["created", "unblocked", "ready"]


async def test_a_task_that_may_be_claimed_at_once_is_ready_in_one_change(world) -> None:
    agent, worker = await world.agent()
    first = await world.task(agent_id=agent.id)
    waiting = await world.task(agent_id=agent.id, depends_on=[first.id])
    (claimed,) = await world.claim(worker, 10)
    await world.end(claimed)
    ready = await world.get(waiting)
    assert ready.version == waiting.version + 1 and ready.updated_at > waiting.updated_at
    assert await world.history(waiting) == ["created", "ready"]


async def test_a_task_of_a_session_that_is_paused_meanwhile_is_unblocked_and_ready_when_it_goes_on(
    world, coding: Coding
) -> None:
    agent = await coding.agent("X")
    session = await coding.session()
    first = await coding.task(session, "X")
    waiting = await coding.task(session, "X", depends_on=[first.id])
    (claimed,) = await world.claims.claim_of(agent.id, "holder", 1)
    await coding.sessions.pause(coding.call(), session.id)
    await world.end(claimed)
    assert task_status(await world.get(waiting)) == "PENDING"
    await coding.sessions.resume(coding.call(), session.id)
    await world.timetable.advance()
    assert (await world.get(waiting)).version == waiting.version + 2
    assert await world.history(waiting) == ["created", "unblocked", "ready"]


async def test_a_recurring_task_shows_its_next_runs_under_a_new_version(world) -> None:
    agent, _ = await world.agent()
    recurring = await world.task(agent_id=agent.id, schedule=EVERY_MINUTE)
    world.wait(60)
    assert await world.timetable.advance() == 1
    moved = await world.get(recurring)
    assert moved.next_run_at > recurring.next_run_at
    assert moved.version == recurring.version + 1 and moved.updated_at > recurring.updated_at
