"""The AI Orchestra API, declared."""

from server.apikit.declaration import Declaration, Limits, Route
from server.apis.ai_orchestra.errors import render_error

DECLARATION = Declaration(
    name="ai_orchestra",
    title="AI Orchestra API",
    packages=["orchestrator.ai_orchestra.v1", "orchestrator.ai_orchestra.v2"],
    render_error=render_error,
    listener="orchestra",
    # `/v1` is another API's; the longest path counts. A chat is answered in 65 seconds, which is what a route has.
    routes=[
        Route("/chat"),
        Route("/readiness"),
        Route("/metrics"),
        Route("/webhooks"),
    ],
    hosts=["api.ai-orchestra.com", "staging-api.ai-orchestra.com"],
    # Its document has `/v1/chat/completions` and `/v1/models` for OpenAI's clients.
    includes=["openai"],
    # At port 8000, `/health` is the one that the Industrial API's document has as well, and answers for both.
    only_at_hosts=["HealthService"],
    # The document's socket says nowhere who it is.
    guest_sockets=True,
    frame_field="data",
    limits=Limits(requests_per_minute=1000, hourly=False, at_once=50),
)
