"""A server process: it serves until SIGTERM or SIGINT, finishes, and is gone after its time whatever happens."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import structlog

from server.app import Address, Application
from server.deadline import Deadline
from server.settings import Settings

log = structlog.get_logger()


async def serve(
    settings: Settings, addresses: Sequence[str], socket_address: Address | None = None, *, supervised: bool = False
) -> None:
    """Serves, and ends the process; a supervised one ends with its supervisor too. Raises Unavailable."""
    stopping, deadline = asyncio.Event(), Deadline(settings.stop_seconds)
    loop = asyncio.get_running_loop()

    # Not a handler of the loop: the time runs from the signal on, also where the loop is held up.
    def stop(_number: int, _frame: FrameType | None) -> None:
        deadline.begin()
        loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if supervised:
        deadline.follow(os.getppid())
    application = Application(settings)
    starting = asyncio.create_task(application.start(addresses, socket_address))
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        # Nobody has been answered yet, so nothing is to be finished.
        _exit()
    await starting
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 50, 50)
    log.info("serving", addresses=list(addresses), isolation=application.sandboxes.isolation)
    await waiting
    log.info("stopping")
    await application.finish()
    _exit()


def _exit() -> None:
    """Ends the process as it is.

    gRPC would cancel the calls that arrive while it shuts down. Where their connection ends instead, they are
    unavailable, and clients try again.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
