"""Runs deployed Python code in a sandbox."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from server import values
from server.contents import outline
from server.core.agents.entry_point import Entry, style_of_call
from server.core.agents.registry import AgentRegistry
from server.core.queue.completion import Result, failure
from server.model import Agent, AgentRuntime, Task, TaskStatus
from server.pace import Pace
from server.work.code_search import CodeSearch
from server.work.environments import Environments, InstallFailed
from server.work.sandbox import Failure, Job, Limits, Sandboxes, SandboxUnavailable

# Sandboxes are kept ready for one processor limit each, so there are few of them; the timeout is what really bounds.
CPU_SECONDS = (31, 121, 3601, 86_401)


class PythonRunner:
    """Executions of agents whose runtime is `python`."""

    runtime = AgentRuntime.PYTHON.value

    def __init__(
        self,
        agents: AgentRegistry,
        sandboxes: Sandboxes,
        environments: Environments,
        search: CodeSearch,
        limits: Limits,
        concurrency: int,
    ) -> None:
        self._agents = agents
        self._sandboxes = sandboxes
        self._environments = environments
        self._search = search
        self._limits = limits
        self.concurrency = concurrency

    async def run(self, task: Task) -> Result:
        """The result of one run, whatever the code does."""
        agent = await self._agents.of_task(task)
        if agent is None:
            return failure("AgentUnavailable", "the agent has been deleted")
        try:
            packages = await self._packages(agent)
            outcome = await self._sandboxes.run(await self._job(agent, task, packages))
        except InstallFailed as error:
            return failure("InstallFailed", str(error))
        except ValueError as error:
            return failure("InvalidInput", str(error))
        except SandboxUnavailable as error:
            return failure("SandboxUnavailable", str(error))
        problem = outcome.failure
        unreadable = await values.problem_in(outcome.output, "output") if outcome.output is not None else None
        if unreadable is not None:
            # Only a program that has written to the server's pipe itself gets here.
            problem = Failure(type="OutputNotJSON", message=f"output: {unreadable}", traceback="")
        return Result(
            status=TaskStatus.COMPLETED if problem is None else TaskStatus.FAILED,
            output=outcome.output if problem is None else None,
            error=json.dumps(asdict(problem)) if problem is not None else None,
            stdout=outcome.stdout,
            stderr=outcome.stderr,
            duration_ms=outcome.duration_ms,
        )

    async def _packages(self, agent: Agent) -> Path | None:
        """Where the agent's packages are: installed now, where another machine did it before."""
        if not agent.packages:
            return None
        folder = self._environments.at(agent.packages)
        if folder.exists():
            return folder
        return await self._environments.install(json.loads(agent.requirements))

    async def _job(self, agent: Agent, task: Task, packages: Path | None) -> Job:
        entry = Entry.from_json(agent.entry)
        given = task.input if task.input is not None else values.EMPTY_OBJECT
        style = style_of_call(entry, await outline(given, Pace()) if entry.needs_keys else None)
        limits = Limits(
            wall_seconds=task.timeout_seconds,
            cpu_seconds=_cpu_seconds(task.timeout_seconds),
            memory_bytes=self._limits.memory_bytes,
            disk_bytes=self._limits.disk_bytes,
        )
        return Job(
            code=agent.code,
            entry=entry.function,
            style=style,
            input=given,
            environment=packages,
            limits=limits,
            answer=self._search.for_task(task),
            traceparent=task.traceparent,
        )


def _cpu_seconds(timeout: float) -> int:
    return next(limit for limit in CPU_SECONDS if limit > timeout)
