"""The official OpenAI client, asked for one thing at a time. Importing it takes a second: only who asks does so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio.lowlevel
import httpx2
import structlog
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, AsyncOpenAI, AsyncStream, OpenAIError

from server.core.models.port import ModelRequest
from server.work.models import faults
from server.work.models.asking import body_of, headers_of
from server.work.models.bounds import TooMuch, bounded, stripped
from server.work.models.faults import Fault
from server.work.models.table import Configured
from server.work.models.transport import AiohttpTransport

log = structlog.get_logger()
CONNECT_SECONDS = 10.0
CONNECTIONS = 1000


def loaded() -> None:
    """Imports what the library would import with the first request, which would hold the loop. For another thread."""
    asyncio.run(anyio.lowlevel.checkpoint())


class _Plain(AsyncOpenAI):
    """The library's, without the headers that say what machine this is: each costs something with every request."""

    def platform_headers(self) -> dict[str, str]:
        return {}


class Client:
    """Asks one provider, without trying again. Everything that goes wrong is a Fault."""

    def __init__(self, provider: Configured) -> None:
        self._provider = provider
        key = provider.key.get_secret_value()
        http = httpx2.AsyncClient(
            transport=AiohttpTransport(connections=CONNECTIONS, connect_seconds=CONNECT_SECONDS),
            follow_redirects=False,
            event_hooks={
                "request": [] if provider.name == "openai" else [stripped(key)],
                "response": [bounded],
            },
        )
        self._openai = _Plain(
            # Where there is no key the library would look for OpenAI's.
            api_key=key or "none",
            base_url=provider.url,
            max_retries=0,
            http_client=http,
            default_headers={"Accept-Encoding": "identity", "User-Agent": "orchestrator"},
        )

    async def chat(self, request: ModelRequest, model: str) -> AsyncGenerator[object, None]:
        """The chunks of a streamed completion, as JSON; closing it closes the connection."""
        body, headers = body_of(request, model, self._provider.kind), headers_of(request)
        try:
            # As plain JSON: the library's own types cost three times the rest of a chunk, and check nothing.
            stream = await self._openai.post(
                "/chat/completions",
                cast_to=object,
                body=body,
                options={"headers": headers},
                stream=True,
                stream_cls=AsyncStream[object],
            )
        except (OpenAIError, TooMuch) as error:
            raise self._fault(error) from None
        except (httpx2.HTTPError, OSError):
            # An error whose words broke off.
            raise faults.unreached(self._provider) from None
        except ValueError as error:
            raise faults.unfit(self._provider, type(error).__name__) from None
        try:
            async for chunk in stream:
                yield chunk
        except (OpenAIError, TooMuch, ValueError, RecursionError) as error:
            raise self._fault(error, began=True) from None
        finally:
            with suppress(httpx2.HTTPError, OSError):
                await stream.close()

    async def models(self) -> bytes:
        """The list of models, as it came."""
        try:
            return (await self._openai.get("/models", cast_to=httpx2.Response)).content
        except (OpenAIError, TooMuch, ValueError) as error:
            raise self._fault(error) from None

    async def close(self) -> None:
        """Closes its connections."""
        await self._openai.close()

    def _fault(self, error: Exception, *, began: bool = False) -> Fault:
        if isinstance(error, APITimeoutError):
            return faults.late(self._provider, f"took no connection for {CONNECT_SECONDS:g} seconds", began=began)
        if isinstance(error, APIConnectionError):
            # Its callers need not know, and whoever runs the server must: a name, a certificate, a proxy.
            why = faults.cleaned(str(error.__cause__), self._provider)
            log.warning("a model provider is not reached", provider=self._provider.name, why=why)
            return faults.broken_off(self._provider) if began else faults.unreached(self._provider)
        if isinstance(error, APIStatusError):
            # Where `error` is null, the library takes that for all there is.
            body = error.body or error.response.text
            return faults.answered(self._provider, error.status_code, body, error.response.headers)
        if isinstance(error, APIError):
            # In the stream, where OpenRouter gives a status as the code.
            code = error.body.get("code") if isinstance(error.body, dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 502
            return faults.answered(self._provider, status, error.body, {}, began=True)
        return faults.unreadable(self._provider, str(error) if isinstance(error, TooMuch) else "it is no JSON")
