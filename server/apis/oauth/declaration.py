"""OAuth, declared: it has no host of its own, and is at those of the documents that include it."""

from server.apikit.declaration import Declaration, Route
from server.apis.oauth.errors import render_error

DECLARATION = Declaration(
    name="oauth",
    title="OAuth 2.0",
    packages=["orchestrator.oauth.v1"],
    render_error=render_error,
    listener="operations",
    routes=[Route("/oauth", timeout_seconds=15), Route("/.well-known", timeout_seconds=15)],
    cookies=True,
    # A server must ignore parameters that it does not know (RFC 6749, section 3.1).
    lenient_queries=True,
)
