"""The command: runs the benchmarks one after another and prints one report."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Protocol

from benchmarks import (
    chat,
    claims,
    dispatch,
    execute,
    industrial,
    knowledge,
    report,
    rest,
    sockets,
    start,
    streams,
    unread,
    upload,
    webhooks,
)
from benchmarks.load import Failed
from benchmarks.scale import Scale


class Benchmark(Protocol):
    """What each module's `run` is."""

    async def __call__(self, scale: Scale) -> str:
        """Measures, and returns a table."""


BENCHMARKS: dict[str, tuple[str, Benchmark]] = {
    "rest": (rest.TITLE, rest.run),
    "execute": (execute.TITLE, execute.run),
    "start": (start.TITLE, start.run),
    "streams": (streams.TITLE, streams.run),
    "dispatch": (dispatch.TITLE, dispatch.run),
    "claims": (claims.TITLE, claims.run),
    "sockets": (sockets.TITLE, sockets.run),
    "industrial": (industrial.TITLE, industrial.run),
    "unread": (unread.TITLE, unread.run),
    "webhooks": (webhooks.TITLE, webhooks.run),
    "upload": (upload.TITLE, upload.run),
    "knowledge": (knowledge.TITLE, knowledge.run),
    "chat": (chat.TITLE, chat.run),
}


async def run(names: list[str], scale: Scale) -> dict[str, str]:
    """The tables by name, each printed as soon as it is there."""
    task = asyncio.current_task()
    assert task is not None
    # Like Ctrl-C, this ends what we have started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    tables = {}
    print(f"{report.conditions()}{_noted(scale)}\n", flush=True)
    for name in names:
        title, benchmark = BENCHMARKS[name]
        tables[name] = await benchmark(scale)
        print(f"## {title}\n\n{tables[name]}\n", flush=True)
    return tables


def _noted(scale: Scale) -> str:
    """What stands behind the conditions where the figures are not those of a full run."""
    return "" if scale is Scale.FULL else f", with --{scale.name.lower()}"


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the server on this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(BENCHMARKS)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="shorter rounds, whose figures say less")
    parser.add_argument("--tiny", action="store_true", help="only to see that it works: the figures mean nothing")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
    names = options.names or list(BENCHMARKS)
    scale = Scale.TINY if options.tiny else Scale.QUICK if options.quick else Scale.FULL
    try:
        tables = asyncio.run(run(names, scale))
    except (Failed, TimeoutError) as error:
        sys.exit(f"failed: {str(error) or 'it took too long'}")
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("stopped")
    if options.write:
        note = f"Measured on {report.conditions()}{_noted(scale)}."
        report.write({name: f"{note}\n\n{content}" for name, content in tables.items()})


if __name__ == "__main__":
    main()
