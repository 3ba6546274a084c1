"""The peer for uploads: an aiohttp program that writes the file of a form to a folder, as its manual says."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from aiohttp import BodyPartReader, web

LARGEST = 200 << 20
PIECE = 64 << 10


async def upload(request: web.Request) -> web.Response:
    """Writes the first part of the form."""
    part = await (await request.multipart()).next()
    assert isinstance(part, BodyPartReader)
    name = uuid.uuid4().hex
    size = 0
    with (Path(os.environ["PEER_FOLDER"]) / name).open("wb") as file:
        while piece := await part.read_chunk(PIECE):
            size += len(piece)
            file.write(piece)
    return web.json_response({"id": name, "size": size}, status=201)


if __name__ == "__main__":
    application = web.Application(client_max_size=LARGEST)
    application.router.add_post("/v1/knowledge/documents", upload)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
