"""Providers of language models: who answers what the port in `core/models` asks."""

from server.work.models.counted import CountedModels
from server.work.models.metered import MeteredModels
from server.work.models.providers import ModelProviders

__all__ = ["CountedModels", "MeteredModels", "ModelProviders"]
