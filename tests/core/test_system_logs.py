"""The server's log as it is kept: bounded, without secrets, and to each what is said in his calls."""

from __future__ import annotations

import json
import logging
import os

import pytest
import redis
import structlog

from server.core.monitoring.health import HealthChecks
from server.core.monitoring.recent_lines import HIDDEN, RecentLines, service_of
from server.core.monitoring import system_logs
from server.core.monitoring.system_logs import SystemLogs
from server.core.monitoring.traffic import SECONDS, SPANS, Traffic
from server.errors import Unavailable
from server.rpc import log
from tests.support.services import missing
from tests.support.tenants import make_tenant
from tests.support.world import World


@pytest.mark.parametrize(
    "said",
    [
        "cannot reach postgresql://admin:hunter22@db/x",
        "Authorization: Bearer hunter22hunter22",
        "password=hunter22",
        '{"api_key": "hunter22"}',
        "the key ak_hunter22hunter22 is unknown",
        "agt_hunter22hunter22",
        "eyJhbGciOiJIUzI1NiJ9.hunter22.hunter22",
        "x" * 490 + " token: hunter22hunter22hunter22",
    ],
)
def test_what_looks_like_a_secret_is_never_kept(said: str) -> None:
    lines = RecentLines()
    lines.keep("warning", "server.store.bus", {"event": said, "error": said, "session_token": "hunter22"}, "")
    (line,) = lines.take(10)
    assert "hunter22" not in line.message + line.fields and HIDDEN in line.fields
    assert line.level == "warn" and line.service == "store"


def test_lines_that_nobody_takes_are_few_and_short() -> None:
    lines = RecentLines(most=3)
    for number in range(5):
        lines.keep("info", "x", {"event": f"{number}" * 10_000, **{f"f{each}": "y" * 9000 for each in range(50)}}, "")
    taken = lines.take(10)
    assert [line.message[0] for line in taken] == ["2", "3", "4"] and len(lines) == 0
    assert all(len(line.message) == 500 and len(line.fields) < 20 * 520 for line in taken)
    lines.put_back(taken)
    lines.keep("info", "x", {"event": "new"}, "")
    assert [line.message[0] for line in lines.take(10)] == ["3", "4", "n"]


def test_an_exception_is_named_with_its_place_and_nothing_that_was_in_its_variables() -> None:
    log.LINES.take(10_000)
    logger = structlog.get_logger()
    try:
        secret = "hunter22"  # noqa: F841
        raise ValueError("it broke")
    except ValueError:
        logger.exception("bug", task="0123")
    logging.getLogger("somebody").error("said %s", "this")
    kept = log.LINES.take(10)
    assert [line.message for line in kept] == ["bug", "said this"]
    fields = json.loads(kept[0].fields)
    assert fields["exception"]["type"] == "ValueError" and fields["exception"]["message"] == "it broke"
    assert fields["exception"]["at"].startswith("test_system_logs.py:") and fields["task"] == "0123"
    assert "hunter22" not in kept[0].fields and kept[0].level == "error"
    assert kept[1].service == "somebody"


def test_a_service_is_a_domain_of_core_or_a_part_beside_it() -> None:
    modules = ("server.core.queue.claims", "server.store.bus", "server.app", "asyncio", "server.apis.native.tasks", "server.running.process")
    assert [service_of(module) for module in modules] == ["queue", "store", "server", "asyncio", "apis", "server"]


async def test_kept_lines_are_found_by_level_part_and_time_and_others_calls_are_not_shown(world: World) -> None:
    lines = RecentLines()
    logs, other = SystemLogs(world.database, lines), await make_tenant(world.database)
    call = world.tenant.call()
    lines.keep("info", "server.app", {"event": "serving"}, "")
    lines.keep("warning", "server.store.bus", {"event": "silent", "seconds": 3}, "")
    lines.keep("error", "server.rpc.pipeline", {"event": "bug"}, call.organization_id)
    await logs.flush()
    assert [entry.message for entry in await logs.list(call)] == ["bug", "silent", "serving"]
    assert [entry.message for entry in await logs.list(other.call())] == ["silent", "serving"]
    assert [entry.message for entry in await logs.list(call, level="warn")] == ["silent"]
    assert [entry.message for entry in await logs.list(call, service="rpc", level="error")] == ["bug"]
    newest = (await logs.list(call, limit=1))[0]
    assert newest.message == "bug" and await logs.list(call, since=newest.created_at + 1) == []
    assert len(await logs.list(call, since=newest.created_at)) == 1


async def test_old_lines_and_too_many_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_logs, "KEPT", 0)
    lines = RecentLines()
    logs, call = SystemLogs(world.database, lines), world.tenant.call()
    for number in range(5):
        lines.keep("info", "server.app", {"event": f"{number}"}, "")
    await logs.flush()
    # The world's clock is ahead of the one of logs.
    await logs.trim()
    assert await logs.list(call) == []


async def test_what_cannot_be_written_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = RecentLines()
    logs = SystemLogs(world.database, lines)
    lines.keep("info", "server.app", {"event": "serving"}, "")

    async def refused(_body: object) -> None:
        raise Unavailable("no")

    with monkeypatch.context() as broken:
        broken.setattr(world.database, "write", refused)
        with pytest.raises(Unavailable):
            await logs.flush()
    assert len(lines) == 1
    await logs.sweep()
    assert len(lines) == 0 and len(await logs.list(world.tenant.call())) <= 1


def test_traffic_is_that_of_the_last_minutes() -> None:
    now = [1000.0]
    traffic = Traffic(clock=lambda: now[0])
    assert traffic.recent().mean_ms is None and traffic.recent().error_rate is None
    for _ in range(3):
        traffic.note(0.01)
    traffic.note(0.05, failed=True)
    now[0] += 60
    recent = traffic.recent()
    assert (recent.calls, recent.mean_ms, recent.error_rate, recent.per_minute) == (4, 20.0, 0.25, 4.0)
    now[0] += SPANS * SECONDS
    assert traffic.recent().calls == 0


async def test_redis_says_how_much_memory_it_uses_where_there_is_one(world: World) -> None:
    address = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
    assert await HealthChecks(world.database).cache_bytes() is None
    gone = HealthChecks(world.database, redis_url="redis://127.0.0.1:1")
    assert await gone.cache_bytes() is None and (await gone.services())[1].status == "unhealthy"
    await gone.close()
    try:
        redis.Redis.from_url(address, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        missing(f"Redis does not answer at {address} ({error}); set TEST_REDIS_URL")
    there = HealthChecks(world.database, redis_url=address)
    used = await there.cache_bytes()
    assert used is not None and used > 1000 and (await there.services())[1].status == "healthy"
    await there.close()
