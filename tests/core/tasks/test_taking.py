"""A person does what an agent would have done: nobody's room, lease or figures are touched by that."""

from __future__ import annotations

import asyncio

import pytest

from server import values
from server.core.queue.fencing import StaleLease, require_lease
from server.core.queue.rows import TASKS
from server.core.queue.taking import HeldByWorker, Taken
from server.core.tasks.editing import Edit
from server.errors import Conflict, Forbidden, NotFound, VersionMismatch
from server.model import TaskStatus
from tests.core.tasks.conftest import Board
from tests.support.world import DONE

RUNNING, PENDING, COMPLETED = TaskStatus.RUNNING, TaskStatus.PENDING, TaskStatus.COMPLETED


async def test_a_task_without_an_agent_waits_for_a_person(board: Board) -> None:
    task = await board.task()
    assert (task.status, task.rank, task.ready_at, task.created_by) == (PENDING, None, None, board.me.user_id)
    await board.world.timetable.advance()
    mine = await board.move(task, RUNNING)
    assert (mine.status, mine.taken_by, mine.attempt, mine.lease_holder) == (RUNNING, board.me.user_id, 1, None)
    done = await board.move(mine, COMPLETED)
    assert (done.status, done.progress, done.taken_by) == (COMPLETED, 100, board.me.user_id)
    assert await board.world.history(task) == ["created", "taken", "completed"]


async def test_a_worker_loses_what_is_taken_and_its_result_is_refused(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id)
    (held,) = await board.world.claim(worker, 1)
    assert values.decode(held.input)["title"] == "Ask"
    await board.world.reports.report(worker, held.id, held.attempt, progress=50, lines=[])
    for to in (PENDING, COMPLETED, TaskStatus.CANCELLED):
        with pytest.raises(HeldByWorker, match="/take"):
            await board.move(task, to)
    mine = await board.moves.take(board.call(), task.id)
    assert (mine.attempt, mine.agent_id, mine.taken_from) == (2, None, agent.id)
    with pytest.raises(StaleLease):
        await board.world.leases.finish(task.id, held.attempt, DONE)
    with pytest.raises(StaleLease):
        await board.world.reports.report(worker, held.id, held.attempt, progress=60)
    assert await board.world.leases.keep(worker.holder, [(held.id, held.attempt)]) == []
    # However long he takes, and whatever is swept meanwhile, it stays his.
    board.world.wait(1_000_000)
    await board.world.leases.release_expired()
    await board.world.repairs.look()
    await board.world.rerouting.sweep()
    assert (await board.world.get(task)).status == RUNNING


async def test_what_a_person_does_takes_no_room_of_the_agent(board: Board) -> None:
    agent, worker = await board.world.agent(max_concurrent_tasks=1)
    first, second = await board.task(agent_id=agent.id), await board.task(agent_id=agent.id)
    assert [each.id for each in await board.world.claim(worker, 5)] == [first.id]
    await board.moves.take(board.call(), first.id)
    assert [each.id for each in await board.world.claim(worker, 5)] == [second.id]
    await board.move(await board.world.get(first), COMPLETED)
    assert (await board.world.agents.get(board.call(), agent.id)).tasks_completed == 0


async def test_what_is_given_back_is_done_by_its_agent(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id)
    await board.moves.take(board.call(), task.id)
    assert await board.world.claim(worker, 1) == []
    with pytest.raises(Conflict):
        await board.moves.release(board.call(), (await board.task()).id)
    back = await board.moves.release(board.call(board.other), task.id)
    assert (back.status, back.agent_id, back.taken_by) == (PENDING, agent.id, None)
    (held,) = await board.world.claim(worker, 1)
    assert (held.id, held.attempt) == (task.id, 2)
    assert (await board.world.end(held)).status == COMPLETED


async def test_an_agent_that_is_deleted_leaves_a_person_his_task(board: Board) -> None:
    agent, _ = await board.world.agent()
    task, other = await board.task(agent_id=agent.id), await board.task(agent_id=agent.id)
    await board.moves.take(board.call(), task.id)
    await board.world.agents.delete(board.call(), agent.id)
    await board.world.repairs.look()
    assert (await board.world.get(other)).status == TaskStatus.CANCELLED
    assert (await board.world.get(task)).status == RUNNING
    back = await board.moves.release(board.call(), task.id)
    assert (back.status, back.agent_id, back.ready_at) == (PENDING, None, None)


async def test_a_person_begins_what_waits_for_others_and_it_waits_again_when_he_gives_it_back(board: Board) -> None:
    agent, worker = await board.world.agent()
    first = await board.task(agent_id=agent.id)
    second = await board.task(agent_id=agent.id, depends_on=[first.id])
    mine = await board.move(second, RUNNING)
    assert mine.waiting_for == 0
    back = await board.move(mine, PENDING)
    assert (back.waiting_for, back.rank) == (1, None)
    (held,) = await board.world.claim(worker, 5)
    await board.world.end(held)
    assert [each.id for each in await board.world.claim(worker, 5)] == [second.id]


async def test_of_two_who_move_a_task_at_once_one_is_refused(board: Board) -> None:
    for to in (RUNNING, COMPLETED):
        task = await board.task()
        both = (board.move(task, to), board.move(task, to, board.other))
        moved = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(each, Taken) for each in moved) == [False, True], moved
    task = await board.task()
    await board.move(task, RUNNING, if_match=1)
    with pytest.raises(VersionMismatch):
        await board.move(task, COMPLETED, board.other, if_match=1)
    with pytest.raises(Taken):
        await board.move(task, COMPLETED, board.other)
    with pytest.raises(Taken):
        await board.moves.take(board.call(board.other), task.id)
    assert (await board.moves.take(board.call(), task.id)).version == 2


