"""Asks Anthropic, Google and Amazon Bedrock, by pydantic-ai, and says what they say in chunks as OpenAI's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import httpx2
import structlog
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, ModelAPIError, ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import (
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model

from server.core.models.port import ModelRequest
from server.work.models import faults
from server.work.models.bounds import TooMuch
from server.work.models.faults import Fault
from server.work.models.others.asking import messages_of, parameters_of, settings_of, written
from server.work.models.others.makers import MAKERS, OPENED
from server.work.models.table import Configured

_REASONS = {"stop": "stop", "length": "length", "content_filter": "content_filter", "tool_call": "tool_calls"}
_MOST_MODELS = 500
log = structlog.get_logger()


class OtherClient:
    """Asks one provider, without trying again. Everything that goes wrong is a Fault."""

    def __init__(self, provider: Configured) -> None:
        self._provider = provider
        self._closing: set[asyncio.Future[None]] = set()
        self._made = MAKERS[provider.kind.speaks](provider)

    async def chat(self, request: ModelRequest, name: str) -> AsyncGenerator[object, None]:
        """The chunks of an answer, as OpenAI has them; closing it closes the connection."""
        began, opened = False, list[httpx2.Response]()
        OPENED.set(opened)
        try:
            model: Model = self._made.model(name)
            asked = model_request_stream(
                model,
                messages_of(request.messages),
                model_settings=settings_of(request),
                model_request_parameters=parameters_of(request, model),
                instrument=False,
            )
            async with asked as stream:
                try:
                    async for event in stream:
                        began = True
                        if (delta := _delta(event)) is not None:
                            yield _chunk(name, delta)
                finally:
                    for each in opened:
                        await each.aclose()
                    if self._provider.kind.speaks == "bedrock":
                        # It reads in a thread, and whoever closes it waits for that.
                        closing = asyncio.ensure_future(stream.cancel())
                        self._closing.add(closing)
                        closing.add_done_callback(self._closing.discard)
                usage = {"prompt_tokens": stream.usage.input_tokens, "completion_tokens": stream.usage.output_tokens}
                chunk = _chunk(stream.model_name or name, {}, _REASONS.get(stream.finish_reason or ""))
                yield {**chunk, "usage": usage} if any(usage.values()) else chunk
        except Fault:
            raise
        except Exception as error:
            # Three libraries beneath this one raise what they like.
            raise self._fault(error, began=began) from None

    async def models(self) -> bytes:
        """The list of models, as OpenAI has it; empty where the provider has none at this address."""
        try:
            names = [each async for each in self._made.names(_MOST_MODELS)]
        except Exception as error:
            raise self._fault(error, began=False) from None
        return json.dumps({"data": [{"id": each} for each in names]}).encode()

    async def close(self) -> None:
        """Closes its connections."""
        with suppress(Exception):
            await self._made.close()

    def _fault(self, error: Exception, *, began: bool) -> Fault:
        provider, causes = self._provider, _causes(error)
        if any(isinstance(each, TooMuch) for each in causes):
            return faults.unreadable(provider, next(str(each) for each in causes if isinstance(each, TooMuch)))
        if isinstance(error, ModelHTTPError):
            # What comes within a stream may have the status of the stream.
            status = error.status_code if error.status_code >= 300 else 502
            return faults.answered(provider, status, _said(error.body), error.headers or {}, began=began)
        if isinstance(error, TimeoutError | httpx2.TimeoutException):
            return faults.late(provider, "took no connection", began=began)
        if isinstance(error, ModelAPIError | httpx2.HTTPError | OSError):
            log.warning(
                "a model provider is not reached", provider=provider.name, why=faults.cleaned(str(error), provider)
            )
            return faults.broken_off(provider) if began else faults.unreached(provider)
        if isinstance(error, UserError):
            return faults.unfit(provider, faults.cleaned(str(error), provider))
        if isinstance(error, UnexpectedModelBehavior | AgentRunError | ValueError | KeyError | TypeError):
            return faults.unreadable(provider, type(error).__name__)
        log.warning("a model provider's library failed", provider=provider.name, error=type(error).__name__)
        return faults.broken_off(provider) if began else faults.unreached(provider)


def _delta(event: object) -> dict[str, Any] | None:
    """What an event adds to the answer; None where that is nothing that anybody is told."""
    if isinstance(event, PartStartEvent):
        part = event.part
        if isinstance(part, TextPart):
            return {"content": part.content}
        if isinstance(part, ToolCallPart):
            return _call(event.index, part.tool_name, written(part.args), part.tool_call_id)
    elif isinstance(event, PartDeltaEvent):
        delta = event.delta
        if isinstance(delta, TextPartDelta):
            return {"content": delta.content_delta}
        if isinstance(delta, ToolCallPartDelta):
            return _call(event.index, delta.tool_name_delta or "", written(delta.args_delta), delta.tool_call_id or "")
    return None


def _call(index: int, name: str, arguments: str, id: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}


def _chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"model": model, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _said(body: object) -> object:
    """The body of an error; Amazon's library writes its words in capitals."""
    inner = body.get("Error") if isinstance(body, dict) else None
    return {"message": inner.get("Message")} if isinstance(inner, dict) else body


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
