"""The Industrial API at the gateway: its routes, its shape for Envoy's own refusals, web pages and guests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.running.prepare import prepare
from server.settings import Settings
from server.store.opened import open_database
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.industry import Answer, Door, Industry

PAGE, ELSEWHERE = "http://localhost:5173", "https://elsewhere.example"


# One gateway for all of them, so they run in one process.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("industrial gateway")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def industry(tmp_path_factory) -> AsyncIterator[Industry]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("industry"))
    await asyncio.to_thread(prepare, settings)
    database = open_database(settings)
    await database.open()
    running = Industry(settings, database)
    await running.start()
    yield running
    await running.stop()
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(industry: Industry) -> AsyncIterator[Door]:
    running = Door(industry, Settings().origins)
    try:
        await running.ready()
        yield running
    finally:
        await running.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def healthy(door: Door) -> None:
    """Between tests the server's loop stands still, and the gateway may have taken it for dead."""
    await door.ready()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def someone(industry: Industry) -> Tenant:
    return await make_tenant(industry.database)


def refusal(answer: Answer) -> tuple[int, str]:
    error = answer.json["error"]
    assert list(answer.json) == ["error"] and set(error) == {"code", "message", "request_id"}, answer.text
    assert error["message"] and error["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    return answer.status, error["code"]


async def test_its_paths_lead_to_its_services(door: Door, someone: Tenant) -> None:
    for path in ("/api/v1/sessions", "/api/v1/agents", "/api/v1/tasks", "/api/v1/tasks/templates", "/health", "/ready"):
        answer = await door.ask("GET", path, Authorization=f"Bearer {someone.key}")
        assert answer.status == 200, answer.text
    created = await door.ask("POST", "/api/v1/sessions", '{"title": "t"}', X_API_Key=someone.key)
    assert created.status == 201, created.text


async def test_what_the_gateway_refuses_has_the_shape_of_this_api(door: Door, someone: Tenant) -> None:
    async def refused(method: str, path: str, body=None, **headers) -> tuple[int, str]:
        return refusal(await door.ask(method, path, body, X_API_Key=someone.key, **headers))

    assert await refused("GET", "/api/v1/nothing") == (404, "NOT_FOUND")
    assert await refused("DELETE", "/api/v1/sessions") == (405, "METHOD_NOT_ALLOWED")
    assert await refused("POST", "/health", "{}") == (405, "METHOD_NOT_ALLOWED")
    assert await refused("POST", "/api/v1/sessions", "{nothing") == (400, "INVALID_REQUEST")
    assert await refused("POST", "/api/v1/sessions", "[1]") == (400, "INVALID_REQUEST")
    assert await refused("POST", "/api/v1/sessions", '{"title": {"a": 1}}') == (400, "INVALID_REQUEST")
    assert await refused("POST", "/api/v1/agents/register", '{"max_concurrent_tasks": "many"}') == (
        400,
        "INVALID_REQUEST",
    )
    assert await refused("GET", "/api/v1/sessions?nothing=1") == (400, "INVALID_REQUEST")
    assert await refused("GET", "/api/v1/sessions?page=many") == (400, "INVALID_REQUEST")
    large = json.dumps({"title": "x" * 3_000_000})
    assert await refused("POST", "/api/v1/sessions", large) == (413, "PAYLOAD_TOO_LARGE")
    grpc = {"Content_Type": "application/grpc"}
    assert await refused("POST", "/api/v1/sessions", "", **grpc) == (415, "UNSUPPORTED_MEDIA_TYPE")
    for path in ("/ws/sessions", "/ws/agents/1", "/ws/system"):
        assert await refused("GET", path) == (426, "UPGRADE_REQUIRED")
    for path in ("/ws/nothing", "/ws", "/api/v1", "/api/v1/"):
        assert await refused("GET", path) == (404, "NOT_FOUND")
    named = await door.ask("GET", "/api/v1/sessions?nothing=1", X_API_Key=someone.key)
    assert named.json["error"]["message"] == "nothing: unknown query parameter"


@pytest.mark.parametrize("given", ["mine", '@field "quoted\\" @issue @other {}', "x" * 200, "ä", ""])
async def test_an_error_and_its_header_name_the_same_request(door: Door, someone: Tenant, given: str) -> None:
    for path, status in (("/api/v1/nothing", 404), ("/api/v1/sessions?a=1", 400), ("/api/v1/sessions?page=0", 400)):
        answer = await door.ask("GET", path, X_API_Key=someone.key, X_Request_Id=given.encode())
        assert refusal(answer)[0] == status
        if len(given) in range(2, 128):
            assert answer.json["error"]["request_id"] == given


async def test_other_apis_keep_their_shape(door: Door) -> None:
    for path in ("/v1/nothing", "/nothing", "/healthy", "/api/v2/x", "/api/v10", "/wsx"):
        answer = await door.ask("GET", path)
        assert answer.status == 404 and answer.json["error"]["details"] == {}, answer.text


async def test_pages_of_allowed_origins_are_told_so(door: Door, someone: Tenant) -> None:
    wanted = {"Access_Control_Request_Method": "PATCH", "Access_Control_Request_Headers": "x-agent-token"}
    for path in ("/api/v1/sessions", "/api/v1/tasks/1/status", "/health", "/ready"):
        preflight = await door.ask("OPTIONS", path, Origin=PAGE, **wanted)
        assert preflight.status == 200 and preflight.headers["access-control-allow-origin"] == PAGE
        methods = preflight.headers["access-control-allow-methods"].split(", ")
        assert set(methods) == {"GET", "POST", "PATCH", "DELETE", "OPTIONS"}
        assert preflight.headers["access-control-allow-headers"] == "x-agent-token"
    for path in ("/api/v1/sessions", "/api/v1/nothing", "/api/v1/sessions?nothing=1"):
        answer = await door.ask("GET", path, Origin=PAGE, X_API_Key=someone.key)
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"x-request-id", "x-ratelimit-limit", "x-ratelimit-reset", "retry-after", "etag"} < set(exposed)
        assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, "null", "http://localhost.elsewhere.example", "http://localhost:80@x", "http://xlocalhost:1"]
)
async def test_pages_of_other_origins_are_not(door: Door, industry: Industry, someone: Tenant, origin: str) -> None:
    preflight = await door.ask("OPTIONS", "/api/v1/sessions", Origin=origin, Access_Control_Request_Method="POST")
    assert "access-control-allow-origin" not in preflight.headers
    keyed = await door.ask("GET", "/api/v1/sessions", Origin=origin, X_API_Key=someone.key)
    assert keyed.status == 200 and "access-control-allow-origin" not in keyed.headers
    industry.calls.clear()
    guest = await door.ask("POST", "/api/v1/sessions", '{"title": "t"}', Origin=origin, Content_Type="text/plain")
    assert refusal(guest) == (403, "FORBIDDEN") and not industry.calls
    with pytest.raises(InvalidStatus) as caught:
        await connect(door.url(f"/ws/sessions?token={someone.key}"), origin=origin)
    assert caught.value.response.status_code == 403
    error = json.loads(caught.value.response.body)["error"]
    assert error["code"] == "FORBIDDEN" and error["request_id"] == caught.value.response.headers["x-request-id"]


