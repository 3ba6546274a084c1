"""Agent Orchestration: agents."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.agent_orchestration.v1 import agent_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.agent_pb2 import Agent as AgentMessage

from server.apis.agent_orchestration.shape import LIMIT, agent_message
from server.core.agents.registry import AgentRegistry
from server.core.shared.call_context import Call
from server.model import Agent
from server.pace import all_of


class AgentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    async def DeployAgent(self, request: pb.DeployAgentRequest, call: Call) -> AgentMessage:
        agent = await self._agents.create(
            call,
            name=request.name,
            description=request.description,
            code=request.code,
            requirements=request.requirements,
            entry_function=request.entry_function,
        )
        return _answer(agent, call)

    async def GetAgent(self, request: pb.GetAgentRequest, call: Call) -> AgentMessage:
        return _answer(await self._agents.get(call, request.agent_id), call)

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        limit = request.limit or LIMIT
        page = await self._agents.slice(call, limit=limit, offset=request.offset, status=request.status or None)
        return pb.ListAgentsResponse(
            agents=await all_of(agent_message(agent) for agent in page.rows),
            total=page.total,
            limit=limit,
            offset=request.offset,
        )

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, call: Call) -> AgentMessage:
        texts: dict[str, Any] = {
            name: getattr(request, name) if request.HasField(name) else None
            for name in ("name", "description", "code", "entry_function")
        }
        agent = await self._agents.update(
            call, request.agent_id, **texts, requirements=list(request.requirements) or None
        )
        return _answer(agent, call)

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, call: Call) -> pb.DeleteAgentResponse:
        agent = await self._agents.delete(call, request.agent_id)
        return pb.DeleteAgentResponse(id=f"agent_{agent.id}", deleted=True)


def _answer(agent: Agent, call: Call) -> AgentMessage:
    call.etag = agent.version
    return agent_message(agent)
