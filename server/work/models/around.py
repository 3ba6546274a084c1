"""Models around other models: what is known of them is what is known of those."""

from __future__ import annotations

from collections.abc import Sequence

from server.core.models.port import ModelInfo, Models, ProviderState


class AroundModels:
    """All of the port but asking, which is what whoever stands around others does in another way."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @property
    def default(self) -> str:
        """The model that is asked where none is named."""
        return self._models.default

    def known(self, name: str, provider: str = "") -> str | None:
        """`provider/model` for what somebody calls it."""
        return self._models.known(name, provider)

    async def list(self) -> Sequence[ModelInfo]:
        """Models that providers say they have."""
        return await self._models.list()

    def states(self) -> Sequence[ProviderState]:
        """The configured providers."""
        return self._models.states()
