"""Agent Operations: agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.wire.agent_operations.v1 import agent_service_pb2 as pb
from orchestrator.wire.agent_operations.v1.agent_pb2 import AgentHealth

from server import values
from server.apikit.projection import timestamp
from server.apis.agent_operations.shape import agent_message, light_agent_message, page_of, pagination
from server.core.agents.health import AgentHealthChecks
from server.core.agents.profile import MAX_CONFIGURATION_BYTES, MAX_SKILLS, AgentProfile
from server.core.agents.registry import AgentRegistry
from server.core.agents.thinking import NAMED
from server.core.shared.call_context import Call
from server.core.shared.free_form import check_object, check_value
from server.core.shared.if_match import ANY
from server.core.shared.pagination import left_out
from server.errors import InvalidRequest, VersionMismatch
from server.model import Agent, AgentStatus
from server.pace import Pace, all_of

RETRY_ATTEMPTS = 3
# How often an update is begun again because somebody else has changed the agent meanwhile.
TRIES = 5
MAX_WORD_BYTES = 500
# Settings that are columns of their own, and their names there.
_COLUMNS = {
    "max_concurrent_tasks": "max_concurrent_tasks",
    "timeout": "timeout_seconds",
    "retry_attempts": "retry_attempts",
}


class AgentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, agents: AgentRegistry, health: AgentHealthChecks) -> None:
        self._agents = agents
        self._health = health

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        number, limit, offset = page_of(request.page, request.limit)
        beginning = request.status == AgentStatus.INITIALIZING
        page = await self._agents.slice(
            call,
            limit=limit,
            offset=offset,
            type=request.type,
            status=None if beginning else request.status,
            beginning="yes" if beginning else None,
        )
        return pb.ListAgentsResponse(
            data=await all_of(light_agent_message(agent) for agent in page.rows),
            pagination=pagination(number, limit, page.total, left_out(page.rows, ["configuration"])),
        )

    async def GetAgent(self, request: pb.GetAgentRequest, call: Call) -> pb.AgentResponse:
        return await self._answer(await self._agents.get(call, request.agent_id), call)

    async def CreateAgent(self, request: pb.CreateAgentRequest, call: Call) -> pb.AgentResponse:
        columns, rest = await _settings(request)
        agent = await self._agents.register(
            call,
            name=request.name,
            description=request.description,
            profile=AgentProfile(
                type=request.type,
                capabilities=list(request.capabilities),
                environment=request.environment,
                configuration=_without_nulls(rest),
                **{"retry_attempts": RETRY_ATTEMPTS, **columns},
            ),
        )
        return await self._answer(agent, call)

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, call: Call) -> pb.AgentResponse:
        columns, rest = await _settings(request)
        pace = Pace()
        named = call.if_match is not None and call.if_match != ANY
        for attempt in range(1, TRIES + 1):
            merged = None
            if rest:
                # What the agent keeps for itself is one column, so a change of a part of it needs the whole.
                known = await self._agents.get(call, request.agent_id)
                if not named:
                    call.if_match = ANY.and_version(known.version)
                await pace.turn()
                both = {**values.parts(known.configuration), **rest}
                await pace.turn()
                merged = _without_nulls(both)
                await pace.turn()
            try:
                agent = await self._agents.update(
                    call,
                    request.agent_id,
                    name=request.name if request.HasField("name") else None,
                    description=request.description if request.HasField("description") else None,
                    profile=AgentProfile(
                        type=request.type if request.HasField("type") else None,
                        capabilities=await _words(request.capabilities) if request.HasField("capabilities") else None,
                        environment=request.environment if request.HasField("environment") else None,
                        configuration=merged,
                        **columns,
                    ),
                    disabled=request.status == AgentStatus.INACTIVE if request.HasField("status") else None,
                )
                return await self._answer(agent, call)
            except VersionMismatch:
                if named or not rest or attempt == TRIES:
                    raise
        raise AssertionError("unreachable")

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, call: Call) -> pb.DeleteAgentResponse:
        agent = await self._agents.delete(call, request.agent_id)
        return pb.DeleteAgentResponse(
            message="Agent deleted successfully", deleted_at=timestamp(agent.deleted_at or agent.updated_at)
        )

    async def _answer(self, agent: Agent, call: Call) -> pb.AgentResponse:
        call.etag = agent.version
        health = await self._health.of(agent)
        message = agent_message(agent)
        message.health.CopyFrom(
            AgentHealth(status=health.status, last_check=timestamp(health.last_check), uptime=health.uptime)
        )
        for name, value in (("memory_usage", health.memory_usage), ("cpu_usage", health.cpu_usage)):
            if value is not None:
                setattr(message.metrics, name, value)
        return pb.AgentResponse(data=message)


def _without_nulls(settings: Mapping[str, bytes]) -> bytes:
    return values.object_of({name: value for name, value in settings.items() if not values.is_null(value)})


async def _settings(
    request: pb.CreateAgentRequest | pb.UpdateAgentRequest,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The settings that the server knows, by column, and the others, which stay as they are. Raises InvalidRequest."""
    rest: dict[str, bytes] = {}
    if request.HasField("configuration"):
        await check_object(request.configuration, "configuration", MAX_CONFIGURATION_BYTES)
        rest = values.parts(request.configuration)
    columns: dict[str, Any] = {}
    for name, column in _COLUMNS.items():
        given = rest.pop(name, values.NULL)
        if values.is_null(given):
            continue
        value = values.number_in(given)
        if value is None or (column == name and not isinstance(value, int)):
            raise InvalidRequest(f"configuration.{name}", f"must be a {'whole ' if column == name else ''}number")
        columns[column] = value
    for name in NAMED & rest.keys():
        # They stay where they are, too: an agent that thinks elsewhere may keep an object by one of these names.
        word = values.decode(rest[name]) if len(rest[name]) <= MAX_WORD_BYTES else None
        if isinstance(word, int | float):
            raise InvalidRequest(f"configuration.{name}", "must be a string, or an object that the agent itself reads")
        if word is None or isinstance(word, str):
            columns[name] = word or ""
    return columns, rest


async def _words(value: bytes) -> list[str] | None:
    """New capabilities; null is as good as absent. Raises InvalidRequest."""
    await check_value(value, "capabilities", MAX_CONFIGURATION_BYTES)
    if values.is_null(value):
        return None
    # One more than there may be says that there are too many.
    words = values.texts_in(value, MAX_SKILLS + 1)
    if words is None:
        raise InvalidRequest("capabilities", "must be an array of strings")
    return words
