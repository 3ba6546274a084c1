"""The CoordinAItor API's WebSocket, through a real Envoy: channels, filters, cursors, and who may listen."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect

from tests.end_to_end.test_agent_operations_socket import Ears, post
from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
AGENT = {"name": "Ada", "type": "data_processor"}


@pytest.fixture
def api(stack: Stack, key: str) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{stack.operations_port}"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as opened:
        yield opened


def listen(stack: Stack, key: str = "", query: str = "", host: str = "", **options):
    headers = {**({"authorization": f"Bearer {key}"} if key else {}), **({"host": host} if host else {})}
    address = f"ws://127.0.0.1:{stack.operations_port}/ws{query}"
    return connect(address, additional_headers=headers, **options)


async def test_the_documented_snippet_hears_of_tasks_and_agents_without_a_credential(
    stack: Stack, api: httpx.Client
) -> None:
    # Guests act in the organization of the development key.
    api.headers["authorization"] = f"Bearer {stack.key}"
    async with listen(stack) as socket:
        ears = Ears(socket)
        await ears.say(type="subscribe", channel="tasks", filters={"status": "pending"}, id=1)
        assert (await ears.hear())["type"] == "connected"
        subscribed = await ears.hear()
        assert subscribed["type"] == "subscribed" and subscribed["replyTo"] == 1
        assert subscribed["data"]["channel"] == "tasks" and subscribed["data"]["filters"] == {"status": "pending"}
        await ears.say(type="subscribe", channel="agents")
        await ears.hear("subscribed")
        agent = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
        created = await ears.hear("agent.created")
        assert created["data"]["name"] == "Ada" and created["data"]["id"].startswith("agent-") and created["id"]
        wanted = {"agent_id": agent["id"], "type": "data_processor", "input": {}}
        task = await asyncio.to_thread(post, api, "/v1/tasks", wanted)
        heard = await ears.hear("task.created")
        assert heard["data"]["id"] == task["id"].replace("_", "-") and heard["data"]["status"] == "pending"
        assert heard["data"]["assignedAgent"] == {"id": agent["id"].replace("_", "-"), "name": "Ada"}
        assert heard["data"]["project"] is None and heard["timestamp"].endswith("Z")


async def test_filters_take_what_fits_and_a_cursor_goes_on_where_one_was(
    stack: Stack, api: httpx.Client, key: str
) -> None:
    agent = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
    other = await asyncio.to_thread(post, api, "/v1/agents", AGENT)
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        cursor = int((await ears.hear("connected"))["data"]["cursor"])
    tasks = [
        await asyncio.to_thread(post, api, "/v1/tasks", {"agent_id": each["id"], "type": "x", "input": {}})
        for each in (other, agent)
    ]
    async with listen(stack, query=f"?token={key}") as socket:
        ears = Ears(socket)
        await ears.hear("connected")
        mine = {"agentId": agent["id"].replace("_", "-")}
        await ears.say(type="subscribe", channel="tasks", filters=mine, since=cursor)
        await ears.hear("subscribed")
        assert (await ears.hear())["data"]["id"] == tasks[1]["id"].replace("_", "-")
        await ears.say(type="unsubscribe", channel="tasks", filters=mine)
        assert (await ears.hear())["type"] == "unsubscribed"
        await asyncio.to_thread(post, api, "/v1/tasks", {"agent_id": agent["id"], "type": "x", "input": {}})
        await ears.say(type="ping", id="p")
        pong = await ears.hear()
        assert pong["type"] == "pong" and pong["replyTo"] == "p"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"channel": "everything"}, "channel"),
        ({"channel": "tasks", "filters": {"colour": "red"}}, "filters.colour"),
        ({"channel": "tasks", "filters": {"agentId": "nobody"}}, "filters.agentId"),
        ({"channel": "notifications", "filters": {"status": "new"}}, "filters.status"),
        ({"channel": "tasks", "since": -1}, "since"),
    ],
)
async def test_what_cannot_be_subscribed_to_is_told(stack: Stack, key: str, said: dict, field: str) -> None:
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        await ears.hear("connected")
        await ears.say(type="subscribe", **said)
        error = (await ears.hear("error"))["data"]
        assert error["code"] == "VALIDATION_ERROR" and field in error["details"]
        await ears.say(type="ping")
        assert (await ears.hear())["type"] == "pong"


async def test_what_is_not_there_and_what_is_not_allowed_is_told(stack: Stack, key: str) -> None:
    async with listen(stack, key) as socket:
        ears = Ears(socket)
        await ears.hear("connected")
        await ears.say(type="subscribe", channel="tasks", filters={"taskId": "task-" + "0" * 12 + "7000" + "8" * 16})
        assert (await ears.hear("error"))["data"]["code"] == "NOT_FOUND"
    async with listen(stack, stack.new_key(scopes="events:read agents:read")[1]) as socket:
        ears = Ears(socket)
        await ears.hear("connected")
        await ears.say(type="subscribe", channel="tasks")
        error = (await ears.hear("error"))["data"]
        assert error["code"] == "AUTHORIZATION_ERROR" and error["details"]["scope"] == "tasks:read"
        await ears.say(type="subscribe", channel="agents")
        await ears.hear("subscribed")


async def test_guests_are_on_this_machine_and_on_no_other_page_and_at_no_other_path(
    stack: Stack, key: str
) -> None:
    for options in ({"origin": "https://elsewhere.example"}, {"host": "rebound.example:3000"}):
        async with listen(stack, **options) as socket:
            ears = Ears(socket)
            await ears.say(type="subscribe", channel="tasks")
            assert (await ears.hear("error"))["data"]["code"] == "AUTHORIZATION_ERROR"
            # Who has a token may come from anywhere.
            await ears.say(type="auth", token=key)
            await ears.hear("auth_ok")
    async with listen(stack) as socket:
        ears = Ears(socket)
        await ears.say(type="auth", token="no-such-key")
        assert (await ears.hear("error"))["data"]["code"] == "AUTHENTICATION_ERROR"
        assert await ears.closed() == 1008
    base = f"http://127.0.0.1:{stack.operations_port}"
    assert httpx.get(f"{base}/api/v1/webhooks").status_code == 401
    async with connect(f"ws://127.0.0.1:{stack.operations_port}/v1/ws") as socket:
        ears = Ears(socket)
        await ears.say(type="subscribe", channel="task_events")
        assert (await ears.hear("error"))["payload"]["code"] == "UNAUTHORIZED"


async def test_notifications_come_to_who_they_are_for_and_wants_them(stack: Stack, api: httpx.Client, key: str) -> None:
    agent = await asyncio.to_thread(post, api, "/v1/agents", {**AGENT, "type": "told"})
    task = await asyncio.to_thread(post, api, "/v1/tasks", {"agent_id": agent["id"], "type": "told", "input": {}})
    user = _may_log_in(stack, task["id"])
    async with listen(stack, key) as socket, listen(stack, stack.new_key()[1]) as another:
        mine, others = Ears(socket), Ears(another)
        for ears in (mine, others):
            await ears.hear("connected")
            await ears.say(type="subscribe", channel="notifications")
            await ears.hear("subscribed")
        await asyncio.to_thread(_done, api, agent["id"], task["id"])
        told = await mine.hear("notification.created")
        assert told["data"]["type"] == "task.completed" and told["data"]["resourceId"] == task["id"].replace("_", "-")
        assert told["data"]["read"] is False
        path = "/api/v1/users/me/notifications"
        listed = (await asyncio.to_thread(api.get, path)).json()
        assert listed["unreadCount"] == 1 and listed["data"][0]["id"] == told["data"]["id"]
        read = await asyncio.to_thread(api.put, f"{path}/{told['data']['id']}/read", json={})
        assert read.json()["data"]["read"] is True and read.json()["data"]["readAt"]
        again = (await asyncio.to_thread(api.get, f"{path}?unread=true")).json()
        assert again["data"] == [] and again["pagination"]["total"] == 0 and again["unreadCount"] == 0
        # To whom they are not for, nothing was sent.
        await others.say(type="ping")
        assert (await others.hear())["type"] == "pong"
    _may_log_in(stack, "", user, password="")


def _done(api: httpx.Client, agent: str, task: str) -> None:
    """A worker of the agent does the task, over REST."""
    worker = post(api, "/v1/workers", {"agent_id": agent, "name": "w"})["id"]
    leases = post(api, f"/v1/workers/{worker}/leases", {"max": 5, "wait_seconds": 5})
    assert [each["task_id"] for each in leases] == [task]
    post(api, f"/v1/workers/{worker}/tasks/{task}/complete", {"attempt": 1, "result": {}})


def _may_log_in(stack: Stack, task: str, user: str = "", password: str = "x") -> str:
    with sqlite3.connect(stack.data_dir / "orchestrator.db", timeout=10) as store:
        if not user:
            mine = (task.removeprefix("task_"),)
            users = "SELECT users.id FROM users JOIN tasks USING (organization_id) WHERE tasks.id = ?"
            [(user,)] = store.execute(users, mine).fetchall()
            store.execute("UPDATE tasks SET created_by = ? WHERE id = ?", (user, *mine))
        store.execute("UPDATE users SET password = ? WHERE id = ?", (password, user))
    return user

