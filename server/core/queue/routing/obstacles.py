"""Obstacles: what keeps a task from an agent. Dispatch obeys these rules, and who asks why is told of the same."""

from __future__ import annotations

import json
from enum import StrEnum

from server.core.queue.routing.hours import on_duty
from server.model import Agent, AgentStatus, Task


class Obstacle(StrEnum):
    """Rules, in the order in which they are looked at."""

    DISABLED = "disabled"
    OFFLINE = "offline"
    HOURS = "hours"
    CAPABILITY = "capability"
    CAPACITY = "capacity"


def obstacle(agent: Agent, task: Task, load: int) -> Obstacle | None:
    """What keeps a task from an agent that has so many already; None where nothing does."""
    return absence(agent) or mismatch(agent, task) or (Obstacle.CAPACITY if room(agent, load) <= 0 else None)


def absence(agent: Agent) -> Obstacle | None:
    """What keeps an agent from doing anything new."""
    if agent.disabled_at is not None:
        return Obstacle.DISABLED
    if agent.status != AgentStatus.ACTIVE:
        return Obstacle.OFFLINE
    return None if on_duty(agent) else Obstacle.HOURS


def mismatch(agent: Agent, task: Task) -> Obstacle | None:
    """Whether the agent is not what the task asks for."""
    return None if fits(agent, task) else Obstacle.CAPABILITY


def room(agent: Agent, load: int) -> int:
    """How many more tasks an agent takes that has so many."""
    return agent.max_concurrent_tasks - load


def fits(agent: Agent, task: Task) -> bool:
    """Whether the agent is what the task asks for."""
    if not task.route:
        return True
    if (agent.type != task.agent_type) if task.agent_type else (task.route not in words(agent)):
        return False
    needed = task.capabilities
    return needed == "[]" or set(json.loads(needed)) <= set(json.loads(agent.capabilities))


def words(agent: Agent) -> list[str]:
    """The words that unassigned tasks may name to reach this agent."""
    return sorted({agent.type, *json.loads(agent.capabilities)})
