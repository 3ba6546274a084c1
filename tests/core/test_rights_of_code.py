"""Whether code may search the knowledge base goes from whoever asks for work to every task that comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server import values
from server.core.coding.decomposition import take_apart
from server.core.coding.templates import templates
from server.core.queue.creation import NewTask
from server.core.queue.rows import TASKS
from server.core.shared.count_cache import CountCache
from server.core.workflows.definitions import WorkflowDefinitions
from server.model import Task
from server.store.transaction import Transaction
from tests.support.world import World


@pytest.fixture(params=["knowledge:read", "tasks:write"])
def may(request: pytest.FixtureRequest, world: World) -> bool:
    """Whether the caller may search."""
    world.tenant.caller = replace(world.tenant.caller, scopes=frozenset({request.param}))
    return request.param == "knowledge:read"


async def test_a_task_has_the_rights_of_its_maker(world: World, may: bool) -> None:
    agent, _ = await world.agent()
    assert (await world.task(agent_id=agent.id)).reads_knowledge is may
    batch = await world.tasks.create_all(world.tenant.call(), [NewTask(agent_id=agent.id)])
    assert [task.reads_knowledge for task in batch] == [may]


async def test_what_a_recurring_task_makes_has_its_rights(world: World, may: bool) -> None:
    agent, worker = await world.agent()
    await world.task(agent_id=agent.id, schedule={"type": "cron", "expression": "* * * * *"})
    world.wait(61)
    await world.timetable.advance()
    assert worker is not None
    assert [bool(task.reads_knowledge) for task in await world.claim(worker, 10)] == [may]


async def test_every_step_of_a_run_has_the_rights_of_whoever_began_it(world: World, may: bool) -> None:
    _, worker = await world.agent("t")
    definitions = WorkflowDefinitions(world.database, CountCache(world.database))
    steps = [{"id": "a", "agent_type": "t", "order": 1}, {"id": "b", "agent_type": "t", "order": 2}]
    workflow = await definitions.create(world.tenant.call(), name="w", steps=steps)
    await definitions.execute(world.tenant.call(), workflow.id, parameters=values.EMPTY_OBJECT)
    world.tenant.caller = replace(world.tenant.caller, scopes=frozenset({"*"}))
    assert worker is not None
    for _ in range(2):
        (task,) = await world.claim(worker, 10)
        assert bool(task.reads_knowledge) is may
        await world.end(task)


async def test_the_parts_of_a_task_have_its_rights(world: World, may: bool) -> None:
    await world.agent()
    whole = await world.task(type="t", title="whole")
    call = world.tenant.call()

    async def act(transaction: Transaction) -> list[Task]:
        task = await TASKS.lock(transaction, call, whole.id)
        return (await take_apart(transaction, call, task, None, next(iter(templates().values()))))[1]

    assert {part.reads_knowledge for part in await world.database.write(act)} == {may}
