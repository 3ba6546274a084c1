"""The way of every call: identity, quota, scope, validation, idempotency, the servicer, and what is said of it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog
from google.protobuf.message import Message

from server.apikit.field_words import spelled
from server.apikit.held_back import HeldBack
from server.apikit.refusals import UpgradeRequired
from server.core.identity.authentication import Authenticator
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.errors import InvalidRequest, ServiceError, Unavailable, service_error_in
from server.rpc import tracing
from server.rpc.access import NOBODY, AccessControl
from server.rpc.answering import patience, response_metadata
from server.rpc.arrival import METHOD, arrived
from server.rpc.callers.actors import actor_of
from server.rpc.callers.guests import Guests
from server.rpc.callers.quotas import Exhausted, Quotas
from server.rpc.errors import BROKEN_OFF, CODES, EVENTS, MAX_MESSAGE, gateway_headers, last_event, status_details
from server.rpc.in_process import InProcessContext
from server.rpc.log import CallLog
from server.rpc.meter import CANCELLED, GONE, SWITCHED, RequestMeter
from server.rpc.method import Method
from server.rpc.streams import OpenStream, OpenStreams
from server.rpc.under_way import UnderWay
from server.spans import Spans
from server.store.acting import acting
from server.store.database import Database

GIVEN_UP = "the server has stopped before it could answer; try again"
log = structlog.get_logger()


class Pipeline:
    """Wraps servicer methods, once, when the server is built; nothing is looked up per call."""

    def __init__(
        self,
        database: Database,
        identity: Authenticator,
        quotas: Quotas | None,
        calls: CallLog,
        guests: Guests | None = None,
        *,
        open_streams: int = 10_000,
        meter: RequestMeter | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.streams = OpenStreams(identity, open_streams)
        self._calls = calls
        self._meter = meter
        self._spans = spans
        self._database = database
        self._access = AccessControl(identity, quotas, guests)
        self.under_way = UnderWay()
        # Called for each call that is refused.
        self.refused: Callable[[Method, Call, ServiceError], None] = lambda *_: None

    def unary(
        self, method: Method, behaviour: Callable[[Any, Call], Awaitable[Message]]
    ) -> Callable[[bytes, Any], Awaitable[Message]]:
        """The handler of a method that answers once."""

        async def act(request: bytes, call: Call) -> Message:
            message = self._access.message(method, request)
            if method.idempotency and "idempotency-key" in call.headers and call.caller is not NOBODY:
                return await self._once(call, method, message, behaviour)
            return await behaviour(message, call)

        return self._once_answering(method, act)

    def upload(
        self, method: Method, behaviour: Callable[[AsyncIterator[Any], Call], Awaitable[Message]]
    ) -> Callable[[AsyncIterator[bytes], Any], Awaitable[Message]]:
        """The handler of a method that answers once to what comes in pieces; the caller is known before the first."""

        def act(requests: AsyncIterator[bytes], call: Call) -> Awaitable[Message]:
            return behaviour(self._access.messages(method, requests), call)

        return self._once_answering(method, act)

    def _once_answering(
        self, method: Method, act: Callable[[Any, Call], Awaitable[Message]]
    ) -> Callable[[Any, Any], Awaitable[Message]]:
        async def handle(request: Any, context: Any) -> Message:
            began = time.perf_counter()
            call, task = self._arrived(method, context), None
            try:
                task = self.under_way.enter()
                await self._enter(call, method)
                answer = await act(request, call)
            except asyncio.CancelledError:
                if not self.under_way.was_given_up():
                    self._note(method, call, CANCELLED, GONE, began)
                    raise
                await self._refuse(method, call, context, Unavailable(GIVEN_UP), began)
                raise
            except Exception as error:
                await self._refuse(method, call, context, error, began)
                raise
            finally:
                self.under_way.leave(task)
            # As trailers, which cost nothing beside the answer; the gateway makes headers of them.
            context.set_trailing_metadata(response_metadata(call))
            self._note(method, call, "OK", call.http_status, began)
            return answer

        return handle

    def stream(
        self, method: Method, behaviour: Callable[[Any, Call], Awaitable[AsyncIterator[Message]]]
    ) -> Callable[[bytes, Any], AsyncIterator[Message]]:
        """The handler of a method that goes on answering. `behaviour` checks first, then returns what to send."""

        def begin(request: bytes, call: Call) -> Awaitable[AsyncIterator[Message]]:
            message = self._access.message(method, request)
            if method.idempotency and "idempotency-key" in call.headers and call.caller is not NOBODY:
                # What the first arrival of it has begun is what is told of again.
                _identify(call, method, message)
            return behaviour(message, call)

        return self._answering(method, begin)

    def bidi(
        self,
        method: Method,
        behaviour: Callable[[AsyncIterator[Any], Call], Awaitable[AsyncIterator[Message]]],
    ) -> Callable[[AsyncIterator[bytes | Message], Any], AsyncIterator[Message]]:
        """The handler of a method both of whose sides go on sending.

        `behaviour` may read requests before it returns what to send. A malformed request is raised to whoever reads
        it, who must let it through: it ends the call.
        """

        def begin(requests: AsyncIterator[bytes | Message], call: Call) -> Awaitable[AsyncIterator[Message]]:
            return behaviour(self._access.messages(method, requests), call)

        return self._answering(method, begin)

    def _answering(
        self, method: Method, begin: Callable[[Any, Call], Awaitable[AsyncIterator[Message]]]
    ) -> Callable[[Any, Any], AsyncIterator[Message]]:
        async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
            began = time.perf_counter()
            call, stream, task = self._arrived(method, context), OpenStream(self.streams, method), None
            code, begun = "CANCELLED", False
            answers: Any = None
            said: Any = None
            try:
                task = self.under_way.enter()
                if method.client_streams and call.through_gateway and not isinstance(context, InProcessContext):
                    raise UpgradeRequired
                async with self.streams.opening.take():
                    await self._enter(call, method, stream)
                    answers = await stream.wait(begin(request, call))
                    if not isinstance(answers, HeldBack):
                        await context.send_initial_metadata(response_metadata(call))
                if isinstance(answers, HeldBack):
                    await stream.wait(answers.begun())
                    await context.send_initial_metadata(response_metadata(call))
                begun = True
                while (answer := await stream.wait(anext(answers, None))) is not None:
                    # Nothing is told to a key that has ended, also where that is not yet known here.
                    if not self._access.still_in(call):
                        await stream.wait(self._access.stay(call))
                    said = answer
                    yield answer
                    if call.headers.get(METHOD) == "HEAD":
                        # Its headers have gone with the first answer, and a stream would have no last one.
                        break
                code = "OK"
            except asyncio.CancelledError:
                if not self.under_way.was_given_up():
                    raise
                code = ""
                await self._refuse(method, call, context, Unavailable(GIVEN_UP), began)
            except Exception as error:
                if begun and call.through_gateway and not isinstance(context, InProcessContext):
                    # The status went long ago: the last event says what is wrong, and breaking off that it is no end.
                    known = self._told(method, call, error)
                    code = CODES[known.kind].name
                    if said is None or said.content_type == EVENTS:
                        yield last_event(method.api.render(known, call.request_id))
                    yield BROKEN_OFF
                    return
                code = ""
                await self._refuse(method, call, context, error, began)
            finally:
                self.under_way.leave(task)
                stream.close()
                if code:
                    self._note(method, call, code, _status(method, call, begun=begun), began)
                # What it does beside waiting for the reader must not outlive it.
                if answers is not None:
                    await answers.aclose()

        return handle

    def _arrived(self, method: Method, context: Any) -> Call:
        call = arrived(method, context)
        if self._spans is not None:
            call.span = tracing.begun(self._spans, method, call)
        return call

    async def _enter(self, call: Call, method: Method, stream: OpenStream | None = None) -> None:
        await self._access.enter(call, method, stream)
        # Sockets and streams of workers outlive what is done in them.
        if stream is None or not method.client_streams:
            acting.set(actor_of(call, method))

    async def _once(
        self, call: Call, method: Method, request: Message, behaviour: Callable[[Any, Call], Awaitable[Message]]
    ) -> Message:
        """Serves a request, or gives the answer again that an earlier arrival of it got."""
        _identify(call, method, request)
        known = await idempotency.earlier(self._database, call)
        if known is not None and known.response is not None:
            call.http_status, call.etag = known.http_status or 200, known.etag
            return method.answer.FromString(known.response)
        answer = await behaviour(request, call)
        if call.keep_answer:
            await idempotency.remember(self._database, call, answer.SerializeToString())
        return answer

    @staticmethod
    def _told(method: Method, call: Call, error: Exception) -> ServiceError:
        """What the caller is told of an error."""
        known = service_error_in(error)
        if known is None:
            log.error("bug", method=call.method, request_id=call.request_id, exc_info=error)
            known = ServiceError("something went wrong on our side")
        return spelled(known, method.api.declaration, method.request)

    async def _refuse(self, method: Method, call: Call, context: Any, error: Exception, began: float) -> Any:
        known = self._told(method, call, error)
        code = CODES[known.kind]
        if isinstance(known, Exhausted):
            call.response_headers = known.quota.headers()
        headers = [("x-request-id", call.request_id), *call.response_headers]
        wait = patience(known)
        if wait is not None:
            headers.append(("retry-after", str(wait)))
        rendered = method.api.render(known, call.request_id) if call.through_gateway else None
        status = rendered.http_status if rendered is not None else 0
        self._note(method, call, code.name, status, began, reason=known.reason)
        self.refused(method, call, known)
        if isinstance(context, InProcessContext):
            raise known from None
        trailing: list[tuple[str, str | bytes]] = [*headers]
        if rendered is not None:
            trailing.extend(gateway_headers(rendered))
        else:
            trailing.append(status_details(known, code))
        await context.abort(code, known.message[:MAX_MESSAGE], tuple(trailing))

    def _note(self, method: Method, call: Call, code: str, status: int, began: float, reason: str = "") -> None:
        seconds, streams = time.perf_counter() - began, method.streams
        self._calls.note(call.method, code, seconds, call.request_id, call.caller.key_id, reason, streams=streams)
        if self._meter is not None:
            self._meter.note(method, call, code, status, seconds, streams=streams)
        if call.span is not None:
            tracing.ended(call.span, call, code, status, reason)


def _status(method: Method, call: Call, *, begun: bool) -> int:
    """The status that a stream has had over HTTP, which it has from its first answer on."""
    if not begun:
        return GONE
    return SWITCHED if method.client_streams else call.http_status


def _identify(call: Call, method: Method, request: Message) -> None:
    """Notes by what a request is known when it comes again. Raises InvalidRequest."""
    key = call.headers["idempotency-key"]
    if not 0 < len(key) <= 255:
        raise InvalidRequest("Idempotency-Key", "must have 1 to 255 characters")
    call.idempotency_key = key
    call.digest = hashlib.sha256(method.name.encode() + request.SerializeToString(deterministic=True)).hexdigest()
