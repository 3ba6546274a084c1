"""The libraries of providers, each with its key and its address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import httpx2
from pydantic_ai.models import Model

from server.work.models.bounds import bounded
from server.work.models.table import Configured
from server.work.models.transport import AiohttpTransport

CONNECT_SECONDS, READ_SECONDS, CONNECTIONS = 10.0, 60.0, 1000
_REGION = re.compile(r"bedrock-runtime[a-z-]*\.([a-z0-9-]+)\.")


# The responses of one call, so that whoever wants no more of it can close them: libraries leave them open for a while.
OPENED: ContextVar[list[httpx2.Response]] = ContextVar("opened")


class Made(Protocol):
    """One provider's library."""

    def model(self, name: str) -> Model:
        """A model of it."""

    def names(self, most: int) -> AsyncIterator[str]:
        """The models that it lists."""

    async def close(self) -> None:
        """Closes its connections."""


class _Anthropic:
    def __init__(self, provider: Configured) -> None:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 — whoever asks one provider loads no other
        from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

        self._client = AsyncAnthropic(
            api_key=provider.key.get_secret_value(),
            base_url=provider.url,
            max_retries=0,
            http_client=_http(),
        )
        self._model, self._provider = AnthropicModel, AnthropicProvider(anthropic_client=self._client)

    def model(self, name: str) -> Model:
        return self._model(name, provider=self._provider)

    async def names(self, most: int) -> AsyncIterator[str]:
        for each in (await self._client.models.list(limit=most)).data:
            yield each.id

    async def close(self) -> None:
        await self._client.close()


class _Google:
    def __init__(self, provider: Configured) -> None:
        from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415
        from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

        self._http = _http()
        self._model = GoogleModel
        self._provider = GoogleProvider(
            api_key=provider.key.get_secret_value(), base_url=provider.url, http_client=self._http
        )

    def model(self, name: str) -> Model:
        return self._model(name, provider=self._provider)

    async def names(self, most: int) -> AsyncIterator[str]:
        count = 0
        async for each in await self._provider.client.aio.models.list(config={"page_size": most}):
            count += 1
            if each.name:
                yield each.name.removeprefix("models/")
            if count == most:
                return

    async def close(self) -> None:
        await self._http.aclose()


class _Bedrock:
    def __init__(self, provider: Configured) -> None:
        from pydantic_ai.models.bedrock import BedrockConverseModel  # noqa: PLC0415
        from pydantic_ai.providers.bedrock import BedrockProvider  # noqa: PLC0415

        found = _REGION.search(provider.url)
        given: dict[str, Any] = {
            "base_url": provider.url,
            "region_name": found[1] if found else "us-east-1",
            "aws_connect_timeout": CONNECT_SECONDS,
            # So long a thread may wait for what nobody wants any more.
            "aws_read_timeout": READ_SECONDS,
        }
        if key := provider.key.get_secret_value():
            given["api_key"] = key
        self._model, self._provider = BedrockConverseModel, BedrockProvider(**given)
        # The library would try again by itself.
        events = self._provider.client.meta.events
        events.unregister("needs-retry.bedrock-runtime", unique_id="retry-config-bedrock-runtime")

    def model(self, name: str) -> Model:
        return self._model(name, provider=self._provider)

    async def names(self, _most: int) -> AsyncIterator[str]:
        # They are at another address, for other rights.
        for each in list[str]():
            yield each

    async def close(self) -> None:
        self._provider.client.close()


MAKERS: Mapping[str, Callable[[Configured], Made]] = {
    "anthropic": _Anthropic,
    "google": _Google,
    "bedrock": _Bedrock,
}


async def _note(response: httpx2.Response) -> None:
    OPENED.get([]).append(response)


def _http() -> httpx2.AsyncClient:
    """Connections as the other providers have them: bounded in what is read, and going nowhere else."""
    return httpx2.AsyncClient(
        transport=AiohttpTransport(connections=CONNECTIONS, connect_seconds=CONNECT_SECONDS),
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bounded, _note]},
    )
