"""Fields of JSON bodies that no method knows, through a real Envoy, which drops them: the answer names them."""

from __future__ import annotations

import json

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def api(stack: Stack, key: str):
    with httpx.Client(base_url=f"{stack.url}/api/v1", headers={"x-api-key": key}, timeout=30) as client:
        yield client


def warned(api: httpx.Client, body: str, path: str = "/sessions", **headers: str) -> tuple[int, str | None]:
    answer = api.post(path, content=body, headers={"content-type": "application/json", **headers})
    _, _, names = answer.headers.get("warning", "").partition('299 - "unknown fields were ignored: ')
    return answer.status_code, names.rstrip('"') or None


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"title": "a"}', None),
        ('{"title": "a", "parentSessionId": "", "initial_prompt": "{\\"tilte\\": 1}"}', None),
        ('{"title": "a", "tilte": "b"}', "tilte"),
        (' {"q": [{"z": 1}, "a: b", "}"], "title": "a\\\\", "w" : {"title": {}}}', "q, w"),
        ('{"title": "a", "ä b\\"": 1, "x,y": null}', "%C3%A4%20b%5C%22, x%2Cy"),
    ],
)
def test_a_field_that_is_not_known_is_named_and_ignored(api: httpx.Client, body: str, names: str | None) -> None:
    assert warned(api, body) == (201, names)


def test_a_refusal_names_it_too_and_bodies_that_cannot_be_read_are_refused_as_ever(api: httpx.Client) -> None:
    assert warned(api, '{"tilte": "a"}') == (400, "tilte")
    for body in ('["title"]', '{"title": ', '"title"', "{]}", '{"title" "a"}', "", "}"):
        assert warned(api, body)[0] == 400, body


def test_nobody_else_says_which_fields_there_are(api: httpx.Client) -> None:
    assert warned(api, '{"title": "a"}', **{"x-body-fields": "forged"}) == (201, None)
    assert warned(api, '{"title": "a", "b": 1}', **{"x-body-fields": "forged"}) == (201, "b")


def test_large_bodies_and_many_members_cost_no_time_and_are_taken(api: httpx.Client) -> None:
    large = json.dumps({"tilte": 1, "title": "a", "initial_prompt": "x" * 70_000})
    assert warned(api, large) == (201, None)
    many = json.dumps({"title": "a", **{f"x{n}": [[[]]] for n in range(3000)}})
    status, names = warned(api, many)
    assert status == 201 and names is not None and names.startswith("x0, x1, x2")


def test_every_way_to_a_method_is_looked_at_and_no_other_content(stack: Stack, api: httpx.Client, key: str) -> None:
    session = api.post("/sessions", json={"title": "a"}).json()["id"]
    changed = httpx.patch(f"{stack.url}/v1/sessions/{session}", json={"name": "b", "nmae": "c"}, headers={"x-api-key": key})
    assert changed.status_code == 200 and changed.headers["warning"].endswith('nmae"')
    agent = api.post("/agents/register", json={"name": "a", "type": "QA"}).json()["id"]
    for path in (f"/agents/{agent}/heartbeat", f"/agents/external/{agent}/heartbeat"):
        assert warned(api, '{"current_load": 1, "status": "fine"}', path) == (200, "status")
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    for given in ({"data": form}, {"json": form}):
        answer = httpx.post(f"http://127.0.0.1:{stack.operations_port}/oauth/token", **given)
        assert "warning" not in answer.headers
