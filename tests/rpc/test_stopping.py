"""What a server that stops does with its calls, and whom it tells."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from grpc_health.v1 import health_pb2

from server.errors import Unavailable
from server.rpc.health import ASKING_SECONDS, MOST, Health
from server.rpc.under_way import UnderWay


async def call(under_way: UnderWay, answer: asyncio.Event) -> str:
    task = under_way.enter()
    try:
        await answer.wait()
        return "answered"
    except asyncio.CancelledError:
        if not under_way.was_given_up():
            raise
        return "given up"
    finally:
        under_way.leave(task)


async def test_calls_under_way_are_finished_and_new_ones_refused() -> None:
    under_way, answer = UnderWay(), asyncio.Event()
    calls = [asyncio.create_task(call(under_way, answer)) for _ in range(3)]
    await asyncio.sleep(0)
    finishing = asyncio.create_task(under_way.finish(30))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="try again"):
        under_way.enter()
    assert not finishing.done()
    answer.set()
    await asyncio.wait_for(finishing, 5)
    assert [await each for each in calls] == ["answered"] * 3


async def test_calls_that_take_too_long_are_told_and_one_that_its_caller_cancels_is_not() -> None:
    under_way = UnderWay()
    late, cancelled = (asyncio.create_task(call(under_way, asyncio.Event())) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait_for(under_way.finish(0), 5)
    assert await late == "given up" and late.cancelling() == 0
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await asyncio.wait_for(under_way.finish(0), 5)


def ask(health: Health, peer: str):
    return health.Check(health_pb2.HealthCheckRequest(), SimpleNamespace(peer=lambda: peer))


async def test_whoever_asks_again_and_again_is_told_before_the_server_goes_on_to_stop() -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0])
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    await ask(health, "ipv4:gone")
    now[0] += ASKING_SECONDS
    for peer in ("unix:", "ipv4:elsewhere"):
        assert (await ask(health, peer)).status == health_pb2.HealthCheckResponse.SERVING
    stopping = asyncio.create_task(health.stop(30))
    await asyncio.sleep(0)
    for peer in ("unix:", "ipv4:elsewhere"):
        assert not stopping.done()
        assert (await ask(health, peer)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    await asyncio.wait_for(stopping, 5)


async def test_where_nobody_asks_or_nobody_asks_again_a_server_stops_all_the_same() -> None:
    health = Health()
    await asyncio.wait_for(health.stop(30), 5)
    for number in range(3 * MOST):
        await ask(health, f"ipv4:{number}")
    await asyncio.wait_for(health.stop(0.01), 5)
