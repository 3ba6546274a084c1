"""The OpenAI-compatible API, declared: it has no host of its own, and is at those of the documents that include it."""

from server.apikit.declaration import Declaration, Limits, Route
from server.apis.openai.errors import render_error

DECLARATION = Declaration(
    name="openai",
    title="OpenAI-compatible API",
    packages=["orchestrator.openai.v1"],
    render_error=render_error,
    listener="orchestra",
    # Models have slashes in their names, which OpenAI's own client escapes.
    routes=[Route("/v1/chat"), Route("/v1/models", escaped_slashes=True)],
    # As of the AI Orchestra API; every completion is a stream, whether or not its caller asked for one.
    limits=Limits(requests_per_minute=1000, hourly=False, at_once=200, streams_per_key=500),
)
