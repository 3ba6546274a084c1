"""orchestrator.v1.AgentService."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.v1 import agent_service_pb2 as pb
from orchestrator.wire.v1.agent_pb2 import Agent as AgentMessage

from server import values
from server.apis.native.resources import AGENT_WORDS, agent_message, hours_value
from server.core.agents.profile import AgentProfile
from server.core.agents.registry import AgentRegistry
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.pace import all_of

PAGE_SIZE = 20


class AgentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    async def CreateAgent(self, request: pb.CreateAgentRequest, call: Call) -> AgentMessage:
        agent = await self._agents.create(
            call,
            name=request.name,
            description=request.description,
            code=request.code,
            requirements=request.requirements,
            entry_function=request.entry_function,
            profile=_profile(request),
        )
        return agent_message(agent)

    async def RegisterAgent(self, request: pb.RegisterAgentRequest, call: Call) -> AgentMessage:
        agent = await self._agents.register(
            call, name=request.name, description=request.description, profile=_profile(request)
        )
        return agent_message(agent)

    async def GetAgent(self, request: pb.GetAgentRequest, call: Call) -> AgentMessage:
        return agent_message(await self._agents.get(call, request.id))

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        status = AGENT_WORDS[request.status] if request.status else None
        size = request.page_size or PAGE_SIZE
        page = await self._agents.page(call, size=size, token=request.page_token, status=status, type=request.type)
        return pb.ListAgentsResponse(
            agents=await all_of(agent_message(agent) for agent in page.rows), next_page_token=page.next_token
        )

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, call: Call) -> AgentMessage:
        call.require_version(request.version)
        if request.clear_working_hours and request.HasField("working_hours"):
            raise InvalidRequest("working_hours", "does not go with clear_working_hours")
        texts: dict[str, Any] = {
            name: getattr(request, name) if request.HasField(name) else None
            for name in ("name", "description", "code", "entry_function")
        }
        requirements = request.requirements.lines if request.HasField("requirements") else None
        agent = await self._agents.update(
            call,
            request.id,
            **texts,
            requirements=requirements,
            profile=_profile(request),
            disabled=request.disabled if request.HasField("disabled") else None,
            reason=request.disabled_reason,
        )
        return agent_message(agent)

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, call: Call) -> pb.DeleteAgentResponse:
        call.require_version(request.version)
        await self._agents.delete(call, request.id)
        return pb.DeleteAgentResponse()


def _profile(request: pb.CreateAgentRequest | pb.RegisterAgentRequest | pb.UpdateAgentRequest) -> AgentProfile:
    names = ("type", "environment", "model", "provider", "max_concurrent_tasks", "timeout_seconds", "retry_attempts")
    given: dict[str, Any] = {name: getattr(request, name) for name in names if request.HasField(name)}
    if request.HasField("capabilities"):
        given["capabilities"] = list(request.capabilities.words)
    if request.HasField("specializations"):
        given["specializations"] = list(request.specializations.words)
    if request.HasField("working_hours"):
        given["working_hours"] = hours_value(request.working_hours)
    elif isinstance(request, pb.UpdateAgentRequest) and request.clear_working_hours:
        given["working_hours"] = values.NULL
    if request.HasField("configuration"):
        given["configuration"] = values.of_struct(request.configuration)
    return AgentProfile(**given)
