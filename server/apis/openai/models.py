"""OpenAI: the models that chat completions may name."""

from __future__ import annotations

from urllib.parse import unquote

from orchestrator.wire.openai.v1 import model_service_pb2 as pb

from server.apis.openai.agents import AGENT, AgentModels
from server.apis.openai.choice import DEFAULT
from server.apis.openai.errors import ModelNotFound
from server.core.chat.plans import swarms
from server.core.chat.questions import MODES
from server.core.models.names import BUILTIN, MODE, SWARM
from server.core.models.port import Models
from server.core.shared.call_context import Call
from server.pace import all_of

OURS = "orchestrator"


class ModelServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, models: Models, agents: AgentModels) -> None:
        self._models = models
        self._agents = agents
        self._own = (BUILTIN, *(f"{SWARM}{name}" for name in swarms()), *(f"{MODE}{name}" for name in MODES))

    async def ListModels(self, _request: pb.ListModelsRequest, call: Call) -> pb.ListModelsResponse:
        providers = await all_of(_model(each.name, each.provider) for each in await self._models.list())
        own = [_model(each, OURS) for each in (*await self._agents.names(call), *self._own)]
        return pb.ListModelsResponse(object="list", data=[*providers, *own])

    async def GetModel(self, request: pb.GetModelRequest, call: Call) -> pb.Model:
        name = unquote(request.model)
        if name.startswith(AGENT) and call.caller.may("agents:read"):
            await self._agents.find(call, name)
            return _model(name, OURS)
        if name in self._own:
            return _model(name, OURS)
        if name == DEFAULT:
            return _model(name, self._models.default.partition("/")[0] or OURS)
        known = self._models.known(name)
        found = next((each for each in await self._models.list() if known == each.name), None) if known else None
        if found is None:
            raise ModelNotFound(name)
        return _model(found.name, found.provider)


def _model(name: str, owner: str) -> pb.Model:
    return pb.Model(id=name, object="model", owned_by=owner)
