"""TLS at the port for gRPC."""

from __future__ import annotations

import grpc
import structlog

from server.certificates import Certificate, Pair
from server.errors import Misconfigured

log = structlog.get_logger()


def credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """What connections begin with: the certificate as it is in its files then. Raises Misconfigured.

    Files that would not do leave the one before, and are told of once.
    """

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        try:
            pair = certificate.renewed()
        except Misconfigured as error:
            log.error("the certificate cannot be renewed", reason=error.message)  # noqa: TRY400 — it says all
            return None
        return _configuration(pair) if pair is not None else None

    # A server that is started again gets what its supervisor has, whatever is in the files meanwhile.
    first = certificate.pair or certificate.read()
    asks_clients = first.client_authorities is not None
    made: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        renewed,  # type: ignore[arg-type] # None leaves the one before
        require_client_authentication=asks_clients,
    )
    return made


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], pair.client_authorities)


def listen(server: grpc.aio.Server, address: str, certificate: Certificate | None) -> int:
    """Has a server listen, in plain where nobody but the gateway of this machine comes; returns the port."""
    if certificate is None or address.startswith("unix:"):
        return int(server.add_insecure_port(address))
    return int(server.add_secure_port(address, credentials(certificate)))
