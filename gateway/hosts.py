"""Which APIs are where: by host in production and staging, at every port; by port and path in development."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server.apikit.declaration import Declaration, Listener, Route

LISTENERS: Sequence[Listener] = ("orchestra", "operations")


@dataclass(frozen=True, slots=True)
class Host:
    """One of Envoy's virtual hosts: APIs by their paths, and the one whose everything else is, where there is one."""

    name: str
    domains: Sequence[str]
    apis: Sequence[Declaration]
    owner: Declaration | None = None

    def leaves_out(self, api: Declaration) -> Collection[str]:
        """Names of services of an API that are not here."""
        return () if self.owner is not None else api.only_at_hosts

    def routes(self) -> list[tuple[Declaration, Route]]:
        """The routes of its APIs, in the order in which they are tried: the longest ones first, what is left last."""
        found = [(api, route) for api in self.apis for route in api.routes]
        if self.owner is not None:
            found.append((self.owner, Route("/")))
        return sorted(found, key=lambda each: (-len(each[1].prefix), each[1].prefix))


def in_production(declarations: Sequence[Declaration]) -> list[Host]:
    """A host for each API that has such."""
    named = {each.name: each for each in declarations}
    return [
        Host(each.name, each.hosts, [each, *(named[name] for name in each.includes)], each)
        for each in declarations
        if each.hosts
    ]


def in_development(declarations: Sequence[Declaration], listener: Listener) -> Host:
    """Any other host, at one of the ports."""
    return Host("development", ["*"], [each for each in declarations if each.listener == listener])
