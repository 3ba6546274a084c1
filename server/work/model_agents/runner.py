"""Does the tasks of agents that think here, with the models of this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from server.core.agents.registry import AgentRegistry
from server.core.agents.thinking import ThinkingAgents, model_of
from server.core.model_work.conversation import Conversation
from server.core.models.accounts import Account
from server.core.models.budgets import BudgetExhausted
from server.core.models.port import ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable
from server.core.queue.claims import MODEL
from server.core.queue.completion import Result, failure
from server.errors import InvalidRequest
from server.model import Task
from server.store.database import Database
from server.work.model_agents.prompt import prompt_for
from server.work.model_agents.talk import Talk
from server.work.model_agents.toolbox import Tool, Toolbox, Work
from server.work.models.metered import MeteredModels


class ModelRunner:
    """Tasks of agents whose runtime is `model`, many at a time: mostly they wait for a model."""

    runtime = MODEL

    def __init__(
        self,
        database: Database,
        agents: AgentRegistry,
        models: MeteredModels,
        tools: Sequence[Tool],
        *,
        concurrency: int,
    ) -> None:
        self._database = database
        self._registry = agents
        # Those whose tasks these are.
        self.agents = ThinkingAgents(database, models.unmetered)
        self._models = models
        self._tools = tools
        self.concurrency = concurrency

    async def run(self, task: Task) -> Result:
        """The result of one attempt, which goes on with what earlier ones have recorded.

        Raises ServiceError where it is to be tried again without having failed.
        """
        agent = await self._registry.of_task(task)
        if agent is None:
            return failure("AgentUnavailable", "the agent has been deleted")
        conversation = Conversation(self._database, task)
        model = model_of(self._models.unmetered, agent.model, agent.provider)
        if model is None:
            # Another process may have had this provider. Here nobody claims for the agent any more, and the task waits.
            await self.agents.look()
            await conversation.give_back()
            raise ModelUnavailable(f"no provider is configured for the model of agent_{agent.id}")
        try:
            async with asyncio.timeout(task.timeout_seconds):
                await conversation.begin()
                try:
                    prompt = await prompt_for(agent, task)
                except InvalidRequest as error:
                    return failure("InvalidSchema", error.message, retryable=False)
                toolbox = Toolbox(self._tools, Work(task, agent, conversation))
                account = Account(
                    organization_id=task.organization_id, agent_id=agent.id, task_id=task.id, attempt=task.attempt
                )
                return await Talk(self._models.on(account), model, agent, prompt, conversation, toolbox).lead()
        except asyncio.CancelledError:
            # Where the process stops, somebody else goes on with it.
            with contextlib.suppress(Exception):
                await asyncio.shield(conversation.cancel_asked(if_cancelled=True))
            raise
        except TimeoutError:
            await conversation.cancel_asked()
            return failure(
                "TimeoutError", f"ran longer than its timeout of {task.timeout_seconds:g} seconds", outcome="timed_out"
            )
        except (ModelUnavailable, ModelTimeout, ModelFailed) as error:
            return failure(error.reason, error.message)
        except (ModelRefused, BudgetExhausted) as error:
            return failure(error.reason, error.message, retryable=False)
