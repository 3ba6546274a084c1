"""Envoy's configuration, made of gateway/base.yaml, the APIs' declarations and the protos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway.hosts import LISTENERS, in_development, in_production
from gateway.refusals import Mappers
from gateway.routes import Routes
from server.apikit.declaration import Declaration

BASE = Path(__file__).with_name("base.yaml")
CONNECTION_BUFFER_BYTES = 131_072
PORTS = {"orchestra": 8000, "operations": 3000}


def configuration(declarations: Sequence[Declaration], descriptors: FileDescriptorSet) -> dict[str, Any]:
    """The whole of it, with the default ports."""
    base: dict[str, Any] = yaml.safe_load(BASE.read_text())
    routes, mappers = Routes(base, descriptors), Mappers()
    production = in_production(declarations)
    hosts = [routes.virtual_host(each) for each in production]
    refusals = [mapper for each in production for mapper in mappers.of(each)]
    listeners, nobody = [], mappers.of_nobody()
    for name in LISTENERS:
        development = in_development(declarations, name)
        manager = {
            **base["connection_manager"],
            "stat_prefix": name,
            "local_reply_config": {"mappers": [*refusals, *mappers.of(development), *nobody]},
            "route_config": {
                "name": name,
                **base["route_config"],
                "virtual_hosts": [*hosts, routes.virtual_host(development)],
            },
        }
        listeners.append(_listener(name, manager))
    return {
        "static_resources": {"listeners": listeners, "clusters": base["clusters"]},
        "overload_manager": base["overload_manager"],
    }


def _listener(name: str, manager: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": PORTS[name]}},
        # A port that somebody else has is an error, and is not shared with them.
        "enable_reuse_port": False,
        # What a slow reader has not read waits in the store. Filters that need whole bodies have bounds of their own.
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
