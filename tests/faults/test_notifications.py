"""kill -9 in the middle of telling: everybody is told of everything, and of nothing twice."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import httpx2 as httpx
import pytest

from tests.faults.test_webhooks import killed, patiently
from tests.support.stack import Stack
from tests.support.waiting import until

# Tasks, and how often a server is killed meanwhile.
TASKS, KILLS = 16, 2


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    environment = {"REQUESTS_PER_HOUR": "1000000", "REQUESTS_PER_MINUTE": "100000", "SANDBOX_PREWARMED": "0", "LEASE_SECONDS": "10"}
    running = Stack(tmp_path / "data", "--workers", "2", **environment).start()
    yield running
    running.stop()


def _has_made_all(stack: Stack, identifier: str) -> None:
    """The user of a key can log in, and has made every task of his organization."""
    with closing(sqlite3.connect(stack.data_dir / "orchestrator.db", timeout=20)) as store, store:
        mine = (identifier.removeprefix("key_"),)
        [(user,)] = store.execute("SELECT user_id FROM api_keys WHERE id = ?", mine)
        store.execute("UPDATE users SET password = '$argon2' WHERE id = ?", (user,))
        store.execute(
            "CREATE TRIGGER made AFTER INSERT ON tasks BEGIN "
            f"UPDATE tasks SET created_by = '{user}' WHERE id = new.id; END"
        )


@pytest.mark.timeout(240)
def test_nobody_misses_the_end_of_a_task_or_hears_of_it_twice(stack: Stack) -> None:
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    identifier, key = stack.new_key()
    _has_made_all(stack, identifier)
    headers = {"authorization": f"Bearer {key}"}
    base = f"http://127.0.0.1:{stack.operations_port}"
    ended: list[str] = []
    with httpx.Client(base_url=base, headers=headers, timeout=30) as client:

        def post(path: str, once: str, **body) -> dict:
            return patiently(client, "POST", path, once, json=body)["data"]

        agent = post("/v1/agents", "agent", name="a", type="t")["id"]
        worker = post("/v1/workers", "worker", agent_id=agent, name="w", capacity=100)["id"]
        done = threading.Event()

        def kill() -> None:
            for part in range(KILLS):
                until(lambda part=part: done.is_set() or len(ended) >= (part + 1) * TASKS // (KILLS + 1), 60)
                time.sleep(chance.uniform(0, 0.05))
                until(lambda: killed(stack), 60)

        killer = threading.Thread(target=kill)
        killer.start()
        for number in range(TASKS):
            task = post("/v1/tasks", f"t{number}", agent_id=agent, type="t", input={})["id"]
            # Where a lease is given and its answer lost, the task comes again when the lease has ended. A lease outlives
            # a server that has to start again.
            leases: list[dict] = []
            until(lambda leases=leases: leases.extend(post(f"/v1/workers/{worker}/leases", "", wait_seconds=1)) or leases, 60)
            for lease in leases:
                path = f"/v1/workers/{worker}/tasks/{lease['task_id']}/complete"
                patiently(client, "POST", path, "", json={"attempt": lease["attempt"], "result": {}})
                ended.append(lease["task_id"])
            assert task
        done.set()
        killer.join()

        def completed() -> int:
            return patiently(client, "GET", "/v1/tasks?status=completed&limit=1", "")["pagination"]["total"]

        path = "/api/v1/users/me/notifications"
        until(lambda: patiently(client, "GET", f"{path}?limit=1", "")["pagination"]["total"] >= completed(), 30)
        told = patiently(client, "GET", f"{path}?limit=100", "")["data"]
        count = completed()
    times = Counter(each["resourceId"] for each in told if each["type"] == "task.completed")
    assert set(times.values()) == {1} and len(times) == count >= TASKS - KILLS, f"seed {seed}"
