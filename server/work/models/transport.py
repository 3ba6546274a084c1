"""How the OpenAI client's requests travel: by aiohttp, whose parser is C, and not by the client's own way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import httpx2

# The client says all headers that there are to be.
_SAID = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """One pool of connections. Its errors are those of the client's own transport."""

    def __init__(self, *, connections: int, connect_seconds: float) -> None:
        self._connections = connections
        # How long an answer may take, its reader knows.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request, and returns the answer, whose body is still to come. Raises httpx2.TransportError."""
        session = self._session or self._opened()
        body = await request.aread()
        try:
            answer = await session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=body or None,
                allow_redirects=False,
            )
        except aiohttp.ServerTimeoutError as error:
            raise httpx2.ConnectTimeout(str(error), request=request) from error
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.RemoteProtocolError(str(error), request=request) from error
        return httpx2.Response(answer.status, headers=list(answer.raw_headers), stream=_Body(answer), request=request)

    async def aclose(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_SAID,
            # HTTPS_PROXY, NO_PROXY.
            trust_env=True,
        )
        return self._session


class _Body(httpx2.AsyncByteStream):
    """The body of an answer. Closing it before its end closes the connection."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while data := await content.readany():
                yield data
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error)) from error

    async def aclose(self) -> None:
        self._answer.close()
