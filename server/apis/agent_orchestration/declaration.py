"""The Agent Orchestration API, declared."""

from server.apikit.declaration import Declaration, Route
from server.apikit.errors import render_code_message_details

DECLARATION = Declaration(
    name="agent_orchestration",
    title="Agent Orchestration API",
    packages=["orchestrator.agent_orchestration.v1"],
    render_error=render_code_message_details,
    listener="orchestra",
    routes=[Route("/v1")],
    hosts=["api.agent-orchestration.com"],
    max_upload_bytes=100 << 20,
)
