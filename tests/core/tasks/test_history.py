"""Who has done what to a task, through which API: also once the events are gone that said so."""

from __future__ import annotations

import pytest

from server.core.events.stream import EventStreams
from server.core.tasks.editing import Edit
from server.model import Priority, Rating, TaskStatus
from server.store.acting import Actor, acting
from tests.core.tasks.conftest import Board
from tests.support.world import DONE


@pytest.fixture
def acts(board: Board):
    """The person acts through an API, as the pipeline notes it."""
    actor = Actor(board.me.organization_id, f"user_{board.me.user_id}", "key", "coordinaitor", "")
    token = acting.set(actor)
    yield actor
    acting.reset(token)


async def told(board: Board, task_id: str) -> list[tuple]:
    task = await board.world.get(task_id)
    changes, total = await board.history.page(task, limit=100, offset=0)
    assert total == len(changes)
    return [(each.action, each.field, each.before, each.after, each.actor, each.via) for each in changes[::-1]]


async def make_history(board: Board) -> tuple[str, str]:
    agent, worker = await board.world.agent()
    task = await board.task(tags=["a"])
    await board.editing.assign(board.call(), task.id, agent.id, Edit(priority=Priority.HIGH))
    await board.editing.update(board.call(), task.id, Edit(columns={"title": "Answer"}, tags=["b"]))
    (held,) = await board.world.claim(worker, 1)
    await board.world.reports.report(worker, held.id, held.attempt, progress=10)
    await board.world.end(held)
    await board.move(task, TaskStatus.PENDING)
    return task.id, agent.id


async def test_each_change_says_who_what_and_from_what_to_what(board: Board, acts: Actor) -> None:
    task, agent = await make_history(board)
    me, bot = (acts.name, "coordinaitor"), (f"agent_{agent}", "coordinaitor")
    expected = [
        ("created", "", None, None, *me),
        ("updated", "priority", 1, 2, *me),
        ("assigned", "agent_id", None, agent, *me),
        ("updated", "title", "Ask", "Answer", *me),
        ("updated", "tags", ["a"], ["b"], *me),
        ("status_changed", "status", "pending", "running", *bot),
        ("status_changed", "status", "running", "completed", *bot),
        ("reopened", "status", "completed", "pending", *me),
    ]
    assert await told(board, task) == expected
    page, total = await board.history.page(await board.world.get(task), limit=2, offset=1)
    assert total == 8 and [each.after for each in page] == ["completed", "running"]
    assert [each.number for each in page] == sorted((each.number for each in page), reverse=True)


async def test_a_history_outlives_its_events(board: Board, acts: Actor) -> None:
    task, _ = await make_history(board)
    program, _ = await board.world.agent("u")
    silent = await board.world.task(agent_id=program.id)
    before = await told(board, task)
    streams = EventStreams(board.world.database, board.world.feeds, heartbeat_seconds=1)
    board.world.wait(10)
    await streams.trim(board.world.database.clock())
    assert await told(board, task) == before
    # And goes on with what happens next.
    await board.move(await board.world.get(task), TaskStatus.CANCELLED)
    assert (await told(board, task))[-2:] == [
        ("status_changed", "status", "pending", "cancelled", acts.name, "coordinaitor"),
        ("taken", "taken_by", None, board.me.user_id, acts.name, "coordinaitor"),
    ]
    # Of programs' own tasks nothing is kept.
    assert await told(board, silent.id) == []


async def test_figures_come_from_what_people_and_agents_have_done(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id)
    (held,) = await board.world.claim(worker, 1)
    board.world.wait(1800)
    await board.world.leases.finish(held.id, held.attempt, DONE)
    figures = await board.history.figures(await board.world.get(task))
    assert (figures.time_spent, figures.completion_rate, figures.quality_score) == (0.5, 1, None)

    async def rate(transaction) -> None:
        rating = Rating.new(
            task_id=task.id,
            user_id=board.me.user_id,
            organization_id=board.me.organization_id,
            quality=0.8,
            created_at=transaction.now,
        )
        await transaction.insert(rating)

    await board.world.database.write(rate)
    await board.editing.update(board.call(), task.id, Edit(columns={"actual_hours": 7.5}, status=TaskStatus.PENDING))
    figures = await board.history.figures(await board.world.get(task))
    assert (figures.time_spent, figures.completion_rate, figures.quality_score, figures.change_requests) == (7.5, 0, 0.8, 1)
