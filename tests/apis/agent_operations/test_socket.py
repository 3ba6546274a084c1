"""What a socket of the Agent Operations API does with time, over a real channel."""

from __future__ import annotations

import json

import grpc
from orchestrator.agent_operations.v1 import event_service_pb2_grpc
from orchestrator.agent_operations.v1.event_service_pb2 import SocketRequest

from server.app import Application
from tests.support.clock import pass_loop_time


async def heard(call) -> dict:
    return json.loads((await call.read()).data)


async def test_who_does_not_say_who_it_is_is_closed_after_ten_seconds(application: Application) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        call = event_service_pb2_grpc.EventServiceStub(channel).Connect()
        await call.write(SocketRequest())
        for seconds in (0, 9):
            pass_loop_time(seconds)
            await call.write(SocketRequest(type="ping"))
            assert (await heard(call))["type"] == "pong"
        pass_loop_time(1)
        error = await heard(call)
        assert error["type"] == "error" and error["payload"]["code"] == "UNAUTHORIZED"
        assert "within 10 seconds" in error["payload"]["message"]
        assert await call.code() == grpc.StatusCode.UNAUTHENTICATED
