"""Who is let in, and with what: identity, quota, scope and validation, the same for calls of every shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from google.protobuf.message import DecodeError, Message

from server.apikit.api import Api
from server.core.identity.authentication import Authenticator
from server.core.shared.call_context import Call, Caller
from server.core.shared.if_match import parse_if_match
from server.errors import Forbidden, InvalidRequest
from server.rpc import validation
from server.rpc.callers.credentials import credential, gives_credential
from server.rpc.callers.guests import Guests, client_of
from server.rpc.callers.quotas import Quotas
from server.rpc.method import Method
from server.rpc.streams import OpenStream

# The names of a JSON body's members, from the gateway.
BODY_FIELDS = "x-body-fields"
NOBODY = Caller("", "", "", frozenset())


class AccessControl:
    """Lets calls in, or raises what keeps them out."""

    def __init__(self, identity: Authenticator, quotas: Quotas | None, guests: Guests | None = None) -> None:
        self._identity = identity
        self._quotas = quotas
        self._guests = guests or Guests()
        self._asked: dict[str, asyncio.Task[Caller]] = {}

    async def enter(self, call: Call, method: Method, stream: OpenStream | None = None) -> None:
        """Finds out who calls, and whether they may. Raises Unauthorized, Forbidden, TooMany, InvalidRequest.

        `stream` is what is open while the call goes on answering: it then counts as one of the caller's.
        """
        if method.open:
            call.authenticate = lambda key: self._authenticate(call, method, stream, key)
            if method.client_streams and method.streams:
                call.be_guest = lambda: self._be_guest(call, method, stream)
        # What needs no scope is how callers get a credential: one that comes along may be the one that has ended.
        if not method.open or (method.scope and gives_credential(call.headers)):
            await self._let_in(call, method, stream)
        if "if-match" in call.headers:
            if not method.if_match:
                raise InvalidRequest("If-Match", "is not obeyed by this method, so it must not be sent")
            call.if_match = parse_if_match(call.headers["if-match"])
        if BODY_FIELDS in call.headers and (unknown := method.unknown_fields(call.headers[BODY_FIELDS])):
            # The caller may be of another version, so this is no error; but a wrong word should not pass unseen.
            text = f'299 - "unknown fields were ignored: {", ".join(unknown)}"'
            call.response_headers = (*call.response_headers, ("warning", text))
        if "?" in call.path:
            method.check_query(call.path)

    async def _authenticate(self, call: Call, method: Method, stream: OpenStream | None, key: str) -> None:
        """As if `key` had come in a header: the call then ends with it like any other."""
        before = call.caller, call.headers
        call.headers = {**call.headers, "authorization": f"Bearer {key}"}
        try:
            await self._let_in(call, method, stream)
        except BaseException:
            # Where the servicer lets somebody try again, it is nobody with this key that the call goes on for.
            call.caller, call.headers = before
            raise

    async def _be_guest(self, call: Call, method: Method, stream: OpenStream | None) -> bool:
        """Lets a socket in that has said nothing of who it is, where its API takes such guests. Raises Forbidden."""
        key = self._guests.key_of(call, method.api, socket=True)
        if key:
            call.guest = client_of(call.headers)
            await self._authenticate(call, method, stream, key)
        return bool(key)

    async def _let_in(self, call: Call, method: Method, stream: OpenStream | None) -> None:
        api = method.api
        if api.declaration.guests:
            key = self._guests.key_of(call, api)
            if key:
                # From here on the call is that of the key's owner, also where a stream asks again.
                call.guest = client_of(call.headers)
                call.headers = {**call.headers, "authorization": f"Bearer {key}"}
        key = credential(call.headers)
        call.caller = caller = self._identity.known(key) or await self._ask(key)
        if caller.projects is not None and method.service not in api.declaration.projects:
            raise Forbidden("this key is limited to projects, and this is not about those alone")
        if self._quotas is not None:
            if method.unmetered:
                call.meter = partial(self._meter, self._quotas, call, api)
            else:
                call.response_headers = await self._count(self._quotas, caller, api)
        if method.scope and not method.asks_itself and not caller.may(method.scope):
            raise Forbidden(f"this key lacks the scope {method.scope}", details={"scope": method.scope})
        if stream is not None:
            stream.admit(key, caller.key_id + call.guest)

    @staticmethod
    async def _count(quotas: Quotas, caller: Caller, api: Api) -> tuple[tuple[str, str], ...]:
        """Counts a call, and returns the headers that say where its key stands."""
        limits, name = api.limits, api.declaration.name
        if limits.tiers is None:
            quota = await quotas.take(
                caller, limits.requests_per_minute, api=name, hourly=limits.hourly, at_once=limits.at_once
            )
            return quota.headers()
        hour, minute = limits.tiers[caller.tier]
        burst = caller.minute_limit or limits.requests_per_minute or minute
        quota = await quotas.take(caller, burst, api=name, per_hour=hour, named=True)
        return quota.headers()

    async def _meter(self, quotas: Quotas, call: Call, api: Api) -> None:
        call.response_headers = (*await self._count(quotas, call.caller, api), *call.response_headers)

    def still_in(self, call: Call) -> bool:
        """Whether the caller of an open stream is known to be good without asking the store; mostly it is."""
        if call.caller is NOBODY:
            return True
        known = self._identity.known(credential(call.headers))
        if known is not None:
            call.caller = known
        return known is not None

    async def stay(self, call: Call) -> None:
        """Asks the store again whether the caller of an open stream is good. Raises Unauthorized."""
        call.caller = await self._ask(credential(call.headers))

    async def _ask(self, key: str) -> Caller:
        """Asks once for everybody who waits: a thousand streams of one key find it stale in the same moment."""
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._identity.caller(key))
            asked.add_done_callback(lambda task: self._answered(key, task))
        return await asyncio.shield(asked)

    def _answered(self, key: str, asked: asyncio.Task[Caller]) -> None:
        del self._asked[key]
        if not asked.cancelled():
            # Nobody may be left to hear it, and that is no error.
            asked.exception()

    def message(self, method: Method, request: bytes | Message) -> Message:
        """A request, well-formed; one that comes from this process is a message already. Raises InvalidRequest."""
        try:
            message = method.request.FromString(request) if isinstance(request, bytes) else request
        except DecodeError:
            raise InvalidRequest(method.source, "is malformed, or nested too deeply") from None
        # A message from this process has no bytes yet; there are few of those.
        raw = request if isinstance(request, bytes) else message.SerializeToString()
        validation.check(message, has_nul=b"\0" in raw)
        return message

    async def messages(self, method: Method, requests: AsyncIterator[bytes | Message]) -> AsyncIterator[Message]:
        """The same for each of many, when somebody asks for it."""
        async for request in requests:
            yield self.message(method, request)
