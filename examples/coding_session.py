"""A whole coding session over the Industrial API: `python examples/coding_session.py`, with a server on this machine.

Two agents register and a session starts. Its task is taken apart, the agents do the parts and say so, and meanwhile the
session's room tells what happens. In development none of this needs a key.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from typing import Any

import httpx2 as httpx
from websockets.sync.client import connect

AGENTS = {
    "BACKEND": ["ARCHITECTURE", "CODE_GENERATION", "DATABASE", "DEPLOYMENT"],
    "QA": ["TESTING", "DOCUMENTATION"],
}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")


def say(line: str) -> None:
    """Prints a line in one piece, because two threads do."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Api:
    """The Industrial API at an address such as `127.0.0.1:8000`."""

    def __init__(self, address: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=f"http://{address}/api/v1", headers=headers, timeout=30)

    def get(self, path: str, **parameters: Any) -> Any:
        """What is at a path."""
        return self._client.get(path, params=parameters).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        """What came of it."""
        return self._client.post(path, json=body).raise_for_status().json()


class Room(threading.Thread):
    """Prints what happens in a session until it has ended."""

    def __init__(self, address: str, session: str, key: str) -> None:
        super().__init__()
        self._url = f"ws://{address}/ws/sessions/{session}?since=0"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.opened = threading.Event()
        # The task that was taken apart has ended.
        self.parts_done = threading.Event()

    def run(self) -> None:
        """Follows the room."""
        with connect(self._url, additional_headers=self._headers) as socket:
            for text in socket:
                frame = json.loads(text)
                status, task = frame["payload"].get("status", ""), frame["payload"].get("task", {})
                say(f"  room: {frame['type']} {status} {task.get('title', '')}")
                if frame["type"] == "subscription.confirmed":
                    self.opened.set()
                if task.get("subtask_count") and status in ENDED:
                    self.parts_done.set()
                if frame["type"] == "session.status_changed" and status in ENDED:
                    return


def work(api: Api, agent: dict[str, Any]) -> None:
    """Does what is assigned to an agent and may be begun."""
    api.post(f"/agents/{agent['id']}/heartbeat", current_load=50)
    mine = [task for task in api.get(f"/agents/{agent['id']}/tasks")["items"] if task["status"] == "QUEUED"]
    for task in mine:
        path = f"/agents/{agent['id']}/tasks/{task['id']}"
        begun = api.post(f"{path}/begin")
        api.post(
            f"{path}/result", attempt=begun["attempt"], result={"done": begun["title"]}, tokens_used=len(begun["title"])
        )
        say(f"{agent['name']} did: {task['title']}")


def main(address: str, key: str, suffix: str) -> None:
    """Goes the whole way at the server whose orchestra port is at `address`; `suffix` makes the agents' names new."""
    api = Api(address, key)
    agents = [
        api.post("/agents/register", name=f"AGENT-{type}-{suffix}", type=type, capabilities=capabilities)
        for type, capabilities in AGENTS.items()
    ]
    session = api.post(
        "/sessions", title="Session-Alpha-001", type="CODING", priority="HIGH", initial_prompt="Implement logins"
    )
    room = Room(address, session["id"], key)
    room.start()
    room.opened.wait(10)
    api.post(f"/sessions/{session['id']}/start")
    task = api.post(
        "/tasks",
        session_id=session["id"],
        title="Implement login endpoint",
        description="Create POST /auth/login",
        complexity="MEDIUM",
    )
    plan = api.post(f"/tasks/{task['id']}/decompose", template="MICROSERVICE")
    say(f"{plan['template_used']}: {len(plan['subtasks'])} parts")
    while not room.parts_done.wait(0.1):
        for agent in agents:
            work(api, agent)
    api.post(f"/sessions/{session['id']}/checkpoints", name="before the end", data={"parts": len(plan["subtasks"])})
    done = api.post(f"/sessions/{session['id']}/complete", result={"endpoint": "POST /auth/login"})
    room.join(10)
    say(f"{done['title']} is {done['status']}: {json.dumps(done['metrics'])}")
    for agent in agents:
        final = api.get(f"/agents/{agent['id']}")
        say(f"{final['name']}: {final['tasks_completed']} tasks, success rate {final['success_rate']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default=os.environ.get("ORCHESTRATOR_ORCHESTRA", "127.0.0.1:8000"))
    parser.add_argument("--suffix", default=f"{time.time_ns() // 1_000_000 % 1_000_000:06}")
    options = parser.parse_args()
    main(options.address, os.environ.get("ORCHESTRATOR_KEY", ""), options.suffix)
