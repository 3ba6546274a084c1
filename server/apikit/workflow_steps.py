"""Steps of workflows, which APIs write with fields of the same names."""

from __future__ import annotations

from typing import Any

from server import values
from server.core.workflows.step_spec import Step


def step_of(message: Any) -> Step:
    """A step as core takes it, of any API's `WorkflowStep`."""
    step: Step = {"id": message.id, "name": message.name, "agent_type": message.agent_type}
    step["capabilities"] = list(message.capabilities)
    if message.HasField("order"):
        step["order"] = message.order
    if message.HasField("input"):
        step["input"] = message.input or values.NULL
    if message.HasField("timeout_seconds"):
        step["timeout_seconds"] = message.timeout_seconds
    if message.HasField("retry"):
        names = ("initial_delay", "multiplier", "max_delay", "jitter")
        given = {name: getattr(message.retry, name) for name in names if message.retry.HasField(name)}
        step["retry"] = {"max_retries": message.retry.max_retries, **given}
    return step
