"""Sealing: secrets as the database keeps them, which nobody reads without the server's own secret."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from cachetools import FIFOCache

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The server's secret serves other purposes too: each has a key of its own.
_PURPOSE = b"orchestrator webhook secrets, version 1"
_VERSION = "v1."
_NONCE_BYTES = 12
KEPT = 512


class Unsealable(Exception):
    """None of the server's secrets opens it: API_SECRET_KEY has changed, and API_SECRET_KEY_PREVIOUS is another one."""


class Sealer:
    """Seals with the first of the server's secrets, and opens what was sealed with any of them."""

    def __init__(self, secret: str, *previous: str) -> None:
        self._secrets = [secret, *(each for each in previous if each)]
        # The last ones that were opened: each delivery signs, and each takes them from here.
        self._opened: FIFOCache[tuple[str, str], tuple[str, int]] = FIFOCache(KEPT)

    @cached_property
    def _keys(self) -> Sequence[AESGCM]:
        # The library takes a while to import, and servers without webhooks need none of it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return [AESGCM(HKDF(SHA256(), 32, None, _PURPOSE).derive(each.encode())) for each in self._secrets]

    def seal(self, text: str, owner: str) -> str:
        """The text, sealed for the row `owner`: in no other does it open."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[0].encrypt(nonce, text.encode(), owner.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, owner: str) -> str:
        """What was sealed. Raises Unsealable."""
        return self._known(sealed, owner)[0]

    def is_stale(self, sealed: str, owner: str) -> bool:
        """Whether it was sealed with a secret that is no longer the first, and should be sealed anew."""
        return len(self._secrets) > 1 and self._known(sealed, owner)[1] > 0

    def _known(self, sealed: str, owner: str) -> tuple[str, int]:
        opened = self._opened.get((sealed, owner))
        if opened is None:
            opened = self._opened[sealed, owner] = self._open(sealed, owner)
        return opened

    def _open(self, sealed: str, owner: str) -> tuple[str, int]:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        raw = base64.b64decode(sealed.removeprefix(_VERSION))
        for place, key in enumerate(self._keys):
            try:
                return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode()).decode(), place
            except InvalidTag:
                continue
        raise Unsealable
