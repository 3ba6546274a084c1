"""Finding the agent that a worker is for, and registering it where there is none."""

from __future__ import annotations

import grpc
from orchestrator.v1.agent_pb2 import AGENT_RUNTIME_PYTHON
from orchestrator.v1.agent_service_pb2 import ListAgentsRequest, RegisterAgentRequest
from orchestrator.v1.agent_service_pb2_grpc import AgentServiceStub

CALL_SECONDS = 15.0


async def find_agent(
    channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], wanted: RegisterAgentRequest
) -> str:
    """The id of the agent of this type and name, whose worker we are or take it over as. Raises AioRpcError."""
    agents = AgentServiceStub(channel)  # type: ignore[no-untyped-call]
    token = ""
    while True:
        request = ListAgentsRequest(type=wanted.type, page_size=100, page_token=token)
        page = await agents.ListAgents(request, metadata=metadata, timeout=CALL_SECONDS)
        for agent in page.agents:
            if agent.runtime != AGENT_RUNTIME_PYTHON and agent.name == wanted.name:
                return str(agent.id)
        token = page.next_page_token
        if not token:
            return str((await agents.RegisterAgent(wanted, metadata=metadata, timeout=CALL_SECONDS)).id)