async def test_what_has_ended_is_opened_again_and_counted(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id)
    (held,) = await board.world.claim(worker, 1)
    await board.world.end(held)
    with pytest.raises(Conflict, match="cannot become failed"):
        await board.move(task, TaskStatus.FAILED)
    opened = await board.move(task, PENDING)
    assert (opened.reopened, opened.output, opened.completed_at) == (1, None, None)
    (again,) = await board.world.claim(worker, 1)
    await board.world.end(again)
    mine = await board.move(task, RUNNING)
    assert (mine.reopened, mine.taken_by, mine.status) == (2, board.me.user_id, RUNNING)
    assert "reopened" in await board.world.history(task)


async def test_an_agents_credential_takes_nothing_and_writes_only_under_its_lease(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id)
    own = board.call(agent_id=agent.id)
    with pytest.raises(Forbidden):
        await board.moves.take(own, task.id)
    (held,) = await board.world.claim(worker, 1)
    require_lease(own, held)
    require_lease(board.call(), held)
    require_lease(board.call(), held, held.attempt)
    for call, attempt in ((own, held.attempt + 1), (board.call(agent_id="0" * 32), None), (board.call(), 9)):
        with pytest.raises(StaleLease):
            require_lease(call, held, attempt)
    mine = await board.moves.take(board.call(), task.id)
    with pytest.raises(StaleLease):
        require_lease(own, mine)
    with pytest.raises(StaleLease):
        await board.editing.update(own, task.id, Edit(columns={"title": "x"}))
    with pytest.raises(StaleLease):
        await board.moves.delete(own, task.id)


async def test_a_deleted_task_is_there_for_nobody_and_its_worker_has_lost_it(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task(agent_id=agent.id, tags=["gone"])
    waiting = await board.task(agent_id=agent.id, depends_on=[task.id])
    (held,) = await board.world.claim(worker, 1)
    await board.moves.delete(board.call(), task.id, "a duplicate")
    for look in (board.world.get(task), board.moves.delete(board.call(), task.id)):
        with pytest.raises(NotFound):
            await look
    with pytest.raises(StaleLease):
        await board.world.leases.finish(held.id, held.attempt, DONE)
    events = await board.world.feeds.page(board.me.organization_id, 0, 100)
    assert events[-1].type == "task.deleted" and "a duplicate" in events[-1].payload
    await board.world.tell()
    assert (await board.world.get(waiting)).status == TaskStatus.FAILED
    (kept,) = await board.world.database.all(TASKS.read, id=waiting.id, organization=board.me.organization_id)
    assert kept.id == waiting.id


async def test_a_paused_session_keeps_what_is_given_back_and_not_whoever_does_it(board: Board) -> None:
    from server.core.coding.sessions import CodingSessions
    from server.model import Priority

    sessions = CodingSessions(board.world.database, running=None)
    agent, worker = await board.world.agent()
    session = await sessions.create(board.call(), title="s", type="t", priority=Priority.MEDIUM)
    await sessions.start(board.call(), session.id)
    task = await board.task(agent_id=agent.id, session_id=session.id)
    await board.moves.take(board.call(), task.id)
    await sessions.pause(board.call(), session.id)
    assert (await board.world.get(task)).status == RUNNING
    await board.moves.release(board.call(), task.id)
    assert await board.world.claim(worker, 1) == []
    found = await board.waiting.explain(board.call(), task.id, limit=10, offset=0)
    assert [each.rule for each in found.reasons] == ["session"]
    await sessions.resume(board.call(), session.id)
    await board.world.timetable.advance()
    assert [each.id for each in await board.world.claim(worker, 1)] == [task.id]


async def test_what_is_given_to_an_agent_by_hand_is_claimed_by_it(board: Board) -> None:
    agent, worker = await board.world.agent()
    task = await board.task()
    await board.move(task, RUNNING)
    with pytest.raises(Taken):
        await board.editing.assign(board.call(board.other), task.id, agent.id, Edit())
    assigned = await board.editing.assign(board.call(), task.id, agent.id, Edit(columns={"due_at": 5}))
    assert (assigned.status, assigned.agent_id, assigned.due_at, assigned.taken_by) == (PENDING, agent.id, 5, None)
    (held,) = await board.world.claim(worker, 1)
    assert held.id == task.id and values.decode(held.input)["due_date"] == "1970-01-01T00:00:00.000005Z"
    with pytest.raises(HeldByWorker):
        await board.editing.update(board.call(), task.id, Edit(agent_id=""))


@pytest.mark.parametrize("gone", ["deleted", "disabled"])
async def test_what_has_ended_is_opened_again_though_its_agent_takes_nothing(board: Board, gone: str) -> None:
    agent, _ = await board.world.agent()
    task, other = await board.task(agent_id=agent.id), await board.task(agent_id=agent.id)
    for each in (task, other):
        await board.move(each, COMPLETED)
    if gone == "deleted":
        await board.world.agents.delete(board.call(), agent.id)
    else:
        await board.world.agents.update(board.call(), agent.id, disabled=True)
    opened = await board.move(task, PENDING)
    assert opened.status == PENDING and opened.rank is None
    # Of the one it waits until it takes something, without the other for a hand.
    assert (opened.agent_id, opened.held) == ((None, False) if gone == "deleted" else (agent.id, True))
    assert opened.ready_at is None if gone == "deleted" else opened.ready_at is not None
    mine = await board.move(other, RUNNING)
    assert (mine.status, mine.taken_by) == (RUNNING, board.me.user_id)
