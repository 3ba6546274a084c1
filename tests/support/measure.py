"""How late sockets hear: 1,000 of them in one server process, 100 messages at 4/s. `python -m tests.support.measure`."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

import psutil
import uvloop
from websockets.asyncio.client import unix_connect

SOCKETS = 1000
MESSAGES = 100


async def main() -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.talk", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said = json.loads(await server.stdout.readline())
    delays: list[float] = []

    async def listen(socket) -> None:
        for _ in range(MESSAGES):
            message = await socket.recv(decode=False)
            now = time.monotonic()
            delays.append(now - json.loads(message)["sent"])

    gc.disable()  # what the client's own collector takes is not the server's
    began = time.monotonic()
    sockets = []
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    for _ in range(SOCKETS):
        socket = await unix_connect(said["path"], uri=f"ws://x/t/feed?token={said['key']}", compression=None)
        await socket.recv()
        sockets.append(socket)
    print(
        f"{SOCKETS} handshakes in {time.monotonic() - began:.2f} s, {(process.memory_info().rss - before) / SOCKETS / 1024:.0f} KiB each"
    )
    used = process.cpu_times()
    own = time.process_time()
    server.stdin.write(f"{MESSAGES}\n".encode())
    await asyncio.gather(*map(listen, sockets))
    after = process.cpu_times()
    seconds = MESSAGES / 4
    rounds = [sorted(delays[index : index + SOCKETS]) for index in range(0, len(delays), SOCKETS)]
    print("slowest of each round, ms:", *(f"{each[-1] * 1000:.0f}" for each in rounds))
    delays.sort()
    server_cpu = (after.user + after.system - used.user - used.system) / seconds
    print(
        f"{len(delays)} messages: p50 {delays[len(delays) // 2] * 1000:.1f} ms, p99 "
        f"{delays[int(len(delays) * 0.99)] * 1000:.1f} ms, max {delays[-1] * 1000:.1f} ms; "
        f"CPU server {server_cpu:.0%}, client {(time.process_time() - own) / seconds:.0%}"
    )
    for socket in sockets:
        socket.transport.abort()
    server.stdin.close()
    await server.wait()


if __name__ == "__main__":
    uvloop.run(main())
