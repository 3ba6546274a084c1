"""Industrial: agents that send heartbeats."""

from __future__ import annotations

import time

from orchestrator.wire.industrial.v1 import agent_service_pb2 as pb
from orchestrator.wire.industrial.v1.agent_pb2 import Agent as AgentMessage
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage

from server import values
from server.apis.industrial.ids import shown_id
from server.apis.industrial.shape import agent_message, nullable
from server.apis.industrial.views import Views, page_of, paged, spread
from server.core.agents.performance import LOADED, MISSED, AgentPerformance, Available
from server.core.agents.profile import AgentProfile
from server.core.coding.assignments import Assignments
from server.core.coding.tasks import achieved
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.workers.reports import failed
from server.errors import Forbidden

HEARTBEAT_SECONDS = 30
MAX_TASKS = 5
# How many agents a page has where nobody says, and how many tasks of one.
ALL = 1000
ASSIGNED = 100


class AgentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, heartbeats: AgentHeartbeats, performance: AgentPerformance, assignments: Assignments, views: Views
    ) -> None:
        self._heartbeats = heartbeats
        self._performance = performance
        self._assignments = assignments
        self._views = views

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        number, size, offset = page_of(request, ALL)
        now = time.time_ns() // 1000
        available = Available(heard_since=now - MISSED, load=LOADED) if request.available_only else None
        found, total = await self._performance.list(
            call, limit=size, offset=offset, capability=request.capability, available=available
        )
        items = await spread(agent_message(each, now) for each in found)
        return pb.ListAgentsResponse(items=items, **paged(number, size, total))

    async def RegisterAgent(self, request: pb.RegisterAgentRequest, call: Call) -> AgentMessage:
        agent = await self._heartbeats.register(
            call,
            name=request.name,
            profile=AgentProfile(
                type=request.type,
                capabilities=list(request.capabilities),
                max_concurrent_tasks=request.max_concurrent_tasks or MAX_TASKS,
                model=request.model,
                provider=request.provider,
            ),
        )
        return await self._answer(call, agent.id)

    async def GetAgentPerformance(
        self, _request: pb.GetAgentPerformanceRequest, call: Call
    ) -> pb.GetAgentPerformanceResponse:
        figures = await self._performance.performance(call)
        return pb.GetAgentPerformanceResponse(
            total_agents=figures.agents,
            active_agents=figures.there,
            avg_success_rate=nullable(figures.success_rate),
            total_tasks_completed=figures.tasks_completed,
            by_tier=figures.by_tier,
        )

    async def GetAgent(self, request: pb.GetAgentRequest, call: Call) -> AgentMessage:
        return await self._answer(call, request.agent_id)

    async def SendHeartbeat(self, request: pb.SendHeartbeatRequest, call: Call) -> AgentMessage:
        _check_own(call, request.agent_id)
        load = request.current_load if request.HasField("current_load") else None
        await self._heartbeats.beat(call, request.agent_id, load)
        return await self._answer(call, request.agent_id)

    async def DeregisterAgent(self, request: pb.DeregisterAgentRequest, call: Call) -> pb.DeregisterAgentResponse:
        agent = await self._heartbeats.deregister(call, request.agent_id)
        return pb.DeregisterAgentResponse(agent_id=shown_id(agent.id), status="deregistered")

    async def RegisterExternalAgent(
        self, request: pb.RegisterExternalAgentRequest, call: Call
    ) -> pb.RegisterExternalAgentResponse:
        told = {
            "protocol_version": request.protocol_version or "1.0",
            "version": request.version,
            "endpoint_url": request.endpoint_url,
        }
        configuration = {name: values.encode(value) for name, value in told.items() if value}
        if request.metadata:
            configuration["metadata"] = values.of_struct(request.metadata)
        profile = AgentProfile(
            type=request.agent_type,
            capabilities=list(request.capabilities),
            configuration=values.object_of(configuration),
            max_concurrent_tasks=request.max_concurrent_tasks or 1,
        )
        agent, token = await self._heartbeats.register_external(call, name=request.name, profile=profile)
        return pb.RegisterExternalAgentResponse(
            agent_id=shown_id(agent.id),
            status="registered",
            auth_token=token,
            heartbeat_interval_seconds=HEARTBEAT_SECONDS,
        )

    async def ListAssignedTasks(self, request: pb.ListAssignedTasksRequest, call: Call) -> pb.ListAssignedTasksResponse:
        _check_own(call, request.agent_id)
        number, size, offset = page_of(request, ASSIGNED)
        page = await self._assignments.assigned(call, request.agent_id, limit=size, offset=offset)
        items = await self._views.tasks(page.rows, page.longest)
        return pb.ListAssignedTasksResponse(items=items, **paged(number, size, page.total))

    async def BeginTask(self, request: pb.BeginTaskRequest, call: Call) -> TaskMessage:
        _check_own(call, request.agent_id)
        return await self._views.task(await self._assignments.begin(call, request.task_id, request.agent_id), call)

    async def SendResult(self, request: pb.SendResultRequest, call: Call) -> TaskMessage:
        _check_own(call, request.agent_id)
        attempt = request.attempt if request.HasField("attempt") else None
        tokens = request.tokens_used if request.HasField("tokens_used") else None
        if request.status.upper() == "FAILED" or (not request.status and request.error):
            result = failed("AgentError", request.error or "the agent gave no reason", "", tokens_used=tokens)
        else:
            result = await achieved(request.result or values.NULL, tokens_used=tokens)
        task = await self._assignments.result(call, request.agent_id, request.task_id, result, attempt=attempt)
        return await self._views.task(task, call)

    async def _answer(self, call: Call, agent_id: str) -> AgentMessage:
        standing = await self._performance.get(call, agent_id)
        call.etag = standing.agent.version
        return agent_message(standing)


def _check_own(call: Call, agent_id: str) -> None:
    """Raises Forbidden where the caller is another agent."""
    if call.caller.agent_id is not None and call.caller.agent_id != parse_id("agent", agent_id):
        raise Forbidden("this token is another agent's")
