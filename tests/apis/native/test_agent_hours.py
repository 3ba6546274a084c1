"""Agents of the native API: their model, what they are good at, and when they work."""

from __future__ import annotations

import grpc
import pytest
from orchestrator.v1 import agent_pb2, agent_service_pb2, agent_service_pb2_grpc

from server.app import Application
from tests.support.tenants import make_tenant

MONDAY, FRIDAY = agent_pb2.DAY_OF_WEEK_MONDAY, agent_pb2.DAY_OF_WEEK_FRIDAY


async def test_an_agent_has_the_hours_and_words_that_it_is_given(application: Application) -> None:
    tenant = await make_tenant(application.database)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        hours = agent_pb2.WorkingHours(time_zone="America/New_York", start="22:00", end="06:00", days=[FRIDAY, MONDAY])
        words = agent_service_pb2.Capabilities(words=["full-stack", "devops"])
        wanted = agent_service_pb2.RegisterAgentRequest(
            name="Ada", type="coding", model="gpt-4", provider="openai", specializations=words, working_hours=hours
        )
        agent = await agents.RegisterAgent(wanted, metadata=tenant.metadata)
        assert agent.model == "gpt-4" and agent.provider == "openai"
        assert list(agent.specializations) == ["devops", "full-stack"]
        assert agent.working_hours.time_zone == "America/New_York" and agent.working_hours.end == "06:00"
        assert list(agent.working_hours.days) == [MONDAY, FRIDAY] and agent.HasField("next_shift_time")

        async def update(**changes):
            request = agent_service_pb2.UpdateAgentRequest(id=agent.id, **changes)
            return await agents.UpdateAgent(request, metadata=tenant.metadata)

        always = await update(clear_working_hours=True, model="o3")
        assert not always.HasField("working_hours") and not always.off_duty and not always.HasField("next_shift_time")
        assert always.model == "o3" and always.provider == "openai"
        stopped = await update(disabled=True, disabled_reason="Maintenance required")
        assert stopped.disabled and stopped.status_message == "Maintenance required"
        equal = agent_pb2.WorkingHours(start="09:00", end="09:00")
        for changes in (
            {"working_hours": equal},
            {"working_hours": agent_pb2.WorkingHours(start="25:00", end="09:00")},
            {"working_hours": agent_pb2.WorkingHours(time_zone="Mars", start="08:00", end="09:00")},
            {"working_hours": agent_pb2.WorkingHours(start="08:00", end="09:00", days=[0])},
            {"working_hours": hours, "clear_working_hours": True},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await update(**changes)
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT, changes
