"""The certificate that a server shows: read from its files, refused where it will not do, and anew when they change."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.errors import Misconfigured

# How soon files that have changed are read anew.
LOOK_SECONDS = 2.0


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
        # What would do when it was last read.
        self.pair: Pair | None = None

    def read(self) -> Pair:
        """What is in the files now. Raises Misconfigured where it is no certificate with its key."""
        stamp = self._stamps()
        try:
            contents = [path.read_bytes() for path in self._paths]
        except OSError as error:
            raise Misconfigured(f"{error.filename} cannot be read: {error.strerror}") from None
        finally:
            # What would not do once will not do the next time.
            self._stamp = stamp
        pair = Pair(*contents)
        _check(pair, *self._paths)
        self.pair = pair
        return pair

    def changed(self) -> bool:
        """Whether a file is another one than when they were read."""
        return self._stamps() != self._stamp

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


def _check(pair: Pair, chain: Path, key: Path, authorities: Path | None = None) -> None:
    """As OpenSSL sees it, from what was read, which may be replaced in its files meanwhile."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as both:
        both.write(pair.key + b"\n" + pair.chain)
        both.flush()
        try:
            # Whoever starts a server is not asked for a password.
            context.load_cert_chain(both.name, password=b"")
        except (ssl.SSLError, ValueError) as error:
            raise Misconfigured(
                f"{chain} and {key} are no certificate with its key, unencrypted, in PEM: {_why(error)}"
            ) from None
    if pair.client_authorities is not None:
        try:
            context.load_verify_locations(cadata=pair.client_authorities.decode())
        except (ssl.SSLError, ValueError) as error:
            raise Misconfigured(f"{authorities} holds no certificates of authorities in PEM: {_why(error)}") from None


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).lower().replace("_", " ")
