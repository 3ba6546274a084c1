"""Model agents: tasks that language models do by themselves, with tools from a fixed list."""

from __future__ import annotations

from server.core.use_cases import UseCases
from server.settings import Settings
from server.store.database import Database
from server.work.code_search import CodeSearch
from server.work.model_agents.runner import ModelRunner
from server.work.model_agents.tools import toolkit
from server.work.models.metered import MeteredModels
from server.work.sandbox import Limits, Sandboxes


def model_runner(
    settings: Settings,
    database: Database,
    cases: UseCases,
    models: MeteredModels,
    sandboxes: Sandboxes,
    search: CodeSearch,
    limits: Limits,
) -> ModelRunner:
    """What does the tasks of models in a server process, with all the tools that there are."""
    at_once = settings.model_tasks_at_once
    tools = toolkit(cases, sandboxes, search, limits, tasks_at_once=at_once)
    return ModelRunner(database, cases.agents, models, tools, concurrency=at_once)
