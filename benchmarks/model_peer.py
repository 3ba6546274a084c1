"""A model server that answers at once, as OpenAI's API streams it: tokens one after the other, as fast as asked for."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop
from aiohttp import web

MODEL = "instant"
_HEAD = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"instant","choices":[{"index":0,'
_FIRST = _HEAD + b'"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
_TOKEN = _HEAD + b'"delta":{"content":"token "},"finish_reason":null}]}\n\n'
_LAST = _HEAD + b'"delta":{},"finish_reason":"stop"}]}\n\n'
_USAGE = b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":%d,"total_tokens":7}}\n\n'
_DONE = b"data: [DONE]\n\n"


async def complete(request: web.Request) -> web.StreamResponse:
    """Streams as many tokens as the last message says, so many milliseconds apart: `tokens interval`."""
    body = json.loads(await request.read())
    count, interval = body["messages"][-1]["content"].split()
    tokens, seconds = int(count), float(interval) / 1000
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await response.write(_FIRST + _TOKEN)
    for number in range(1, tokens):
        if (wait := began + number * seconds - loop.time()) > 0:
            await asyncio.sleep(wait)
        await response.write(_TOKEN)
    usage = _USAGE % tokens if (body.get("stream_options") or {}).get("include_usage") else b""
    await response.write(_LAST + usage + _DONE)
    await response.write_eof()
    return response


async def models(_request: web.Request) -> web.Response:
    """The one there is."""
    return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


def main() -> None:
    """Serves on the port that the first argument names."""
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", complete), web.get("/v1/models", models)])
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
