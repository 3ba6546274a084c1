"""Settings of the ports that others reach: part of `Settings`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings

from server.certificates import Certificate


class ListeningSettings(BaseSettings):
    """Where servers listen, and what they show there."""

    # Anything but loopback is the operator's choice.
    host: str = "127.0.0.1"
    grpc_port: int = Field(50051, ge=0, le=65535)
    # For WebSockets from a gateway elsewhere; `up` uses unix sockets instead.
    socket_port: int = Field(50052, ge=0, le=65535)
    operations_port: int = Field(3000, ge=0, le=65535)
    orchestra_port: int = Field(8000, ge=0, le=65535)
    # TLS at the ports for HTTP and gRPC: a certificate, with those between it and its authority, and its key, in PEM.
    # With authorities for clients, only who has a certificate of theirs is let in. Files that change are read anew.
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_authorities: Path | None = None
    # Says that others may reach us without TLS, because something before us has it.
    allow_plain: bool = False

    @field_validator("tls_certificate", "tls_key", "tls_client_authorities", "allow_plain", mode="before")
    @classmethod
    def _unset(cls, given: object, of: ValidationInfo) -> object:
        """A variable that is empty is one that is not there."""
        return cls.model_fields[str(of.field_name)].default if given == "" else given

    @model_validator(mode="after")
    def _whole_certificate(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS_CERTIFICATE and TLS_KEY go together")
        if self.tls_client_authorities is not None and self.tls_certificate is None:
            raise ValueError("TLS_CLIENT_AUTHORITIES needs TLS_CERTIFICATE and TLS_KEY")
        return self

    @property
    def certificate(self) -> Certificate | None:
        """What is shown at the ports; None where they are plain."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return Certificate(self.tls_certificate, self.tls_key, self.tls_client_authorities)

    @property
    def for_this_machine(self) -> bool:
        """Whether nobody else reaches us."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def _may_be_plain(self) -> bool:
        return self.for_this_machine or self.allow_plain

    @property
    def plain(self) -> str:
        """Why nothing may listen: others would reach us without TLS, and nobody has said so. Empty where it may."""
        if self._may_be_plain or self.tls_certificate is not None:
            return ""
        return (
            f"{self.host} lets other machines reach this server without TLS: set TLS_CERTIFICATE and TLS_KEY, or "
            "ALLOW_PLAIN=1 where something before it has TLS, or leave out HOST and --host"
        )

    @property
    def plain_behind_gateways(self) -> str:
        """The same for a server alone, which has no TLS whatever is set: that is its gateways'."""
        if self._may_be_plain:
            return ""
        return (
            f"{self.host} lets other machines reach this server, which speaks to its gateways without TLS: set "
            "ALLOW_PLAIN=1 where they have a network of their own, or leave out HOST and --host"
        )
