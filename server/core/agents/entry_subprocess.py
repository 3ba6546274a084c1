"""Finding the entry function without holding up the event loop: long code is parsed by a process of its own."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict
from typing import Any

from server.core.agents.entry_point import MAX_CODE_BYTES, CodeError, Entry, find_entry
from server.pace import answer_of

# Parsing this much takes a few milliseconds at most.
AT_ONCE_BYTES = 8 * 1024
PATIENCE_SECONDS = 20.0
MEMORY_BYTES = 1 << 30


async def entry_in(code: str, name: str | None) -> Entry:
    """As `find_entry`. Raises CodeError."""
    if len(code) <= AT_ONCE_BYTES or len(code) > MAX_CODE_BYTES:
        return find_entry(code, name=name)
    request = json.dumps({"code": code, "name": name}).encode()
    try:
        answer = await answer_of(__name__, request, PATIENCE_SECONDS)
    except TimeoutError:
        raise CodeError("code", "takes too long to parse") from None
    if answer is None:
        raise CodeError("code", "is nested too deeply, or is too much, to parse")
    return _told(json.loads(answer))


def _told(answer: dict[str, Any]) -> Entry:
    if "error" in answer:
        raise CodeError(*answer["error"])
    return Entry.from_json(json.dumps(answer["entry"]))


def _main() -> None:
    """The process: one request on standard input, one answer on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    request = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"entry": asdict(find_entry(request["code"], name=request["name"]))}
    except CodeError as error:
        answer = {"error": [error.field, error.issue, error.details]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