async def test_paths_of_nobody_are_for_no_pages(door: Door) -> None:
    preflight = await door.ask("OPTIONS", "/nothing", Origin=PAGE, Access_Control_Request_Method="POST")
    assert "access-control-allow-origin" not in preflight.headers


async def test_the_setting_says_which_pages_may_call(industry: Industry, someone: Tenant) -> None:
    door = Door(industry, Settings(cors_origins="https://app.example.com, http://10.0.0.1:*").origins)
    try:
        await door.ready()
        for origin, allowed in (
            ("https://app.example.com", True),
            ("http://10.0.0.1:9", True),
            ("https://appxexample.com", False),
            ("https://app.example.com:8443", False),
            (PAGE, False),
        ):
            answer = await door.ask("GET", "/api/v1/sessions", Origin=origin, X_API_Key=someone.key)
            assert ("access-control-allow-origin" in answer.headers) == allowed
    finally:
        await door.close()


async def test_on_this_machine_nobody_needs_a_credential(door: Door, industry: Industry) -> None:
    ways = ({}, {"Origin": PAGE}, {"Host": "localhost:8000"}, {"Host": "[::1]:8000"}, {"Sec_Fetch_Site": "same-site"})
    for headers in ways:
        answer = await door.ask("GET", "/api/v1/sessions", **headers)
        assert answer.status == 200, answer.text
        answered = industry.calls[-1]
        assert answered.organization_id
    async with connect(door.url("/ws/sessions"), origin=PAGE) as socket:
        assert json.loads(await socket.recv())["organization"] == answered.organization_id


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Host": "elsewhere.example"}, (403, "FORBIDDEN")),
        ({"Host": "localhost.elsewhere.example:8000"}, (403, "FORBIDDEN")),
        (
            {"Host": "elsewhere.example", "X_Requested_Host": "localhost", "X_Requested_From": "127.0.0.1"},
            (403, "FORBIDDEN"),
        ),
        ({"Host": "localhost@elsewhere.example"}, (403, "FORBIDDEN")),
        ({"Sec_Fetch_Site": "cross-site"}, (403, "FORBIDDEN")),
    ],
)
async def test_whoever_knows_this_machine_by_another_name_does(
    door: Door, industry: Industry, headers, refused: tuple[int, str]
) -> None:
    industry.calls.clear()
    answer = await door.ask("GET", "/api/v1/sessions", **headers)
    assert refusal(answer) == refused and not industry.calls, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
        {"X_API_Key": "wrong"},
        {"X_API_Key": ""},
        {"X_Agent_Token": "agt_wrong"},
    ],
)
async def test_a_wrong_credential_is_worse_than_none(door: Door, headers) -> None:
    assert refusal(await door.ask("GET", "/api/v1/sessions", **headers)) == (401, "UNAUTHORIZED")


async def test_a_socket_beside_the_others_is_none_in_the_shape_of_this_api(door: Door) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(door.url("/ws/nothing"))
    assert caught.value.response.status_code == 404
    error = json.loads(caught.value.response.body)["error"]
    assert error["code"] == "NOT_FOUND" and error["request_id"] == caught.value.response.headers["x-request-id"]


# The last one: from here on there is no server.
async def test_without_a_server_the_shape_is_the_same(door: Door, industry: Industry, someone: Tenant) -> None:
    await industry.server.stop(0)
    await industry.bridge.stop(0)

    async def gone() -> bool:
        return (await door.ask("GET", "/api/v1/sessions", X_API_Key=someone.key)).status == 503

    await eventually(gone)
    for path in ("/api/v1/sessions", "/health", "/ready"):
        answer = await door.ask("GET", path, X_API_Key=someone.key)
        assert refusal(answer) == (503, "SERVICE_UNAVAILABLE") and answer.headers["retry-after"] == "1"
    with pytest.raises(InvalidStatus) as caught:
        await connect(door.url("/ws/sessions"))
    assert caught.value.response.status_code == 503
    error = json.loads(caught.value.response.body)["error"]
    assert error["request_id"] == caught.value.response.headers["x-request-id"] and "details" not in error
