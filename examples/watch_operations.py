"""Watches tasks and workflows over the WebSocket of the Agent Operations API, until Ctrl-C or enough events."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from websockets.sync.client import connect


def main(address: str, key: str, events: int) -> None:
    """Prints what happens at the server whose operations port is at `address`."""
    with connect(f"ws://{address}/v1/ws") as socket:
        socket.send(json.dumps({"type": "auth", "token": key}))
        for channel in ("task_events", "workflow_events"):
            socket.send(json.dumps({"type": "subscribe", "channel": channel}))
        for text in socket:
            frame = json.loads(text)
            payload = frame["payload"]
            if "id" not in frame:
                print(frame["type"], payload.get("channel") or payload.get("message", ""), flush=True)
                continue
            about = payload.get("type") or payload.get("workflow_id") or payload["id"]
            progress = f" {payload['progress']:.0f}%" if frame["type"] == "task_progress" else ""
            print(f"{frame['id']} {frame['type']} {about}{progress}", flush=True)
            events -= 1
            if events == 0:
                return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default=os.environ.get("ORCHESTRATOR_OPERATIONS", "127.0.0.1:3000"))
    parser.add_argument("--key-file", type=Path, default=Path("data/dev-api-key"))
    parser.add_argument("--events", type=int, default=0, help="how many; without end when 0")
    options = parser.parse_args()
    main(options.address, os.environ.get("ORCHESTRATOR_KEY") or options.key_file.read_text().strip(), options.events)
