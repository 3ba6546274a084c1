"""The APIs: a folder each, found by being here; a new one is in no list."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from server.apikit.declaration import Declaration

if TYPE_CHECKING:
    from server.apikit.api import Api
    from server.apikit.event_wording import EventWording
    from server.core.use_cases import UseCases
    from server.settings import Settings


@cache
def declarations() -> Sequence[Declaration]:
    """Those of all APIs, in the order of their names; no servicer is imported for them."""
    found = [import_module(f"{__name__}.{each.name}.declaration") for each in pkgutil.iter_modules(__path__)]
    return tuple(module.DECLARATION for module in found)


def wordings() -> Sequence[EventWording]:
    """How APIs speak of events to their webhooks, of those that have any."""
    found = [f"{__name__}.{each.name}.wording" for each in pkgutil.iter_modules(__path__)]
    return tuple(import_module(name).WORDING for name in found if find_spec(name) is not None)


def load() -> None:
    """Imports all servicers, for a process that makes copies of itself to serve."""
    for each in declarations():
        import_module(f"{__name__}.{each.name}.services")


def serving(use_cases: UseCases, settings: Settings) -> Sequence[Api]:
    """All APIs over these use cases."""
    from server.apikit.api import Api, limits_of  # noqa: PLC0415 — who reads declarations needs no protobuf
    from server.apikit.cors import Origins  # noqa: PLC0415

    origins, apis = Origins(settings.origins), []
    for each in declarations():
        limits = limits_of(each, settings)
        services = import_module(f"{__name__}.{each.name}.services").services(use_cases, settings, limits)
        apis.append(Api(each, services, limits, origins))
    return apis
