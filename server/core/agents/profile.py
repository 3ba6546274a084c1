"""What routing and dispatch know an agent by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from server.core.shared.free_form import check_object
from server.errors import InvalidRequest

MAX_SKILLS = 32
MAX_CONFIGURATION_BYTES = 64 << 10
_BOUNDS = {"max_concurrent_tasks": (1, 10_000), "timeout_seconds": (0.001, 86_400), "retry_attempts": (0, 100)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """What routing and dispatch know an agent by; None leaves a field as it is, or as a new agent has it."""

    type: str | None = None
    capabilities: Sequence[str] | None = None
    environment: str | None = None
    # Settings that only the agent itself reads, an object.
    configuration: bytes | None = None
    max_concurrent_tasks: int | None = None
    timeout_seconds: float | None = None
    retry_attempts: int | None = None

    async def columns(self) -> dict[str, Any]:
        """The columns that are given. Raises InvalidRequest."""
        if self.type is not None and not self.type.strip():
            raise InvalidRequest("type", "must not be empty")
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if self.capabilities is not None:
            words = sorted({word.strip() for word in self.capabilities[: MAX_SKILLS + 1]})
            if len(self.capabilities) > MAX_SKILLS or any(not 0 < len(word) <= 100 for word in words):
                raise InvalidRequest("capabilities", f"must be at most {MAX_SKILLS} words of 1 to 100 characters")
            given["capabilities"] = json.dumps(words, separators=(",", ":"))
        if self.configuration is not None:
            await check_object(self.configuration, "configuration", MAX_CONFIGURATION_BYTES)
        for name, (least, most) in _BOUNDS.items():
            if name in given and not least <= given[name] <= most:
                raise InvalidRequest(f"configuration.{name}", f"must be from {least:g} to {most:g}")
        return given


UNCHANGED = AgentProfile()
