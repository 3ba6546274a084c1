"""The Agent Operations API, declared."""

from server.apikit.declaration import Declaration, Limits, Route
from server.apikit.errors import render_code_message_details

DECLARATION = Declaration(
    name="agent_operations",
    title="Agent Operations API",
    packages=["orchestrator.agent_operations.v1"],
    render_error=render_code_message_details,
    listener="operations",
    routes=[Route("/v1")],
    hosts=["api.agent-orchestration-ops.com", "staging-api.agent-orchestration-ops.com"],
    includes=["oauth"],
    limits=Limits(requests_per_minute=100),
    field_words={
        "timeout_seconds": "timeout",
        "configuration.timeout_seconds": "configuration.timeout",
        "model": "configuration.model",
    },
    # It was the first one with such settings, whose variables have no name before them.
    settings_group="",
)
