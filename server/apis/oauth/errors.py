"""OAuth: errors as RFC 6749 has them, `{error, error_description}`."""

from __future__ import annotations

from collections.abc import Mapping

from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.errors import ServiceError

# Neither tokens nor what is said instead of them may be kept; the second one is for caches of the last century.
NOT_STORED: Mapping[str, str] = {"cache-control": "no-store", "pragma": "no-cache"}
# The RFC's words (sections 5.2 and 4.1.2.1) for errors that are not of this API.
_WORDS = {"internal": "server_error", "unavailable": "temporarily_unavailable"}


class OAuthError(ServiceError):
    """A request for a token that is refused; `reason` is one of RFC 6749's words (section 5.2).

    The message may have neither quotes nor backslashes, nor anything beyond ASCII.
    """

    kind = "invalid"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description, reason=error)


class ClientRefused(OAuthError):
    """The client is not who it says, or does not say who it is."""

    kind = "unauthenticated"

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)


class TooManyAttempts(OAuthError):
    """The client has failed too often in this minute. The RFC has no word for it."""

    kind = "exhausted"

    def __init__(self, description: str) -> None:
        super().__init__("too_many_attempts", description)


class NotNow(OAuthError):
    """Something that giving tokens needs is not there now. The word is the RFC's, of its section 4.1.2.1."""

    kind = "unavailable"

    def __init__(self, description: str) -> None:
        super().__init__("temporarily_unavailable", description)


def render_error(error: ServiceError, context: ErrorContext) -> Rendered:
    """As clients of OAuth expect it."""
    word = error.reason if isinstance(error, OAuthError) else _WORDS.get(error.kind, "invalid_request")
    return Rendered(HTTP_STATUS[error.kind], {"error": word, "error_description": error.message}, NOT_STORED)
