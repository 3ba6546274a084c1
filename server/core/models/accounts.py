"""On whose account a language model is asked: what it takes is counted there, and held against the budgets there."""

from __future__ import annotations

from dataclasses import dataclass

from server.model import UsageScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Ids as digits, without prefixes; empty for none."""

    organization_id: str
    # The credential that it was asked for with, and the agent that does it.
    key_id: str = ""
    agent_id: str = ""
    # The task and its attempt that the call belongs to: what is reserved is given back when that attempt is over.
    task_id: str = ""
    attempt: int = 0

    @property
    def subjects(self) -> tuple[tuple[UsageScope, str], ...]:
        """What it is counted of: the organization, and the key and the agent where there are."""
        all_of = (
            (UsageScope.ORGANIZATION, self.organization_id),
            (UsageScope.KEY, self.key_id),
            (UsageScope.AGENT, self.agent_id),
        )
        return tuple((scope, subject) for scope, subject in all_of if subject)
