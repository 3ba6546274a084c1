"""Follows one session over REST as server-sent events, with the standard library alone, and survives reconnects."""

from __future__ import annotations

import argparse
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

ENDS = {"session.completed", "session.failed", "session.expired", "session.deleted"}


def events(url: str, key: str, session: str) -> Iterator[dict[str, object]]:
    """Every event of the session, from its first; a dropped connection is resumed after the last one."""
    last = "0"
    while True:
        try:
            for identifier, event in _stream(url, key, session, last):
                last = identifier
                yield event
        except (OSError, http.client.HTTPException):
            time.sleep(1)


def _stream(url: str, key: str, session: str, last: str) -> Iterator[tuple[str, dict[str, object]]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Last-Event-ID": last}
    connection.request("GET", f"/v1/sessions/{session}/events", headers=headers)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise SystemExit(answer.read().decode())
    identifier = ""
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            identifier = value
        elif name == "data":
            yield identifier, json.loads(value)


def main(url: str, key: str, session: str) -> None:
    """Prints the session's events until it ends."""
    for event in events(url, key, session):
        print(event["id"], event["type"], flush=True)
        if event["type"] in ENDS:
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("session", help="such as session_01a1f8a3eb9d737397da3a7fa1cdb469")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--key", default="")
    arguments = parser.parse_args()
    main(arguments.url, arguments.key or Path("data/dev-api-key").read_text().strip(), arguments.session)
