"""Avatars: pictures of people, made small and plain of whatever they upload."""

from __future__ import annotations

import asyncio
import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.people.users import USERS
from server.core.shared.call_context import Call
from server.core.shared.resource import change
from server.errors import InvalidRequest, NotFound, Unavailable
from server.model import Avatar, User
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# What may be uploaded: as a file, in all pixels, and along one side. More is refused before it is unpacked.
MAX_BYTES, MAX_PIXELS, MAX_SIDE = 8 << 20, 50_000_000, 16_384
SIDE = 256
CONTENT_TYPE = "image/webp"
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
# One is unpacked at a time, because that may take 200 MB; so many may wait for it.
WAITING = 8
_NO_PICTURE = "must be a picture: PNG, JPEG, GIF or WebP"

_avatars = Avatar.table().c
_GET = Statement[Avatar](select(Avatar.table()).where(_avatars.id == bindparam("token")), Avatar)
_REMOVE = Statement[Any](delete(Avatar.table()).where(_avatars.user_id == bindparam("user")))


class Avatars:
    """Takes pictures, and gives them to whoever knows their address."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="avatars")
        self._waiting = 0

    async def replace(self, call: Call, data: bytes) -> User:
        """The caller with this picture instead of the one before. Raises InvalidRequest, Unavailable."""
        picture = await self._small(data)
        token = secrets.token_urlsafe(24)

        async def body(transaction: Transaction) -> User:
            user = await USERS.lock(transaction, call, call.caller.user_id)
            await transaction.run(_REMOVE, user=user.id)
            await transaction.insert(
                Avatar.new(
                    id=token,
                    organization_id=user.organization_id,
                    user_id=user.id,
                    content=picture,
                    created_at=transaction.now,
                )
            )
            user = await change(transaction, user, avatar_token=token)
            transaction.emit("user.updated", user)
            return user

        return await self._database.write(body)

    async def get(self, token: str) -> bytes:
        """The picture at an address. Raises NotFound."""
        found = await self._database.one(_GET, token=token)
        if found is None:
            raise NotFound("avatar", token)
        return found.content

    async def _small(self, data: bytes) -> bytes:
        if self._waiting >= WAITING:
            raise Unavailable("too many pictures wait to be looked at; try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, small, data)
        finally:
            self._waiting -= 1


def small(data: bytes) -> bytes:
    """The picture in these bytes as a square of `SIDE` pixels, with nothing that tells of where it was made.

    Raises InvalidRequest.
    """
    # Few processes are ever sent one.
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                raise InvalidRequest(
                    "file",
                    f"has {width} × {height} pixels, and may have {MAX_SIDE} along a side and {MAX_PIXELS} in all",
                )
            # JPEG alone can be unpacked small.
            opened.draft("RGB", (2 * SIDE, 2 * SIDE))
            turned = ImageOps.exif_transpose(opened)
            mode = "RGBA" if turned.has_transparency_data else "RGB"
            square = ImageOps.fit(turned.convert(mode), (SIDE, SIDE))
            # A new one has no profile, no comment and no place.
            plain = Image.new(mode, square.size)
            plain.paste(square)
            written = io.BytesIO()
            plain.save(written, "WEBP", quality=85, method=4)
    except InvalidRequest:
        raise
    except Exception:
        # The library raises whatever its parsers stumble over.
        raise InvalidRequest("file", _NO_PICTURE) from None
    return written.getvalue()
