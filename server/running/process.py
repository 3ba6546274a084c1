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
import uvloop

from server.app import Address, Application
from server.certificates import Certificate
from server.errors import Misconfigured, SchemaTooNew, ServiceError
from server.rpc.log import configure
from server.running.deadline import Deadline
from server.running.prepare import prepare
from server.settings import Settings

log = structlog.get_logger()


def run(
    settings: Settings,
    addresses: Sequence[str],
    socket_address: Address,
    supervisor: int,
    certificate: Certificate | None,
) -> int:
    """Prepares and serves until SIGTERM, or until the supervisor is gone; returns the exit code where it cannot."""
    # All that is made until it serves stays: whoever looked for garbage in it would take a tenth of the start.
    gc.disable()
    configure(settings.log_level)
    try:
        prepare(settings)
        uvloop.run(serve(settings, addresses, socket_address, supervisor, certificate))
    except ServiceError as error:
        print(error.message, file=sys.stderr)
        # Tells the supervisor that starting us again is of no use.
        return os.EX_CONFIG if isinstance(error, Misconfigured | SchemaTooNew) else 1
    return 0


async def serve(
    settings: Settings,
    addresses: Sequence[str],
    socket_address: Address | None = None,
    supervisor: int | None = None,
    certificate: Certificate | None = None,
) -> None:
    """Serves, and ends the process; one with a supervisor, whose id is given, ends with it too. Raises Unavailable."""
    stopping, deadline = asyncio.Event(), Deadline(settings.stop_seconds)
    loop = asyncio.get_running_loop()

    # Not a handler of the loop: the time runs from the signal on, also where the loop is held up.
    def stop(_number: int, _frame: FrameType | None) -> None:
        deadline.begin()
        loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if supervisor is not None:
        deadline.follow(supervisor)
    application = Application(settings)
    starting = asyncio.create_task(application.start(addresses, socket_address, certificate))
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
