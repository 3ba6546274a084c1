"""All configured providers as the one port that the rest of the server asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from server.core.models.names import is_ours
from server.core.models.port import ModelEnd, ModelInfo, ModelRequest, ModelUnavailable, ProviderState, TextPiece
from server.errors import Misconfigured
from server.settings import Settings
from server.work.models.listing import TAKES, Listing
from server.work.models.provider import Patience, Provider
from server.work.models.table import FIRST_LISTED, NAMES, configured, needs_extra

_MOST_NAME = 200


class ModelProviders:
    """The models of this process. Nothing is imported, opened or asked before somebody asks for something."""

    def __init__(self, providers: Sequence[Provider], listing: Listing, default: str = "") -> None:
        self._providers = {each.configured.name: each for each in providers}
        self._listing = listing
        self._default = ""
        if default:
            known = self.known(default, "" if default.partition("/")[0] in NAMES else self._only())
            if known is None:
                missing = needs_extra(default.partition("/")[0])
                told = f"must be provider/model, of one of: {', '.join(self._providers)}"
                raise Misconfigured(f"DEFAULT_MODEL {told}" if not missing else f"DEFAULT_MODEL: {missing}")
            self._default = known
        elif name := self._only():
            self._default = f"{name}/{self._providers[name].configured.kind.default}"

    @classmethod
    def of(
        cls,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> ModelProviders:
        """As they are set. `clock` and `sleep` are for circuits, lists and tries. Raises Misconfigured."""
        patience = Patience.of(settings)
        providers = [Provider(each, patience, clock, sleep) for each in configured(settings).values()]
        return cls(providers, Listing(providers, clock), settings.default_model.strip() if providers else "")

    @property
    def default(self) -> str:
        """The model that is asked where none is named; empty where there is no provider, or several and no setting."""
        name, _, model = self._default.partition("/")
        return f"{name}/{self._listed(name)}" if model == FIRST_LISTED else self._default

    def known(self, name: str, provider: str = "") -> str | None:
        """`provider/model` for what somebody calls it; None where its provider is not configured, or it is no name."""
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable() or name != name.strip() or name != name.strip("/"):
            return None
        provider = provider.strip().lower()
        if not provider:
            if is_ours(name):
                return None
            first, _, rest = name.partition("/")
            if rest and first in NAMES:
                provider, name = first, rest
            else:
                provider = self._default.partition("/")[0]
        elif name.startswith(f"{provider}/") and self._is_ours(provider, name):
            name = name.removeprefix(f"{provider}/")
        return f"{provider}/{name}" if provider in self._providers else None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[TextPiece | ModelEnd, None]:
        """The answer as it comes, and last how it ended. Raises the port's errors."""
        name, _, model = request.model.partition("/")
        provider = self._providers.get(name)
        if provider is None or not model:
            raise ModelUnavailable(f"no provider is configured for {request.model[:_MOST_NAME]!r}")
        if model == FIRST_LISTED and provider.configured.kind.default == FIRST_LISTED:
            await self._listing.of([name], min(TAKES, provider.patience.total))
            model = self._listed(name)
        pieces = provider.stream(request, model)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()

    async def list(self) -> Sequence[ModelInfo]:
        """Models that providers say they have; of a provider that does not answer within a moment, none."""
        found = await self._listing.of(list(self._providers))
        return [ModelInfo(provider, model) for provider, models in found.items() for model in models]

    def states(self) -> Sequence[ProviderState]:
        """The configured providers."""
        return [ProviderState(name, each.circuit.state) for name, each in self._providers.items()]

    async def start(self) -> None:
        """Loads the library, where there is a provider: otherwise whoever asks first waits a second for that."""
        for each in self._providers.values():
            await each.start()

    async def close(self) -> None:
        """Closes all connections."""
        await self._listing.close()
        for each in self._providers.values():
            await each.close()

    def _only(self) -> str:
        """The provider, where there is one."""
        return next(iter(self._providers)) if len(self._providers) == 1 else ""

    def _is_ours(self, provider: str, name: str) -> bool:
        """Whether the provider's name stands before the model's, and is not part of it as in `openrouter/auto`."""
        return name != self._providers[provider].configured.kind.default if provider in self._providers else False

    def _listed(self, name: str) -> str:
        """The model that `default` stands for: what is called so, or the first one, as far as that is known."""
        models = self._listing.known(name)
        return FIRST_LISTED if not models or FIRST_LISTED in models else models[0]
