"""Pages that there are not, asked of every API through a real Envoy: refused in that API's shape."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

# Of each API some lists: its port, what it pages by, how it refuses, and what of a number it takes for none.
LISTS = {
    "coordinaitor": ("operations_port", ["/api/v1/tasks", "/api/v1/users", "/api/agents"], ["page", "limit"], 422, [0, -1]),
    "agent-operations": ("operations_port", ["/v1/agents", "/v1/workflows"], ["page", "limit"], 400, [0, -1]),
    "industrial": ("port", ["/api/v1/tasks", "/api/v1/sessions"], ["page", "page_size"], 400, [0, -1]),
    "agent-orchestration": ("port", ["/v1/sessions", "/v1/webhooks"], ["offset", "limit"], 400, [-1]),
    "ai-orchestra": ("port", ["/webhooks"], ["offset", "limit"], 400, [-1]),
}


@pytest.mark.parametrize("api", LISTS)
def test_a_page_that_cannot_be_is_refused_in_the_shape_of_its_api(stack: Stack, key: str, api: str) -> None:
    port, paths, names, status, none = LISTS[api]
    base = f"http://127.0.0.1:{getattr(stack, port)}"
    with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        for path in paths:
            assert client.get(path, params={names[0]: 1, names[1]: 1}).status_code == 200
            for name in names:
                for wrong in (*none, 1_000_000_000, 1 << 40, "a", "1.5"):
                    said = client.get(path, params={name: wrong})
                    # What is no whole number at all is none of JSON either, which the gateway says.
                    unread = not isinstance(wrong, int) or wrong > 1 << 31
                    assert said.status_code == (400 if unread else status), (path, name, wrong, said.text)
                    error = said.json()["error"]
                    assert error["code"] and (unread or name in said.text), said.text
            assert client.get(path, params={names[0]: 1_000_000}).status_code == 200
