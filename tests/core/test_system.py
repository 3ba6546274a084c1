"""Health, metrics, compaction and alerts, on both databases."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from server.core.monitoring import task_metrics as metrics_module
from server.core.agents.health import AgentHealthChecks
from server.core.queue.completion import failure
from server.core.monitoring.task_metrics import DAY, HOUR, MINUTE, TaskMetrics
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.alert_rules import AlertThresholds, AlertRules
from server.errors import InvalidRequest
from server.model import Alert, Rollup
from server.store.statement import Statement
from tests.support.tenants import make_tenant
from tests.support.clock import SECOND
from tests.support.world import DONE, UPPER, World

ROLLUPS = Statement(select(Rollup.table()).order_by(Rollup.table().c.began_at), Rollup)
ALERTS = Statement(select(Alert.table()).order_by(Alert.table().c.id), Alert)


def system_of(world: World, **options) -> HealthChecks:
    return HealthChecks(world.database, data_dir=Path("."), **options)


async def done(world: World, count: int, result=DONE) -> None:
    await world.make(count)
    for task in await world.claims.claim("python", "h", count):
        await world.end(task, result)


async def rollup(world: World, ago: int, seconds: int = 60, **sums) -> None:
    now = world.database.clock.now
    width = seconds * SECOND

    async def body(transaction) -> None:
        key = {"organization_id": world.tenant.caller.organization_id, "seconds": seconds}
        await transaction.insert(Rollup.new(**key, began_at=(now - ago) - (now - ago) % width, **sums))

    await world.database.write(body)


async def test_health_counts_what_waits_and_what_runs(world: World) -> None:
    system = system_of(world)
    call = world.tenant.call()
    empty = await system.health(call)
    assert empty.status == "healthy" and empty.redis.status == "not_configured" and empty.redis.response_ms is None
    assert empty.database.response_ms > 0
    assert (empty.work.pending, empty.work.oldest_seconds, empty.work.active_agents) == (0, 0, 0)
    await done(world, 2)
    agent, worker = await world.agent("t")
    _, nobody = await world.agent("u", worker=False)
    assert nobody is None
    first = await world.task(agent_id=agent.id)
    assert (await world.claim(worker, 1))[0].id == first.id
    await world.task(agent_id=agent.id)
    await world.task(type="u")
    await world.task(agent_id=agent.id, schedule={"type": "delay", "seconds": 100})
    await world.task(agent_id=agent.id, depends_on=[first.id])
    await world.task(agent_id=agent.id, schedule={"type": "cron", "expression": "* * * * *"})
    world.wait(30)
    found = (await system.health(call)).work
    assert (found.active_agents, found.running, found.claimable, found.pending) == (2, 1, 2, 4)
    assert found.oldest_seconds == pytest.approx(30, abs=1) and found.completed_today == 2
    other = await make_tenant(world.database)
    assert (await system.health(other.call())).work.pending == 0


async def test_counts_are_found_by_index_and_once_a_second(world: World) -> None:
    system = system_of(world)
    before = await system.health(world.tenant.call())
    await world.make(1)
    assert (await system.health(world.tenant.call())).work == before.work
    world.wait(1.1)
    answers = await asyncio.gather(*(system.health(world.tenant.call()) for _ in range(50)))
    assert {answer.work.pending for answer in answers} == {1}
    if world.database.dialect == "sqlite":
        from server.core.monitoring import backlog

        for statement, index in [
            (backlog._RUNNING, "tasks_running_by_agent"),
            (backlog._ROUTED, "tasks_claimable_by_agent"),
            (backlog._UNROUTED, "tasks_unrouted"),
            (backlog._LATER, "tasks_due"),
            (backlog._HELD_BACK, "tasks_by_organization"),
        ]:
            explained = Statement(select())
            explained.sqlite = "EXPLAIN QUERY PLAN " + statement.sqlite
            plan = str(await world.database.all(explained, organization="x"))
            assert index in plan, (index, plan)


async def test_health_tells_of_a_redis_that_is_not_there_and_of_a_queue_that_stands(world: World) -> None:
    system = system_of(world, redis_url="redis://127.0.0.1:1", queue_length=2)
    health = await system.health(world.tenant.call())
    assert (health.status, health.redis.status) == ("degraded", "unhealthy")
    await system.close()
    system = system_of(world, queue_length=2)
    await world.make(3)
    world.wait(61)
    health = await system.health(world.tenant.call())
    assert (health.status, health.queue) == ("degraded", "degraded")


@pytest.mark.parametrize("answers", [True, False])
async def test_redis_is_really_asked_and_not_for_long(world: World, answers: bool) -> None:
    async def serve(reader, writer) -> None:
        while line := await reader.readline():
            if line.startswith(b"*") and answers:
                writer.write(b"+PONG\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    system = system_of(world, redis_url=f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    began = time.monotonic()
    health = await system.health(world.tenant.call())
    assert time.monotonic() - began < 2
    assert (health.redis.status, health.status) == (("healthy", "healthy") if answers else ("unhealthy", "degraded"))
    assert (health.redis.response_ms is not None) == answers
    await system.close()
    server.close()


async def test_health_tells_of_a_database_that_is_not_there(world: World) -> None:
    system = system_of(world)

    async def broken(*_, **__):
        raise OSError

    probe, scan = world.database.probe, world.database.scan
    world.database.probe = world.database.scan = broken
    health = await system.health(world.tenant.call())
    world.database.probe, world.database.scan = probe, scan
    assert (health.status, health.database.status, health.work) == ("unhealthy", "unhealthy", None)


async def test_an_agent_is_as_well_as_its_workers(world: World) -> None:
    system = system_of(world)
    call = world.tenant.call()
    agent, worker = await world.agent("t")
    await world.workers.beat(call, worker, [], cpu_usage=20, memory_usage=40)
    second, _ = await world.workers.connect(call, agent_id=agent.id, capacity=1)
    await world.workers.beat(call, second, [], cpu_usage=40)
    world.wait(20)
    health = await AgentHealthChecks(world.database).of(await world.agents.get(call, agent.id))
    assert (health.status, health.cpu_usage, health.memory_usage) == ("healthy", 30, 40)
    assert health.uptime == pytest.approx(20, abs=1)
    world.wait(10)
    await world.workers.beat(call, second, [])
    assert (await AgentHealthChecks(world.database).of(await world.agents.get(call, agent.id))).status == "degraded"
    world.wait(31)
    await world.workers.find_lost()
    lost = await AgentHealthChecks(world.database).of(await world.agents.get(call, agent.id))
    assert (lost.status, lost.uptime, lost.cpu_usage) == ("unhealthy", 0, None)
    waiting, _ = await world.agent("u", worker=False)
    assert (await AgentHealthChecks(world.database).of(waiting)).status == "unknown"
    deployed = await world.agents.create(call, name="a", code=UPPER)
    assert (await AgentHealthChecks(world.database).of(deployed)).status == "healthy"


async def test_metrics_are_what_ended_and_nothing_is_made_up(world: World) -> None:
    metrics = TaskMetrics(world.database)
    call = world.tenant.call()
    empty = await metrics.series(call, "24h")
    assert list(empty) == ["task_completion_rate", "response_time", "error_rate", "throughput"]
    assert [len(points) for points in empty.values()] == [0, 0, 0, 24]
    await rollup(world, 0, completed=3, failed=1, busy_ms=300.0)
    await rollup(world, 5 * HOUR, completed=1, failed=0, cancelled=1, busy_ms=50.0)
    day = await metrics.series(call, "24h")
    assert [value for _, value in day["task_completion_rate"]] == [50, 75]
    assert [value for _, value in day["response_time"]] == [50, 100]
    assert [value for _, value in day["error_rate"]] == [0, 25]
    assert all(at % HOUR == 0 for at, _ in day["throughput"])
    hour = await metrics.series(call, "1h", "error_rate")
    assert list(hour) == ["error_rate"] and [value for _, value in hour["error_rate"]] == [25]
    assert [len((await metrics.series(call, period, "throughput"))["throughput"]) for period in ("1h", "7d", "30d")] == [60, 28, 30]
    assert [value for _, value in (await metrics.series(call, "30d", "task_completion_rate"))["task_completion_rate"]]
    for given, known in (({"period": "2h"}, "24h"), ({"period": "1h", "metric": "beauty"}, "throughput")):
        with pytest.raises(InvalidRequest, match=known):
            await metrics.series(call, **given)
    other = await make_tenant(world.database)
    assert (await metrics.series(other.call(), "24h"))["response_time"] == []


async def test_ended_tasks_are_counted_in_their_minute(world: World) -> None:
    await done(world, 3)
    await done(world, 1, failure("ValueError", "no"))
    series = await TaskMetrics(world.database).series(world.tenant.call(), "1h")
    assert [value for _, value in series["task_completion_rate"]] == [75]
    assert sum(value for _, value in series["throughput"]) == 4


async def test_compaction_changes_no_sum_however_many_do_it(world: World, monkeypatch) -> None:
    monkeypatch.setattr(metrics_module, "COMPACT_SECONDS", 0)
    for days in (0, 1, 3, 4, 29):
        for minute in range(3):
            await rollup(world, days * DAY + minute * MINUTE, completed=minute + 1, failed=1, busy_ms=10.0)
    await rollup(world, 40 * DAY, 3600, completed=100)
    call = world.tenant.call()
    metrics = TaskMetrics(world.database)
    before = {period: await metrics.series(call, period) for period in ("7d", "30d")}
    await asyncio.gather(*(TaskMetrics(world.database).compact() for _ in range(4)))
    assert await metrics.compact() == 0
    after = {period: await metrics.series(call, period) for period in ("7d", "30d")}
    rows = await world.database.all(ROLLUPS)
    assert all(row.seconds == (60 if world.database.clock.now - row.began_at < 2 * DAY + HOUR else 3600) for row in rows)
    assert sum(row.completed for row in rows) == 30
    rounded = lambda found: {p: {n: [(a - a % DAY, v) for a, v in each] for n, each in s.items()} for p, s in found.items()}
    assert rounded(after)["30d"]["error_rate"] == rounded(before)["30d"]["error_rate"]
    world.wait(33 * 86400)
    assert await metrics.compact() > 0
    assert await world.database.all(ROLLUPS) == []


async def alerts_of(world: World, *, resolved: bool = False) -> list[str]:
    return [each.kind for each in await world.database.all(ALERTS) if (each.resolved_at is not None) == resolved]


async def test_a_queue_that_grows_raises_one_alert_and_is_resolved(world: World) -> None:
    disk = [50.0]

    async def percent():
        return disk[0]

    first, second = (AlertRules(world.database, percent, AlertThresholds(queue_length=10)) for _ in range(2))
    await world.make(11)
    await first.look()
    await second.look()
    assert await alerts_of(world) == []
    world.wait(61)
    for watch in (first, second):
        await watch.look()
    assert await alerts_of(world) == [], "it does not grow"
    await world.make(5)
    await asyncio.gather(first.look(), second.look())
    await first.look()
    assert await alerts_of(world) == ["queue_growing"]
    (alert,) = await world.database.all(ALERTS)
    assert json.loads(alert.details)["pending"] == 16
    await world.claims.claim("python", "h", 7)
    world.wait(61)
    await first.look()
    assert await alerts_of(world) == ["queue_growing"], "a little less is not over yet"
    await world.claims.claim("python", "h", 5)
    await first.look()
    assert await alerts_of(world, resolved=True) == ["queue_growing"]
    events = [event.type for event in await world.feeds.page(world.tenant.caller.organization_id, 0)]
    assert events.count("system.alert") == events.count("system.alert_resolved") == 1


async def test_errors_and_a_full_disk_raise_alerts_for_those_who_work(world: World) -> None:
    await make_tenant(world.database)
    disk: list[float | None] = [95.0]

    async def percent():
        return disk[0]

    watch = AlertRules(world.database, percent, AlertThresholds(error_tasks=4))
    await watch.look()
    assert await alerts_of(world) == []
    await done(world, 2, failure("ValueError", "no"))
    await done(world, 1)
    await watch.look()
    assert await alerts_of(world) == ["disk_full"]
    await done(world, 1)
    await watch.look()
    assert await alerts_of(world) == ["disk_full", "error_rate"]
    disk[0] = 89.0
    await done(world, 1)
    await watch.look()
    assert await alerts_of(world, resolved=True) == ["error_rate"], "40 %: and the disk is not much better"
    disk[0] = None
    await watch.look()
    disk[0] = 80.0
    await watch.look()
    assert sorted(await alerts_of(world, resolved=True)) == ["disk_full", "error_rate"]
    assert await alerts_of(world) == []
