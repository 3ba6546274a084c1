"""Tasks with inputs that are as long as they may be: nobody waits while they are bound to code."""

from __future__ import annotations

import time

import pytest

from server import values
from server.apis.agent_operations.shape import task_message
from server.core.queue.creation import NewTask
from server.errors import InvalidRequest
from server.pace import all_of
from tests.support.holds import BOUND, longest_hold
from tests.support.world import WIDE, World

# The bound on tokens of code lets a function have 32,000 parameters.
MANY = ", ".join(f"p{number}" for number in range(20_000))


@pytest.fixture(scope="module")
def long() -> bytes:
    return values.encode(dict.fromkeys(f"{number:x}" for number in range(70_000)))


async def tasks(world: World, code: str, count: int, given: bytes) -> list[NewTask]:
    agent = await world.agents.create(world.tenant.call(), name="a", code=code, profile=WIDE)
    return [NewTask(agent_id=agent.id, input=given)] * count


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("def f(): pass", None),
        ("def f(x): return x", None),
        ("def f(**more): pass", None),
        ("def f(a, b): pass", "unknown: 0, 1, 2"),
        ("def f(x: str): pass", "has 70000: "),
        ("def f(missing, **more): pass", "missing: missing"),
    ],
)
async def test_a_batch_of_long_inputs_keeps_nobody_waiting(world: World, long: bytes, code: str, refused: str | None) -> None:
    news = await tasks(world, code, 4, long)
    async with longest_hold() as held:
        if refused is None:
            await world.tasks.create_all(world.tenant.call(), news)
        else:
            with pytest.raises(InvalidRequest) as told:
                await world.tasks.create_all(world.tenant.call(), news)
    assert refused is None or refused.partition(":")[0] in told.value.message
    assert held.longest < BOUND


async def test_code_with_very_many_parameters_keeps_nobody_waiting(world: World) -> None:
    given = values.encode({f"p{number}": None for number in range(19_999)} | {"another": 1})
    news = await tasks(world, f"def f({MANY}): pass", 20, given)
    async with longest_hold() as held:
        with pytest.raises(InvalidRequest, match=r"missing: p19999; unknown: another"):
            await world.tasks.create_all(world.tenant.call(), news)
    assert held.longest < BOUND


async def test_times_that_hardly_ever_come_keep_nobody_waiting(world: World) -> None:
    agent = await world.agents.create(world.tenant.call(), name="a", code="def f(): pass", profile=WIDE)
    # The fifth Mondays of February, of which there is one in 28 or 40 years.
    rare = [f"{n % 60} {n // 60} 31 2 1#5" for n in range(50)]
    news = [NewTask(agent_id=agent.id, schedule={"type": "cron", "expression": each}) for each in rare]
    async with longest_hold() as held:
        made = await world.tasks.create_all(world.tenant.call(), news)
        shown = await all_of(task_message(task) for task in made)
    assert all(each.schedule.next_runs for each in shown) and held.longest < BOUND
    began = time.thread_time()
    assert [task_message(task) for task in made] == shown
    assert time.thread_time() - began < BOUND
