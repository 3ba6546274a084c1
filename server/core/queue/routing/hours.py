"""Hours: an agent that is out of its working hours gets nothing new, and claims nothing; what it does goes on.

`shift_at` says when that may change. Whoever keeps the hours themselves is `agents/shifts`.
"""

from __future__ import annotations

from server.model import Agent

# The same for statements over agents, and for one that has been read.
ON_DUTY = Agent.table().c.off_duty.is_(False)


def on_duty(agent: Agent) -> bool:
    """Whether an agent's working hours let it take something new."""
    return not agent.off_duty
