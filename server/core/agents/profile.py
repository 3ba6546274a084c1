"""What routing and dispatch know an agent by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from server import values
from server.core.queue.routing.hours import FIELD, MAX_BYTES, duty, read_hours
from server.core.shared.free_form import check_object, check_value
from server.core.shared.json_schema import check_schema
from server.errors import InvalidRequest

# Instead of working hours, where an agent has none from now on.
ALWAYS = ""
MAX_SKILLS = 32
# The setting that says of which JSON schema the results of an agent with a model are.
OUTPUT_SCHEMA = "output_schema"
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
    specializations: Sequence[str] | None = None
    model: str | None = None
    provider: str | None = None
    # When it works, an object; a JSON null for always.
    working_hours: bytes | None = None

    async def columns(self) -> dict[str, Any]:
        """The columns that are given. Raises InvalidRequest."""
        if self.type is not None and not self.type.strip():
            raise InvalidRequest("type", "must not be empty")
        given = {name: value for name, value in asdict(self).items() if value is not None}
        for name, given_words in (("capabilities", self.capabilities), ("specializations", self.specializations)):
            if given_words is not None:
                words = sorted({word.strip() for word in given_words[: MAX_SKILLS + 1]})
                if len(given_words) > MAX_SKILLS or any(not 0 < len(word) <= 100 for word in words):
                    raise InvalidRequest(name, f"must be at most {MAX_SKILLS} words of 1 to 100 characters")
                given[name] = json.dumps(words, separators=(",", ":"))
        if self.configuration is not None:
            await check_object(self.configuration, "configuration", MAX_CONFIGURATION_BYTES)
            settings = values.decode(self.configuration)
            if OUTPUT_SCHEMA in settings:
                check_schema(settings[OUTPUT_SCHEMA], f"configuration.{OUTPUT_SCHEMA}")
        if self.working_hours is not None:
            await check_value(self.working_hours, FIELD, MAX_BYTES)
            # An agent keeps none as null, which stands for "unchanged" here.
            always = values.is_null(self.working_hours)
            given[FIELD] = ALWAYS if always else read_hours(values.decode(self.working_hours))
        for name, (least, most) in _BOUNDS.items():
            if name in given and not least <= given[name] <= most:
                raise InvalidRequest(f"configuration.{name}", f"must be from {least:g} to {most:g}")
        return given


def with_duty(columns: Mapping[str, Any], now: int) -> dict[str, Any]:
    """These columns, with what follows from working hours among them."""
    if FIELD not in columns:
        return dict(columns)
    hours = columns[FIELD] or None
    return {**columns, FIELD: hours, **duty(hours, now)}


UNCHANGED = AgentProfile()
