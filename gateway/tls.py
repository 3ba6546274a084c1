"""TLS at the gateway's ports: what Envoy is told, and the certificate where it looks for it, anew when it changes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.certificates import Pair

_API = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_CERTIFICATE, _AUTHORITIES = "certificate", "authorities"


def transport_socket(folder: Path, *, asks_clients: bool) -> Mapping[str, Any]:
    """A listener's: with the certificate that is in `folder`, and with authorities for clients where they are asked."""
    context: dict[str, Any] = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [_source(folder, _CERTIFICATE)],
    }
    if asks_clients:
        context["validation_context_sds_secret_config"] = _source(folder, _AUTHORITIES)
    typed = {
        "@type": f"{_API}.DownstreamTlsContext",
        "common_tls_context": context,
        "require_client_certificate": asks_clients,
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


def write(pair: Pair, folder: Path) -> None:
    """Puts a certificate where Envoy looks, which takes it for the connections that begin from then on."""
    shown = {"certificate_chain": _text(pair.chain), "private_key": _text(pair.key)}
    _replace(folder, _CERTIFICATE, {"tls_certificate": shown})
    if pair.client_authorities is not None:
        _replace(folder, _AUTHORITIES, {"validation_context": {"trusted_ca": _text(pair.client_authorities)}})


def _source(folder: Path, name: str) -> Mapping[str, Any]:
    return {"name": name, "sds_config": {"path_config_source": {"path": str(_path(folder, name))}}}


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _text(content: bytes) -> Mapping[str, str]:
    return {"inline_string": content.decode("latin-1")}


def _replace(folder: Path, name: str, secret: Mapping[str, Any]) -> None:
    # Envoy hears of files that are moved, not of those that are written.
    path = _path(folder, name)
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"resources": [{"@type": f"{_API}.Secret", "name": name, **secret}]}, file)
    beside.replace(path)
