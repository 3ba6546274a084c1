"""The port to language models: what is asked of one, what it says, how it fails; who answers is in `work/models`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from server.errors import ServiceError, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function that a model wants called; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    # What an assistant called, and which call a tool's message answers.
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What is asked. `model` is `provider/model`, such as `openai/gpt-4`; its first slash divides them."""

    model: str
    messages: Sequence[ModelMessage]
    # None for as many as the model likes.
    max_output_tokens: int | None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    # As OpenAI's chat completions have them, JSON objects.
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Mapping[str, Any] | None = None
    # W3C trace context, passed on; empty for none.
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Some of the answer's text, as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call took. `estimated` where the provider has not said."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        """Both together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEnd:
    """The last thing that a call says, once."""

    # stop, length, tool_calls or content_filter.
    stop_reason: str
    usage: Usage
    # As the provider names it.
    model: str
    tool_calls: Sequence[ToolCall] = field(default=())


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be asked for."""

    provider: str
    model: str

    @property
    def name(self) -> str:
        """As requests name it."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider that is configured, and how its calls went of late: closed, open or half_open is its circuit."""

    provider: str
    circuit: str


class ModelUnavailable(Unavailable):
    """No provider answers now: it refuses, cannot be reached, or its circuit is open."""

    reason = "MODEL_UNAVAILABLE"


class ModelTimeout(ServiceError):
    """The model took too long, or fell silent in mid-stream."""

    kind = "timeout"
    reason = "TIMEOUT"


class ModelFailed(Unavailable):
    """The provider answered what nobody can read, or broke off in mid-stream."""

    reason = "MODEL_FAILED"


class ModelRefused(ServiceError):
    """The provider does not take this request (its 400, 401, 403, 404 or 422): asking again would not help."""

    kind = "unavailable"
    reason = "MODEL_REFUSED"
    # Never.
    retry_after = None


class Models(Protocol):
    """The models of this process."""

    @property
    def default(self) -> str:
        """The model that is asked where none is named, as `provider/model`; empty where there is no provider."""

    def known(self, name: str, provider: str = "") -> str | None:
        """`provider/model` for what somebody calls it, where its provider is configured; None where it is not.

        `name` may be a model alone: it is then of `provider`, or of the default model's provider.
        """

    def stream(self, request: ModelRequest) -> AsyncGenerator[TextPiece | ModelEnd]:
        """The answer as it comes, and last how it ended.

        Raises ModelUnavailable, ModelTimeout, ModelFailed, ModelRefused, also after pieces have come.
        """

    async def list(self) -> Sequence[ModelInfo]:
        """Models that providers say they have; of a provider that does not answer, none."""

    def states(self) -> Sequence[ProviderState]:
        """The configured providers."""


class NoModels:
    """The models of a process that has no provider."""

    default = ""

    def known(self, _name: str, _provider: str = "", /) -> str | None:
        """None."""
        return None

    async def stream(self, _request: ModelRequest, /) -> AsyncGenerator[TextPiece | ModelEnd]:
        """Raises ModelUnavailable."""
        raise ModelUnavailable("no provider of language models is configured")
        yield

    async def list(self) -> Sequence[ModelInfo]:
        """None."""
        return ()

    def states(self) -> Sequence[ProviderState]:
        """None."""
        return ()
