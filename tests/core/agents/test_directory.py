"""Agents as they stand, and found by it."""

from __future__ import annotations

import pytest

from server import values
from server.core.agents.directory import AgentDirectory
from server.core.agents.performance import MISSED
from server.core.agents.profile import AgentProfile
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.errors import InvalidRequest, NotFound
from tests.core.agents.test_working_hours import begin
from tests.support.tenants import make_tenant
from tests.support.world import UPPER, World


async def standings(world: World, **filters) -> dict[str, str]:
    found, total = await AgentDirectory(world.database).list(world.tenant.call(), limit=50, offset=0, **filters)
    assert total == len(found)
    return {entry.agent.name: entry.standing for entry in found}


async def test_each_agent_stands_as_dispatch_sees_it_and_is_found_by_it(world: World) -> None:
    begin(world, "2027-03-01T20:00:00")
    call = world.tenant.call()
    beats = AgentHeartbeats(world.database, silent_seconds=300)
    silent = await beats.register(call, name="silent", profile=AgentProfile(type="t"))
    world.wait(MISSED / 1_000_000 + 1)
    loaded = await beats.register(call, name="loaded", profile=AgentProfile(type="t"))
    await beats.beat(call, loaded.id, 90.0)
    _, worker = await world.agent("full", max_concurrent_tasks=1)
    await world.task(agent_id=worker.agent_id)
    await world.claim(worker, 1)
    await world.agent("fresh", worker=False)
    hours = values.encode({"start": "09:00", "end": "17:00"})
    await world.agent("night", working_hours=hours)
    code = await world.agents.create(call, name="code", code=UPPER)
    disabled = await world.agents.create(call, name="disabled", code=UPPER)
    await world.agents.update(call, disabled.id, disabled=True, reason="Maintenance required")
    everybody = {
        "silent": "offline",
        "loaded": "busy",
        "full": "busy",
        "fresh": "offline",
        "night": "offline",
        "code": "available",
        "disabled": "offline",
    }
    assert await standings(world) == everybody
    for word in ("available", "busy", "offline", "error"):
        assert await standings(world, standing=word) == {n: s for n, s in everybody.items() if s == word}
    assert await standings(world, available=True) == {"code": "available"}
    assert await standings(world, available=False) == {n: s for n, s in everybody.items() if s != "available"}
    assert await standings(world, available=True, standing="busy") == {}
    one = await AgentDirectory(world.database).get(call, disabled.id)
    assert one.standing == "offline" and one.agent.status_message == "Maintenance required"
    assert (await AgentDirectory(world.database).get(call, worker.agent_id)).running == 1
    assert code.last_active_at is None and silent.off_duty is False


async def test_whoever_is_asked_for_has_all_capabilities_and_the_type(world: World) -> None:
    both = await world.agent("coding", worker=False, capabilities=["react", "python"])
    await world.agent("review", worker=False, capabilities=["react"])
    await world.agent("coding", worker=False)
    # Its type is no capability.
    assert len(await standings(world, capabilities=["react"])) == 2
    directory, call = AgentDirectory(world.database), world.tenant.call()
    found, total = await directory.list(call, limit=5, offset=0, capabilities=["python", " react", "react"])
    assert [entry.agent.id for entry in found] == [both[0].id] and total == 1
    assert await standings(world, type="coding", capabilities=["react"]) == {"coding": "offline"}
    assert await standings(world, capabilities=["coding"]) == {}
    page, total = await directory.list(call, limit=1, offset=1)
    assert len(page) == 1 and total == 3
    with pytest.raises(InvalidRequest):
        await directory.list(call, limit=1, offset=0, capabilities=[str(number) for number in range(40)])
    other = await make_tenant(world.database)
    assert (await directory.list(other.call(), limit=5, offset=0))[1] == 0
    with pytest.raises(NotFound):
        await directory.get(other.call(), both[0].id)


async def test_an_agent_was_last_active_when_it_finished_something_or_was_heard_of(world: World) -> None:
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    world.wait(5)
    ended = await world.end(claimed)
    entry = await AgentDirectory(world.database).get(world.tenant.call(), agent.id)
    assert entry.last_active_at == ended.completed_at and ended.id == task.id


async def test_a_page_takes_two_statements_however_many_agents_it_has(world: World, monkeypatch) -> None:
    for _ in range(20):
        await world.agent(worker=False, capabilities=["react"])
    asked = []
    scan = world.database.scan

    async def counted(statement, **given):
        asked.append(statement)
        return await scan(statement, **given)

    for name in ("one", "all"):
        monkeypatch.setattr(world.database, name, None)
    monkeypatch.setattr(world.database, "scan", counted)
    found, total = await AgentDirectory(world.database).list(
        world.tenant.call(), limit=20, offset=0, capabilities=["react"], available=False
    )
    assert len(found) == total == 20 and len(asked) == 2
