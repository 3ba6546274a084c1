"""Installs the requirements of agents."""

from __future__ import annotations

import json
from pathlib import Path

from server import values
from server.core.agents.registry import AgentRegistry
from server.core.agents.requirements import RequirementError
from server.core.queue.claims import INSTALLATION
from server.core.queue.completion import Result, failure
from server.model import Task, TaskStatus
from server.work.environments import Environments, InstallFailed


class Installer:
    """Installations, a few at a time. An installation that is repeated after a crash finds what the first one made."""

    runtime = INSTALLATION
    concurrency = 2

    def __init__(self, agents: AgentRegistry, environments: Environments) -> None:
        self._agents = agents
        self._environments = environments

    async def run(self, task: Task) -> Result:
        """Installs what the task names and tells the agent."""
        requirements = json.dumps(values.decode(task.input) if task.input is not None else [])
        try:
            folder = await self._environments.install(json.loads(requirements))
        except (InstallFailed, RequirementError) as error:
            await self._agents.not_installed(task, requirements, str(error))
            return failure("InstallFailed", str(error))
        except OSError as error:
            await self._agents.not_installed(task, requirements, f"the packages could not be stored: {error.strerror}")
            return failure("InstallFailed", str(error))
        await self._agents.installed(task, requirements, folder.name if folder is not None else "")
        return Result(status=TaskStatus.COMPLETED)

    async def remove_unused(self) -> None:
        """Removes package folders that no agent needs, and that nobody has asked for within a day."""
        await self._environments.prune({Path(name) for name in await self._agents.packages_in_use()})
