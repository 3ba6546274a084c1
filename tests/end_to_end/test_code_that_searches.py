"""Deployed code that searches the knowledge base, with the rights of whoever starts it."""

from __future__ import annotations


import uuid

import httpx2 as httpx
import pytest

from tests.end_to_end.test_knowledge import ready, upload
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
ASKS = "import knowledge\ndef ask(q, limit=10): return knowledge.search(q, limit=limit)"


def deploy(client: httpx.Client, code: str = ASKS) -> str:
    answer = client.post("/v1/agents", json={"name": "Asks", "type": "python", "code": code})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def execute(client: httpx.Client, agent: str, **given: object) -> dict:
    answer = client.post(f"/v1/agents/{agent}/execute", json={"input_data": given})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_code_finds_what_its_caller_finds(client: httpx.Client) -> None:
    document = ready(client, upload(client, "Otters hold hands.", "o.txt", title="Otters", tags=["sea"]).json()["id"])
    (found,) = execute(client, deploy(client), q="holding")["output"]
    (shown,) = client.get("/v1/knowledge/search", params={"q": "holding"}).json()["results"]
    assert found == shown and found["document_id"] == document["id"]
    narrow = "import knowledge\ndef f(d): return [len(knowledge.search('otter', document_id=d, tags=t)) for t in ([], ['x'])]"
    assert execute(client, deploy(client, narrow), d=document["id"])["output"] == [1, 0]


@pytest.mark.parametrize(
    ("call", "type", "says"),
    [
        ("'-otter'", "ValueError", "must have a word to look for"),
        ("'x', limit=101", "ValueError", "limit must be 1 to 100"),
        ("'x', limit=0", "ValueError", "limit must be 1 to 100"),
        ("'x', offset=-1", "ValueError", "offset 0 to"),
        ("'x', limit='1'", "TypeError", "whole numbers"),
        ("5", "TypeError", "texts"),
        ("'x' * 2000", "ValueError", "at most 1000 characters"),
        ("'x', tags=['a'] * 21", "ValueError", "at most 20"),
        ("'x', tags=[1]", "TypeError", "texts"),
        ("'x', document_id='document_00000000000000000000'", "LookupError", "document"),
        ("'x' * 100_000", "ValueError", "at most 65536 bytes"),
    ],
)
def test_what_cannot_be_asked_is_an_exception(client: httpx.Client, call: str, type: str, says: str) -> None:
    failed = execute(client, deploy(client, f"import knowledge\ndef f(): knowledge.search({call})"))
    assert failed["status"] == "failed" and failed["error"]["type"] == type and says in failed["error"]["message"]


def test_one_run_searches_a_bounded_number_of_times(client: httpx.Client) -> None:
    code = """
import knowledge
def f():
    for number in range(1000):
        try: knowledge.search("nothing")
        except RuntimeError as error: return [number, str(error)]
"""
    assert execute(client, deploy(client, code))["output"] == [100, "one run may search 100 times"]


def test_whoever_may_not_search_starts_no_code_that_may(stack: Stack) -> None:
    organization = uuid.uuid4().hex
    with stack.client(stack.new_key(organization)[1]) as client:
        ready(client, upload(client, "A secret of the owner's.", "s.txt").json()["id"])
        agent = deploy(client)
        weak = stack.new_key(organization, scopes="agents:* sessions:* tasks:* workflows:*")[1]
        with stack.client(weak) as colleague:
            assert colleague.get("/v1/knowledge/search", params={"q": "secret"}).status_code == 403
            failed = execute(colleague, agent, q="secret")
            assert failed["error"]["type"] == "PermissionError" and "knowledge:read" in failed["error"]["message"]
            later = colleague.post(f"/v1/agents/{agent}/execute", json={"input_data": {"q": "secret"}, "wait": False})
            execution = later.json()["id"]
        until(lambda: client.get(f"/v1/executions/{execution}").json()["status"] == "failed")
        assert len(execute(client, agent, q="secret")["output"]) == 1
    with stack.client(stack.tenant()) as stranger:
        assert execute(stranger, deploy(stranger), q="secret")["output"] == []
