"""Quotas, in memory and in a real Redis."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import replace

import pytest
import redis

from server.core.shared.call_context import Caller
from server.rpc.callers import quotas as quotas_module
from server.rpc.callers.quotas import Exhausted, Quotas
from tests.support.proxy import proxied
from tests.support.services import missing

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")


@pytest.fixture(params=["memory", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else request.getfixturevalue("redis_server")


@pytest.fixture
def redis_server(monkeypatch: pytest.MonkeyPatch) -> str:
    # A busy machine may stand still for a moment, and what is counted alone then is not counted together.
    monkeypatch.setattr(quotas_module, "TOGETHER_SECONDS", 10.0)
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        missing(f"Redis does not answer at {REDIS} ({error}); set TEST_REDIS_URL")
    return REDIS


def caller(limit: int | None = None) -> Caller:
    return Caller("o", "u", uuid.uuid4().hex, frozenset("*"), limit)


async def test_a_key_gets_its_requests_and_no_more(redis_url: str) -> None:
    quotas, who = Quotas(redis_url=redis_url, requests_per_hour=3), caller()
    standings = [await quotas.take(who) for _ in range(3)]
    assert [standing.remaining for standing in standings] == [2, 1, 0]
    with pytest.raises(Exhausted) as exhausted:
        await quotas.take(who)
    assert 0 < exhausted.value.retry_after <= 3600
    assert (await quotas.take(caller())).remaining == 2


async def test_a_key_may_carry_its_own_figure(redis_url: str) -> None:
    quotas = Quotas(redis_url=redis_url, requests_per_hour=3)
    assert (await quotas.take(caller(50))).remaining == 49


async def test_processes_that_share_redis_count_together(redis_server: str) -> None:
    who = caller()
    here, there = (Quotas(redis_url=redis_server, requests_per_hour=3) for _ in range(2))
    assert [(await quotas.take(who)).remaining for quotas in (here, there, here)] == [2, 1, 0]
    with pytest.raises(Exhausted):
        await there.take(who)


async def test_a_redis_that_does_not_answer_takes_nothing_down() -> None:
    quotas, who = Quotas(redis_url="redis://127.0.0.1:1", requests_per_hour=2), caller()
    assert [(await quotas.take(who)).remaining for _ in range(2)] == [1, 0]
    with pytest.raises(Exhausted):
        await quotas.take(who)


async def test_a_redis_that_hangs_costs_one_call_a_moment_and_the_others_nothing() -> None:
    assert (quotas_module.TOGETHER_SECONDS, quotas_module.ALONE_SECONDS) == (0.5, 5.0)
    connected = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    quotas = Quotas(redis_url=f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests_per_hour=1000)
    who = caller()
    async with asyncio.timeout(10):
        assert (await quotas.take(who)).remaining == 999
        tried = connected
        assert tried > 0
        for _ in range(100):
            await quotas.take(who)
        assert connected == tried
        # When it is time to try again, one does, and the others do not wait with it.
        quotas._alone_until = time.monotonic()
        one = asyncio.create_task(quotas.take(who))
        await asyncio.sleep(0)
        others = [quotas.take(caller()) for _ in range(100)]
        assert {each.remaining for each in await asyncio.gather(*others)} == {999}
        await one
    assert tried < connected <= 2 * tried
    server.close()


async def test_those_who_counted_alone_count_together_again(
    redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = caller()
    async with proxied(redis_server) as proxy:
        here, there = (Quotas(redis_url=url, requests_per_hour=10) for url in (proxy.url, redis_server))
        assert [(await each.take(who)).remaining for each in (here, there)] == [9, 8]
        with monkeypatch.context() as patch:
            patch.setattr(quotas_module, "TOGETHER_SECONDS", 0.1)
            proxy.silence()
            assert (await here.take(who)).remaining == 9
        # As if it were time to try it again.
        here._alone_until = time.monotonic()
        assert (await here.take(who)).remaining == 7
        assert (await there.take(who)).remaining == 6


async def test_a_burst_is_refused_by_the_minute_and_leaves_the_hour_alone(redis_url: str) -> None:
    quotas, who = Quotas(redis_url=redis_url, requests_per_hour=10), caller()
    standings = [await quotas.take(who, 2) for _ in range(2)]
    assert [(standing.limit, standing.remaining) for standing in standings] == [(10, 9), (10, 8)]
    for _ in range(3):
        with pytest.raises(Exhausted, match="2 requests a minute") as exhausted:
            await quotas.take(who, 2)
        assert 0 < exhausted.value.retry_after <= 60
        assert exhausted.value.details == {"limit": 2, "window": "minute", "retry_after": exhausted.value.retry_after}
        headers = dict(exhausted.value.quota.headers())
        assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("2", "0")
        assert 0 <= int(headers["x-ratelimit-reset"]) - time.time() + 1 <= 61
    assert (await quotas.take(who)).remaining == 7
    assert (await quotas.take(caller(), 2)).remaining == 9


async def test_what_the_hour_refuses_leaves_the_minute_alone(redis_url: str) -> None:
    quotas, who = Quotas(redis_url=redis_url, requests_per_hour=2), caller()
    for _ in range(2):
        await quotas.take(who, 5)
    for _ in range(10):
        with pytest.raises(Exhausted, match="2 requests an hour") as exhausted:
            await quotas.take(who, 5)
        assert exhausted.value.details["window"] == "hour" and exhausted.value.quota.limit == 2
    later = replace(who, hourly_limit=100)
    assert [(await quotas.take(later, 5)).limit for _ in range(3)] == [100] * 3
    with pytest.raises(Exhausted, match="5 requests a minute"):
        await quotas.take(later, 5)


async def test_bursts_are_counted_without_redis_too() -> None:
    quotas, who = Quotas(redis_url="redis://127.0.0.1:1", requests_per_hour=10), caller()
    assert (await quotas.take(who, 1)).remaining == 9
    with pytest.raises(Exhausted, match="a minute"):
        await quotas.take(who, 1)
    assert (await quotas.take(who)).remaining == 8


async def test_no_more_than_a_burst_gets_through_at_once(redis_url: str) -> None:
    quotas, who = Quotas(redis_url=redis_url, requests_per_hour=100), caller()
    taken = await asyncio.gather(*(quotas.take(who, 5) for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(each, Exhausted) for each in taken) == 5
    assert (await quotas.take(who)).remaining == 94


async def test_at_once_a_key_gets_so_many_and_a_seconds_share_of_its_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    quotas, who, now = Quotas(redis_url="", requests_per_hour=1000), caller(), [1000.0]
    monkeypatch.setattr("limits.aio.storage.memory.time.time", lambda: now[0])
    fast = {"api": "fast", "hourly": False, "at_once": 50}
    standings = [await quotas.take(who, 1000, **fast) for _ in range(67)]
    assert [each.remaining for each in standings] == list(range(999, 932, -1))
    with pytest.raises(Exhausted, match="67 requests a second") as exhausted:
        await quotas.take(who, 1000, **fast)
    assert exhausted.value.retry_after == 1 and exhausted.value.details["window"] == "second"
    # Another key, and what has no such bound, are not held up; a second later nobody is.
    assert (await quotas.take(caller(), 1000, **fast)).remaining == 999
    assert (await quotas.take(who, 1000, api="slow", hourly=False)).remaining == 999
    now[0] += 1.01
    assert (await quotas.take(who, 1000, **fast)).remaining == 932
