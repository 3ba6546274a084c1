"""Signatures: the headers by which a receiver knows a delivery, and that nobody has changed it.

The same secret signs twice: as the documents have it, over the body, and as Standard Webhooks has it, over the
delivery's id and the time as well.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence

from server.errors import InvalidRequest

SHORTEST, LONGEST = 8, 256
_PREFIX = "whsec_"


def new_secret() -> str:
    """A secret of 256 random bits, in words that any program can keep."""
    return secrets.token_urlsafe(32)


def check_secret(secret: str) -> str:
    """The secret. Raises InvalidRequest where it cannot serve as one."""
    if not SHORTEST <= len(secret) <= LONGEST or not secret.isprintable() or secret != secret.strip():
        raise InvalidRequest("secret", f"must have {SHORTEST} to {LONGEST} printable characters, no space around them")
    if secret.startswith(_PREFIX):
        # Libraries would take other bytes of it than the documented verifier.
        raise InvalidRequest("secret", f"must not begin with {_PREFIX}: give the words themselves")
    return secret


def signing_secret(secret: str) -> str:
    """The secret as the libraries of Standard Webhooks take it: the same bytes, in base64."""
    return _PREFIX + base64.b64encode(secret.encode()).decode()


def signed(body: bytes, *, delivery: str, event: str, seconds: int, signing: Sequence[str]) -> Mapping[str, str]:
    """The headers of a delivery that is sent at a time in seconds since 1970; the newest secret stands first."""
    content = f"{delivery}.{seconds}.".encode() + body
    each = [base64.b64encode(hmac.digest(secret.encode(), content, "sha256")).decode() for secret in signing]
    return {
        "X-Orchestrator-Event": event,
        "X-Orchestrator-Signature": f"sha256={hmac.digest(signing[0].encode(), body, 'sha256').hex()}",
        "webhook-id": delivery,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in each),
    }
