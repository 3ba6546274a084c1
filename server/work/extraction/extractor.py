"""Starts the process that reads a file, and gives what it finds as it comes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from server.work.extraction.kinds import Unreadable

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 600
# In all, and for how long it may say nothing.
WALL_SECONDS, SILENT_SECONDS = 1800.0, 300.0
# One line holds one chunk, with its terms.
LINE_BYTES = 1 << 20
_PASSED = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")


async def extract(path: Path, filename: str, *, memory_bytes: int = MEMORY_BYTES) -> AsyncGenerator[dict[str, Any]]:
    """What `__main__.found` says of a file. Raises Unreadable; whoever stops reading ends the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Nothing in the folder that this process was started in is ours.
        "-P",
        "-m",
        "server.work.extraction",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        env={name: os.environ[name] for name in _PASSED if name in os.environ},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"path": str(path), "filename": filename, "memory_bytes": memory_bytes, "cpu_seconds": CPU_SECONDS}
    clock = asyncio.get_running_loop().time
    ends = clock() + WALL_SECONDS
    try:
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        while True:
            # Not around what the caller does with a line: it would be he who is cancelled.
            async with asyncio.timeout(min(SILENT_SECONDS, max(0.0, ends - clock()))):
                line = await process.stdout.readline()
            if not line:
                break
            if clock() >= ends:
                raise TimeoutError
            said = json.loads(line)
            if "error" in said:
                raise Unreadable(said["error"])
            if "end" in said:
                return
            yield said
        async with asyncio.timeout(SILENT_SECONDS):
            code = await process.wait()
        raise Unreadable(_ended(code))
    except (BrokenPipeError, ConnectionResetError):
        raise Unreadable(_ended(await process.wait())) from None
    except TimeoutError:
        raise Unreadable("reading the file takes too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            # It is over only when what it has said has been read, which nobody else does any more.
            await process.stdout.read()
            await process.wait()


def _ended(code: int) -> str:
    """Why there is no answer."""
    if code == -signal.SIGXCPU:
        return f"reading the file takes more than {CPU_SECONDS // 60} minutes of a processor"
    return "the file cannot be read: its reader gave up"
