"""CoordinAItor: agents."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.coordinaitor.v1 import agent_service_pb2 as pb

from server import values
from server.apikit.moments import moment
from server.apis.coordinaitor.agents.shape import agent_message, metrics_message
from server.apis.coordinaitor.envelope import LIMIT, answer, listed, page_of
from server.apis.coordinaitor.query import chosen, comma_separated
from server.apis.coordinaitor.shape import STATUS_WORDS, task_message
from server.core.agents.directory import AgentDirectory
from server.core.agents.history import AgentHistory
from server.core.agents.profile import MAX_CONFIGURATION_BYTES, MAX_SKILLS, AgentProfile
from server.core.agents.registry import AgentRegistry
from server.core.shared.call_context import Call
from server.core.shared.free_form import check_value
from server.core.tasks.queries import TASK_TEXTS, TaskQueries
from server.errors import Forbidden, InvalidRequest
from server.pace import all_of

INCLUDED = ("tasks", "metrics", "logs")
READ_TASKS = "tasks:read"
TASK_STATUSES = {word: status for status, word in STATUS_WORDS.items()}


class AgentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, agents: AgentRegistry, directory: AgentDirectory, history: AgentHistory, tasks: TaskQueries
    ) -> None:
        self._agents = agents
        self._directory = directory
        self._history = history
        self._tasks = tasks

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        _, limit, offset = page_of(request)
        found, total = await self._directory.list(
            call,
            limit=limit,
            offset=offset,
            type=request.type,
            standing=request.status,
            available=request.available if request.HasField("available") else None,
            capabilities=comma_separated(request.capabilities),
        )
        messages = await all_of(agent_message(each) for each in found)
        return listed(pb.ListAgentsResponse, call, request, messages, total, "agents")

    async def CreateAgent(self, request: pb.CreateAgentRequest, call: Call) -> pb.AgentResponse:
        given = request.HasField
        agent = await self._agents.register(
            call,
            name=request.name,
            description=request.description,
            profile=AgentProfile(
                type=request.type,
                model=request.model,
                provider=request.provider,
                capabilities=list(request.capabilities),
                specializations=list(request.specializations),
                max_concurrent_tasks=request.max_concurrent_tasks if given("max_concurrent_tasks") else None,
                working_hours=request.working_hours if given("working_hours") else None,
                configuration=_object(request.configuration) if given("configuration") else None,
            ),
        )
        return await self._answer(call, agent.id)

    async def GetAgent(self, request: pb.GetAgentRequest, call: Call) -> pb.AgentResponse:
        asked = chosen("include", request.include, INCLUDED)
        if {"tasks", "logs"} & asked and not call.caller.may(READ_TASKS):
            raise Forbidden(f"this key lacks the scope {READ_TASKS}", details={"scope": READ_TASKS})
        entry = await self._directory.get(call, request.agent_id)
        agent = entry.agent
        included: dict[str, Any] = {}
        if "tasks" in asked:
            page = await self._tasks.slice(call, limit=LIMIT, offset=0, texts=TASK_TEXTS, agent_id=agent.id)
            included["tasks"] = page.rows
        if "metrics" in asked:
            included["metrics"] = await self._history.metrics(call, agent.id)
        if "logs" in asked:
            included["logs"] = await self._history.logs(agent)
        call.etag = agent.version
        return answer(pb.AgentResponse, call, agent_message(entry, **included), "agent")

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, call: Call) -> pb.AgentResponse:
        given = request.HasField
        profile = AgentProfile(
            type=request.type if given("type") else None,
            model=request.model if given("model") else None,
            provider=request.provider if given("provider") else None,
            capabilities=await _words("capabilities", request.capabilities) if given("capabilities") else None,
            specializations=(
                await _words("specializations", request.specializations) if given("specializations") else None
            ),
            max_concurrent_tasks=request.max_concurrent_tasks if given("max_concurrent_tasks") else None,
            working_hours=request.working_hours if given("working_hours") else None,
            configuration=_object(request.configuration) if given("configuration") else None,
        )
        agent = await self._agents.update(
            call,
            request.agent_id,
            name=request.name if given("name") else None,
            description=request.description if given("description") else None,
            profile=profile,
        )
        return await self._answer(call, agent.id)

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, call: Call) -> pb.DeleteAgentResponse:
        await self._agents.delete(call, request.agent_id)
        return pb.DeleteAgentResponse()

    async def EnableAgent(self, request: pb.EnableAgentRequest, call: Call) -> pb.AgentResponse:
        agent = await self._agents.update(call, request.agent_id, disabled=False)
        return await self._answer(call, agent.id)

    async def DisableAgent(self, request: pb.DisableAgentRequest, call: Call) -> pb.AgentResponse:
        agent = await self._agents.update(call, request.agent_id, disabled=True, reason=request.reason)
        return await self._answer(call, agent.id)

    async def ListAgentTasks(self, request: pb.ListAgentTasksRequest, call: Call) -> pb.ListAgentTasksResponse:
        agent = await self._agents.get(call, request.agent_id)
        _, limit, offset = page_of(request)
        status = TASK_STATUSES[request.status] if request.status else None
        page = await self._tasks.slice(
            call, limit=limit, offset=offset, texts=TASK_TEXTS, agent_id=agent.id, status=status
        )
        messages = await all_of(task_message(task) for task in page.rows)
        return listed(pb.ListAgentTasksResponse, call, request, messages, page.total, "tasks")

    async def GetAgentMetrics(self, request: pb.GetAgentMetricsRequest, call: Call) -> pb.GetAgentMetricsResponse:
        start, end = moment("start", request.start), moment("end", request.end)
        metrics = await self._history.metrics(call, request.agent_id, start=start, end=end)
        return answer(pb.GetAgentMetricsResponse, call, metrics_message(metrics))

    async def _answer(self, call: Call, agent_id: str) -> pb.AgentResponse:
        entry = await self._directory.get(call, agent_id)
        call.etag = entry.agent.version
        return answer(pb.AgentResponse, call, agent_message(entry), "agent")


def _object(value: bytes) -> bytes | None:
    """A configuration; null is as good as absent."""
    return None if values.is_null(value) else value


async def _words(field: str, value: bytes) -> list[str] | None:
    """New words; null is as good as absent. Raises InvalidRequest."""
    await check_value(value, field, MAX_CONFIGURATION_BYTES)
    if values.is_null(value):
        return None
    # One more than there may be says that there are too many.
    words = values.texts_in(value, MAX_SKILLS + 1)
    if words is None:
        raise InvalidRequest(field, "must be an array of strings")
    return words
