"""OpenAI: the models that chat completions may name."""

from __future__ import annotations

from urllib.parse import unquote

from orchestrator.wire.openai.v1 import model_service_pb2 as pb

from server.apis.openai.choice import DEFAULT, MODE, SWARM
from server.apis.openai.errors import ModelNotFound
from server.core.chat.extractive import NAME as BUILTIN
from server.core.chat.plans import swarms
from server.core.chat.questions import MODES
from server.core.models.port import Models
from server.core.shared.call_context import Call
from server.pace import all_of

OURS = "orchestrator"


class ModelServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._own = (BUILTIN, *(f"{SWARM}{name}" for name in swarms()), *(f"{MODE}{name}" for name in MODES))

    async def ListModels(self, _request: pb.ListModelsRequest, _call: Call) -> pb.ListModelsResponse:
        providers = await all_of(_model(each.name, each.provider) for each in await self._models.list())
        return pb.ListModelsResponse(object="list", data=[*providers, *(_model(each, OURS) for each in self._own)])

    async def GetModel(self, request: pb.GetModelRequest, _call: Call) -> pb.Model:
        name = unquote(request.model)
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
