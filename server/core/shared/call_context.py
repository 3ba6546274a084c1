"""One call: who makes it, what it carries beside its request, and what its answer carries beside its body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from server.core.shared.if_match import ANY, IfMatch
from server.core.shared.trace_context import traceparent_in
from server.errors import Unauthorized
from server.spans import Span

# The scope of whoever searches the knowledge base.
READ_KNOWLEDGE = "knowledge:read"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a credential stands for."""

    organization_id: str
    user_id: str
    key_id: str
    scopes: frozenset[str]
    hourly_limit: int | None = None
    # The agent that the credential is good for alone, where it is an agent's.
    agent_id: str | None = None
    # Requests a minute, where the credential says how many; and the `Tier` of the organization.
    minute_limit: int | None = None
    tier: str = "free"
    # The projects that the credential is good for alone; None for all.
    projects: frozenset[str] | None = None
    # The login that it belongs to, where a person has logged in.
    login_id: str = ""
    # Whether a person has given it to a program, which then makes no other credentials.
    delegated: bool = False
    # Whose requests are counted together, where it is not the key's alone.
    counted_as: str = ""
    # What the credential would allow whatever its owner's role, where that is more than `scopes`.
    unbounded: frozenset[str] | None = None

    @property
    def granted(self) -> frozenset[str]:
        """What the credential allows: where its owner is more than elsewhere, as in a project, he may do this there."""
        return self.scopes if self.unbounded is None else self.unbounded

    @property
    def owner(self) -> str:
        """Whose is what only its maker sees: a person's, in whichever way he comes, or else the program's."""
        return self.user_id if self.login_id or self.delegated else self.key_id

    def may(self, scope: str) -> bool:
        """Whether the caller may do `scope`, such as `sessions:read`, wherever it is."""
        return holds(self.scopes, scope)


def holds(scopes: frozenset[str], scope: str) -> bool:
    """Whether `scopes` have this one, by itself or with others."""
    return scope in scopes or "*" in scopes or f"{scope.partition(':')[0]}:*" in scopes


async def _closed(_: str) -> None:
    raise Unauthorized("this call takes its credential in a header only")


async def _uncounted() -> None:
    return


async def _no_guest() -> bool:
    return False


@dataclass(slots=True)
class Call:
    """What use cases need to know of a call, whichever API it came through."""

    caller: Caller
    request_id: str
    # The method's full name, such as `orchestrator.v1.SessionService/GetSession`.
    method: str = ""
    # The documented path, where the call came through the gateway.
    path: str = ""
    # Request headers that use cases and APIs read, in lower case. They hold keys, so they are shown nowhere.
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    # The versions that a change may be based on; None for any.
    if_match: IfMatch | None = None
    idempotency_key: str = ""
    # SHA-256 of the method and the request, where there is an idempotency key.
    digest: str = ""
    # Where it came from, as far as that is known, and the program that it came from, as that calls itself.
    address: str = ""
    program: str = ""
    # Which client it is, where callers without a credential share a key.
    guest: str = ""
    # Makes the call that of the key's owner, where the method is open and the key comes in a message.
    # Raises Unauthorized, Forbidden, TooMany.
    authenticate: Callable[[str], Awaitable[None]] = _closed
    # Makes the call that of a guest, and says whether it is one, where it is a socket's that may be. Raises Forbidden.
    be_guest: Callable[[], Awaitable[bool]] = _no_guest
    # Counts the call against its caller's quotas, where its method is left out of them. Raises TooMany.
    meter: Callable[[], Awaitable[None]] = _uncounted

    # Headers that go beside every answer: where the key stands.
    response_headers: tuple[tuple[str, str], ...] = ()
    # The answer's status over HTTP, and its version.
    http_status: int = 200
    etag: int = 0
    # Whether the answer may be kept for later arrivals of the same request. One that shows a secret may not: it is then
    # made again, of what the request has left behind.
    keep_answer: bool = True
    # What those are told who follow requests through systems; None where nobody does.
    span: Span | None = None

    def require_version(self, version: int) -> None:
        """Notes that the request itself names the version that it is based on, beside its headers; 0 for none."""
        if version:
            self.if_match = (self.if_match or ANY).and_version(version)

    @property
    def organization_id(self) -> str:
        """The tenant whose rows exist for this call."""
        return self.caller.organization_id

    @property
    def traceparent(self) -> str:
        """The W3C trace context that came with it; empty where there is none, or none that can be read."""
        said = self.headers.get("traceparent")
        return traceparent_in(said) if said else ""

    @property
    def through_gateway(self) -> bool:
        """Whether the call came over HTTP."""
        return bool(self.path)
