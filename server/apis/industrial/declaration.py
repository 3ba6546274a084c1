"""The Industrial API, declared. Its document names no host."""

from server.apikit.declaration import Declaration, Limits, Route
from server.apis.industrial.errors import render_error

DECLARATION = Declaration(
    name="industrial",
    title="Industrial API",
    packages=["orchestrator.industrial.v1"],
    render_error=render_error,
    listener="orchestra",
    routes=[Route("/api/v1"), Route("/health"), Route("/ready"), Route("/ws")],
    limits=Limits(requests_per_minute=60, hourly=False, sockets_per_key=5),
    guests=True,
    field_words={"depends_on": "dependencies", "configuration": "metadata", "type": "agent_type"},
)
