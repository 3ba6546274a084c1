"""The CoordinAItor API: its services."""

from orchestrator.coordinaitor.v1 import task_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.coordinaitor.tasks import TaskServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    return [
        (
            task_service_pb2.DESCRIPTOR.services_by_name["TaskService"],
            TaskServicer(
                use_cases.tasks,
                use_cases.task_editing,
                use_cases.task_moves,
                use_cases.task_search,
                use_cases.task_history,
                use_cases.task_waiting,
                # `comments` and `files` come here: functions of a call and a task that give a value.
                included={},
            ),
        )
    ]
