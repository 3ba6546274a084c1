"""The OpenAI-compatible API: its services."""

from orchestrator.openai.v1 import chat_completion_service_pb2, model_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.openai.agents import AgentModels
from server.apis.openai.completions import ChatCompletionServicer
from server.apis.openai.models import ModelServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    models = use_cases.models
    agents = AgentModels(
        use_cases.agents,
        use_cases.tasks,
        use_cases.task_queries,
        seconds=settings.answer_seconds,
        silence=settings.heartbeat_seconds,
    )
    completions = ChatCompletionServicer(use_cases.chat_answers, use_cases.answer_streams, models, agents)
    return [
        (chat_completion_service_pb2.DESCRIPTOR.services_by_name["ChatCompletionService"], completions),
        (model_service_pb2.DESCRIPTOR.services_by_name["ModelService"], ModelServicer(models, agents)),
    ]
