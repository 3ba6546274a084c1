"""Why a task waits is told by the rules that dispatch goes by: what is said to be kept is kept, and nothing else."""

from __future__ import annotations

from server.core.agents.profile import AgentProfile
from server.core.queue.routing.obstacles import Obstacle, obstacle
from server.model import Agent, Task
from tests.core.tasks.conftest import Board


async def rules(board: Board, task: Task, **page: int) -> dict[str, str | None]:
    found = await board.waiting.explain(board.call(), task.id, **{"limit": 100, "offset": 0, **page})
    return {each.agent.name: each.rule and each.rule.value for each in found.agents}


async def reasons(board: Board, task: Task) -> list[str]:
    found = await board.waiting.explain(board.call(), task.id, limit=100, offset=0)
    return [each.rule for each in found.reasons]


async def test_each_agent_is_kept_by_a_rule_of_its_own(board: Board) -> None:
    world = board.world
    busy, worker = await world.agent("coding", max_concurrent_tasks=1)
    await world.task(agent_id=busy.id)
    assert len(await world.claim(worker, 1)) == 1
    off, _ = await world.agent("coding", capabilities=["off"])
    await world.agents.update(board.call(), off.id, disabled=True)
    await world.agents.register(board.call(), name="silent", profile=AgentProfile(type="coding"))
    resting, _ = await world.agent("coding", capabilities=["resting"])

    async def rest(transaction) -> None:
        await transaction.update(resting, off_duty=True)

    await world.database.write(rest)
    await world.agent("review")
    for agent, name in ((busy, "busy"), (off, "off"), (resting, "resting")):
        await world.agents.update(board.call(), agent.id, name=name)
    task = await world.task(agent_type="coding")
    assert task.agent_id is None
    assert await rules(board, task) == {
        "busy": "capacity",
        "off": "disabled",
        "silent": "offline",
        "resting": "hours",
        "review": "capability",
    }
    assert list(await rules(board, task, limit=2, offset=1)) == ["off", "silent"]
    free, _ = await world.agent("coding")
    assert (await rules(board, task))["coding"] is None
    # And so dispatch sees it: nobody else would have been chosen.
    await world.rerouting.sweep()
    assert (await world.get(task)).agent_id == free.id


async def test_what_keeps_a_task_from_everybody_is_said_first(board: Board) -> None:
    world = board.world
    agent, worker = await world.agent("coding", max_concurrent_tasks=1)
    first = await world.task(agent_id=agent.id)
    after = await world.task(agent_id=agent.id, depends_on=[first.id])
    later = await world.task(agent_id=agent.id, schedule={"type": "delay", "seconds": 60})
    assert await reasons(board, after) == ["dependency"] and await reasons(board, later) == ["schedule"]
    found = await board.waiting.explain(board.call(), after.id, limit=1, offset=0)
    assert f"task_{first.id}" in found.reasons[0].message
    assert (await board.waiting.explain(board.call(), later.id, limit=1, offset=0)).reasons[0].until == later.ready_at
    assert await rules(board, first) == {"coding": None} and await reasons(board, first) == []
    (held,) = await world.claim(worker, 5)
    assert await reasons(board, held) == ["running"]
    assert await rules(board, later) == {"coding": "capacity"}
    mine = await board.moves.take(board.call(), first.id)
    assert await reasons(board, mine) == ["person"]
    unassigned = await board.task()
    assert await reasons(board, unassigned) == ["unassigned"] and await rules(board, unassigned) == {}


async def test_workers_without_room_keep_it_too(board: Board) -> None:
    world = board.world
    agent = await world.agents.register(board.call(), name="small", profile=AgentProfile(type="coding"))
    worker, _ = await world.workers.connect(board.call(), agent_id=agent.id, capacity=1)
    await world.task(agent_id=agent.id)
    assert len(await world.claims.claim_within(worker, 5)) == 1
    task = await world.task(agent_id=agent.id)
    assert await rules(board, task) == {"small": "capacity"}
    assert await world.claims.claim_within(worker, 5) == []


def test_the_first_rule_that_keeps_it_is_told() -> None:
    task = Task.new(route="coding", agent_type="coding")
    agent = Agent.new(type="coding", status="active", max_concurrent_tasks=2)
    assert obstacle(agent, task, 1) is None and obstacle(agent, task, 2) == Obstacle.CAPACITY
    unable = Agent.new(**{**agent.values(), "type": "review"})
    assert obstacle(unable, task, 2) == Obstacle.CAPABILITY
    resting = Agent.new(**{**unable.values(), "off_duty": True})
    assert obstacle(resting, task, 2) == Obstacle.HOURS
    gone = Agent.new(**{**resting.values(), "status": "error"})
    assert obstacle(gone, task, 2) == Obstacle.OFFLINE
    assert obstacle(Agent.new(**{**gone.values(), "disabled_at": 1}), task, 2) == Obstacle.DISABLED
