"""The server of WebSockets in each server process: a new socket is a new call of a bidirectional method.

It calls the pipeline's handlers itself: with a thousand sockets, a channel in between would cost more than the rest.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
from google.protobuf.message import Message
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from server.apikit.api import Api
from server.apikit.errors import ErrorContext, render_code_message_details
from server.apikit.refusals import NoSuchPath, UpgradeRequired
from server.errors import Forbidden, ServiceError, Unavailable
from server.rpc.callers.credentials import CREDENTIALS
from server.rpc.callers.guests import HOST, ORIGIN, PEER, PROGRAM, SITE
from server.rpc.handlers import BidiHandler
from server.rpc.in_process import InProcessContext
from server.websocket.frames import Encoder, closing, request_of
from server.websocket.routes import Route, Routes
from server.websocket.socket import Socket

MAX_FRAME = 1 << 20
QUEUED_FRAMES = 64
WRITE_LIMIT = 64 << 10
PING_SECONDS = 20
CLOSE_SECONDS = 5
BACKLOG = 1024
# How long calls may take to find their own last words when the server stops.
LAST_WORDS_SECONDS = 1.0
# Which APIs' sockets are at the port that a request came to, from the gateway.
PACKAGES = "x-socket-packages"
PASSED_ON = (*CREDENTIALS, "x-request-id", "if-match", "traceparent", HOST, PEER, PROGRAM, ORIGIN, SITE)
log = structlog.get_logger()
# The library would log requests with their tokens, and each health check as a failure.
_SILENT = logging.getLogger("server.websocket")
_SILENT.setLevel(logging.CRITICAL + 1)


class Bridge:
    """Sockets of the given methods, at most `connections` at a time."""

    def __init__(self, handlers: Sequence[BidiHandler], *, connections: int) -> None:
        self._routes = Routes(handlers)
        self._connections = connections
        self._encoder = Encoder()
        self._sockets: set[Socket] = set()
        # Those that are sockets already, and not yet or no more HTTP.
        self.conversing = 0
        self._server: Server | None = None
        self._peer = ""

    async def start(self, address: Path | tuple[str, int]) -> None:
        """Listens at a unix socket, or at a host and port."""
        options: dict[str, Any] = {"host": address[0], "port": address[1]} if isinstance(address, tuple) else {}
        if isinstance(address, Path):
            address.unlink(missing_ok=True)
            options = {"path": str(address), "unix": True}
        self._peer = "unix:" if "unix" in options else "tcp:"
        self._server = await serve(
            self._serve,
            **options,
            process_request=self._answer_at_once,
            create_connection=partial(Socket, sockets=self._sockets),  # type: ignore[arg-type]
            compression=None,
            server_header=None,
            max_size=MAX_FRAME,
            max_queue=QUEUED_FRAMES,
            write_limit=WRITE_LIMIT,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            logger=_SILENT,
            backlog=BACKLOG,
        )

    async def stop(self, seconds: float) -> None:
        """No new sockets; the calls of the old ones end by themselves, or are ended with 1001."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        await self._emptied(min(LAST_WORDS_SECONDS, seconds))
        closes = [asyncio.create_task(each.close(CloseCode.GOING_AWAY, "the server stops")) for each in self._sockets]
        await self._emptied(max(0.0, seconds - LAST_WORDS_SECONDS))
        for each in list(self._sockets):
            each.transport.abort()
        await asyncio.gather(*closes, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._server.wait_closed()

    async def _emptied(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(each.wait_closed() for each in self._sockets))

    def _answer_at_once(self, connection: ServerConnection, request: Request) -> Response | None:
        """The HTTP answer to what becomes no socket."""
        path = request.path.partition("?")[0]
        if path == "/" and "upgrade" not in request.headers:
            # The gateway asks whether we are there.
            return connection.respond(HTTPStatus.OK, "")
        found = self._routes.find(path, _packages(request))
        if found is None:
            return _refused(
                connection, request, self._routes.near(path, _packages(request)), NoSuchPath("no such path")
            )
        api = found[0].handler.api
        if _header(request, "upgrade").lower() != "websocket":
            return _refused(connection, request, api, UpgradeRequired())
        foreign = ORIGIN in request.headers and not api.origins.allow(_header(request, ORIGIN))
        if api.declaration.guests and foreign:
            # Browsers let any page open a socket to anywhere, and ask nobody first.
            error = Forbidden("pages of this origin may open no socket here: CORS_ORIGINS says which may")
            return _refused(connection, request, api, error)
        if len(self._sockets) > self._connections:
            full = Unavailable("this server has all the connections that it can have; try again")
            return _refused(connection, request, api, full, {"retry-after": "1"})
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        assert isinstance(socket, Socket)
        socket.converse()
        self.conversing += 1
        try:
            code, reason = await self._converse(socket)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not socket.lost or task is None:
                raise
            task.uncancel()
            return
        finally:
            self.conversing -= 1
        socket.conversed()
        await socket.close(code, reason)

    async def _converse(self, socket: Socket) -> tuple[int, str]:
        """Carries a call's messages both ways; returns what to close with."""
        request = socket.request
        assert request is not None
        path, _, query = request.path.partition("?")
        found = self._routes.find(path, _packages(request))
        assert found is not None
        route, variables = found
        answered = False
        try:
            first, token = route.opening(variables, query)
            answers: Any = route.handler.handle(
                _requests(socket, route, first), _context(request, path, token, self._peer)
            )
            async with aclosing(answers):
                async for answer in answers:
                    await socket.send(self._encoder.text(route, answer), text=True)
                    answered = True
        except ServiceError as error:
            if route.told_of_invalid_frames and not answered:
                # Who is told of mistakes in frames is told in one, too, why there is no conversation.
                body = route.handler.api.render(error, _header(request, "x-request-id")).body
                with suppress(ConnectionClosed):
                    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
                    where = route.handler.api.declaration.frame_field
                    said = {"type": "error", where: body.get("error", body), "timestamp": now}
                    await socket.send(json.dumps(said))
            return closing(error)
        except ConnectionClosed:
            return CloseCode.NORMAL_CLOSURE, ""
        except Exception:
            # The pipeline has told of its bugs: this one is here, and must not end without a word either. What fails
            # because the client has gone meanwhile is none.
            if not socket.lost:
                log.exception("bug", socket=route.template)
            return CloseCode.INTERNAL_ERROR, "INTERNAL_ERROR: something went wrong on our side"
        return CloseCode.NORMAL_CLOSURE, ""


async def _requests(socket: Socket, route: Route, first: Message) -> AsyncIterator[Message]:
    """What path and query say, then what the frames say. Who does not ask for more stops the reading, too."""
    yield first
    with suppress(ConnectionClosed):
        while True:
            yield request_of(route, await socket.recv())


def _context(request: Request, path: str, token: str | None, peer: str) -> InProcessContext:
    """The metadata of the call. The path goes on without its query, which may hold a token."""
    metadata = {name: _header(request, name) for name in PASSED_ON if name in request.headers}
    if token is not None and not any(name in metadata for name in CREDENTIALS):
        metadata["authorization"] = f"Bearer {token}"
    metadata["x-envoy-original-path"] = path
    return InProcessContext(tuple(metadata.items()), peer)


def _packages(request: Request) -> Sequence[str]:
    return _header(request, PACKAGES).replace(",", " ").split()


def _header(request: Request, name: str) -> str:
    values: list[str] = request.headers.get_all(name)
    return values[0] if values else ""


def _refused(
    connection: ServerConnection,
    request: Request,
    api: Api | None,
    error: ServiceError,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """The answer to what becomes no socket, in the words of the API where that is known."""
    request_id = _header(request, "x-request-id")
    if api is not None:
        shaped = api.render(error, request_id)
    else:
        shaped = render_code_message_details(error, ErrorContext(request_id, ""))
    response = connection.respond(HTTPStatus(shaped.http_status), json.dumps(shaped.body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    for name, value in {**shaped.headers, **headers}.items():
        response.headers[name] = value
    return response
