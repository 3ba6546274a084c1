"""kill -9 while documents are read: each of them becomes ready, and is found once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

DOCUMENTS = 2
WORDS = "Otters hold hands when they sleep, so that they do not drift apart. " * 20


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    running = Stack(tmp_path / "data", "--no-quotas", LEASE_SECONDS="1", SANDBOX_PREWARMED="0").start()
    yield running
    running.stop()


def test_documents_survive_kill_9_of_the_server(stack: Stack) -> None:
    with stack.client() as client:

        def read() -> list[dict]:
            answer = client.get("/v1/knowledge/documents", params={"limit": 100})
            return answer.json()["documents"] if answer.status_code == 200 else []

        made = []
        for n in range(DOCUMENTS):
            text = "\n\n".join(f"Number {n}, part {part}. {WORDS}" for part in range(60))
            answer = client.post("/v1/knowledge/documents", files={"file": (f"{n}.txt", text)})
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["id"])
        until(lambda: any(0 < each["progress"] or each["status"] == "ready" for each in read()))
        stack.server().send_signal(signal.SIGKILL)
        until(lambda: [each["status"] for each in read()] == ["ready"] * DOCUMENTS, 60)
        assert {each["id"] for each in read()} == set(made)
        for n, document in enumerate(made):
            parameters = {"q": f'"number {n}"', "limit": 100, "document_id": document}
            found = client.get("/v1/knowledge/search", params=parameters).json()["results"]
            count = next(each["chunks"] for each in read() if each["id"] == document)
            assert len({each["chunk"] for each in found}) == len(found) == min(60, count)
