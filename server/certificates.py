"""The certificate that a server shows: read from its files, refused where it will not do, and anew when they change."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from server.errors import Misconfigured

# How soon files that have changed are read anew.
LOOK_SECONDS = 2.0
MOST_BYTES = 1 << 20
# What both Envoy and gRPC can show.
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with those between it and its authority, its key, and who must vouch for clients, as PEM."""

    chain: bytes
    key: bytes = field(repr=False)
    client_authorities: bytes | None = None


class Certificate:
    """The files of a certificate, of its key, and, where clients must show one too, of the authorities for those."""

    def __init__(self, chain: Path, key: Path, client_authorities: Path | None = None) -> None:
        self._paths = [each for each in (chain, key, client_authorities) if each is not None]
        self._stamp: Sequence[Sequence[int]] = ()
        self._told = ""
        # What would do when it was last read.
        self.pair: Pair | None = None

    def read(self) -> Pair:
        """What is in the files now. Raises Misconfigured where it is no certificate with its key."""
        stamp = self._stamps()
        pair = Pair(*map(_content, self._paths))
        # What will not do is not looked at again; what could not be read may be in a moment.
        self._stamp = stamp
        _check(pair, *self._paths)
        self.pair = pair
        return pair

    def renewed(self) -> Pair | None:
        """What is in the files where they have changed. Raises Misconfigured where it will not do, once a reason."""
        if self._stamps() == self._stamp:
            return None
        try:
            pair = self.read()
        except Misconfigured as error:
            if error.message == self._told:
                return None
            self._told = error.message
            raise
        self._told = ""
        return pair

    def _stamps(self) -> Sequence[Sequence[int]]:
        found: list[Sequence[int]] = []
        for path in self._paths:
            try:
                seen = path.stat()
            except OSError:
                found.append(())
            else:
                found.append((seen.st_mtime_ns, seen.st_size, seen.st_ino, seen.st_dev))
        return found


def _content(path: Path) -> bytes:
    try:
        seen = path.stat()
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > MOST_BYTES:
            raise Misconfigured(f"{path} is no file with a certificate or a key")
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None


def _check(pair: Pair, chain: Path, key: Path, authorities: Path | None = None) -> None:
    try:
        certificate = x509.load_pem_x509_certificates(pair.chain)[0].public_key()
    except ValueError as error:
        raise Misconfigured(f"{chain} is no certificate in PEM: {error}") from None
    try:
        public = load_pem_private_key(pair.key, None).public_key()
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{key} is no key without a password in PEM: {error}") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if certificate.public_bytes(*form) != public.public_bytes(*form):
        raise Misconfigured(f"{key} is not the key of the first certificate in {chain}")
    if not (
        isinstance(public, ed25519.Ed25519PublicKey)
        or (isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, _CURVES))
        or (isinstance(public, rsa.RSAPublicKey) and public.key_size >= _RSA_BITS)
    ):
        raise Misconfigured(
            f"{key} is of a kind that is not shown here: RSA from 2048 bits on, P-256, P-384, P-521, Ed25519"
        )
    if pair.client_authorities is not None:
        try:
            x509.load_pem_x509_certificates(pair.client_authorities)
        except ValueError as error:
            raise Misconfigured(f"{authorities} holds no certificates in PEM: {error}") from None
