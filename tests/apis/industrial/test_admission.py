"""Who is let in to the Industrial API, as whom, and how often; and its probes. On both databases."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import unquote

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from orchestrator.industrial.v1.event_service_pb2 import SocketRequest
from orchestrator.industrial.v1.system_service_pb2 import (
    GetHealthRequest,
    GetHealthResponse,
    GetReadinessRequest,
)
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.apis.industrial.system import SystemServicer
from server.app import Application
from server.core.identity import api_keys
from server.core.shared.call_context import Call, Caller
from server.core.identity.api_keys import issue_agent_token, revoke_agent_tokens
from server.core.identity.authentication import Authenticator
from server.apikit.api import Api
from server.apikit.cors import Origins
from server.apikit.declaration import Limits
from server.apis.industrial.declaration import DECLARATION
from server.core.monitoring.health import HealthChecks
from server.errors import Forbidden, Unauthorized
from server.rpc.callers.guests import Guests
from server.rpc.callers.quotas import Exhausted, Quotas
from server.settings import Settings
from server.store import migrations
from server.store.database import Database
from tests.support.ports import free_port
from tests.support.tenants import Tenant, make_tenant
from tests.support.industry import SERVICES, Industry
from tests.support.talk import httpbody_pb2

# What the gateway says of a call from a browser or a program on this machine.
HERE = (
    ("x-envoy-original-path", "/api/v1/sessions"),
    ("x-requested-host", "localhost:8000"),
    ("x-requested-from", "127.0.0.1"),
)


@pytest.fixture
async def development(database: Database, settings: Settings) -> str:
    """The development organization's key, in its file."""
    secret = await api_keys.ensure_key(database, "", organization="Development", name="development")
    settings.key_path.write_text(secret + "\n")
    return secret


@pytest.fixture
async def industry(database: Database, settings: Settings) -> AsyncIterator[Industry]:
    running = Industry(settings, database, Quotas(redis_url="", requests_per_hour=1))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def someone(database: Database) -> Tenant:
    return await make_tenant(database)


async def ask(industry: Industry, method: str = "SessionService/ListSessions", metadata=(), **fields):
    """The answer and its metadata, or the error's status and code."""
    service, _, name = method.partition("/")
    descriptor = SERVICES[service].methods_by_name[name]
    request, answer = GetMessageClass(descriptor.input_type), GetMessageClass(descriptor.output_type)
    async with grpc.aio.insecure_channel(f"unix:{industry.grpc_path}") as channel:
        call = channel.unary_unary(
            f"/orchestrator.industrial.v1.{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )(request(**fields), metadata=metadata)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            trailing = dict(error.trailing_metadata())
            if "x-error-body" in trailing:
                return int(trailing["x-http-status"]), json.loads(unquote(trailing["x-error-body"]))["error"]["code"]
            return error.code(), trailing
        return dict(await call.trailing_metadata())


async def owner(database: Database, key: str) -> str:
    return (await Authenticator(database).caller(key)).organization_id


async def test_a_call_without_a_credential_is_that_of_the_development_key(
    industry: Industry, development: str, database: Database
) -> None:
    await ask(industry, metadata=HERE)
    known = await Authenticator(database).caller(development)
    assert industry.calls[-1].caller == known and known.key_id


async def test_natively_there_are_no_guests(industry: Industry, development: str) -> None:
    status, _ = await ask(industry)
    assert status == grpc.StatusCode.UNAUTHENTICATED
    status, _ = await ask(industry, metadata=HERE[1:])
    assert status == grpc.StatusCode.UNAUTHENTICATED and not industry.calls
    assert await ask(industry, metadata=HERE[:2]) == (401, "UNAUTHORIZED") and not industry.calls


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"x-requested-host": "elsewhere.example"},
        {"x-requested-host": "127.0.0.1.elsewhere.example:8000"},
        {"x-requested-host": ""},
        {"x-requested-host": None},
        {"x-requested-from": "10.0.0.7"},
        {"x-requested-from": "::ffff:10.0.0.7"},
        {"x-requested-from": ""},
    ],
)
async def test_a_page_of_another_site_is_no_guest(industry: Industry, development: str, changed) -> None:
    metadata = tuple((name, value) for name, value in {**dict(HERE), **changed}.items() if value is not None)
    assert await ask(industry, metadata=metadata) == (403, "FORBIDDEN")
    assert not industry.calls
    keyed = (*metadata, ("x-api-key", development))
    await ask(industry, metadata=keyed)
    assert len(industry.calls) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://localhost:3000"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "cross-site"},
        {"x-requested-host": "LOCALHOST"},
        {"x-requested-host": "[::1]:80", "x-requested-from": "::1"},
        {"x-requested-from": "::ffff:127.0.0.1"},
    ],
)
async def test_a_page_of_this_machine_is(industry: Industry, development: str, changed) -> None:
    await ask(industry, metadata=tuple({**dict(HERE), **changed}.items()))
    assert len(industry.calls) == 1


@pytest.mark.parametrize("given", ["authorization", "x-api-key", "x-agent-token"])
@pytest.mark.parametrize("value", ["", "wrong", "Bearer wrong", "Bearer"])
async def test_a_credential_that_is_wrong_or_empty_is_refused(
    industry: Industry, development: str, given: str, value: str
) -> None:
    assert await ask(industry, metadata=(*HERE, (given, value))) == (401, "UNAUTHORIZED")


async def test_outside_development_a_credential_is_needed(
    database: Database, settings: Settings, development: str
) -> None:
    production = settings.model_copy(update={"environment": "production"})
    running = Industry(production, database)
    await running.start()
    assert await ask(running, metadata=HERE) == (401, "UNAUTHORIZED")
    await running.stop()
    assert production.guest_key_path is None and production.origins == ()


async def test_without_the_key_there_are_no_guests(industry: Industry, database: Database, settings: Settings) -> None:
    assert await ask(industry, metadata=HERE) == (401, "UNAUTHORIZED")
    key, secret = await api_keys.create_key(database, organization="Development", name="development")
    settings.key_path.write_text(secret)
    await ask(industry, metadata=HERE)
    assert len(industry.calls) == 1
    await api_keys.revoke_key(database, f"key_{key.id}")
    with pytest.raises(Unauthorized):
        await Authenticator(database).caller(secret)


async def test_apis_without_guests_have_none(database: Database, settings: Settings, development: str) -> None:
    running = Industry(settings, database, guests=False)
    await running.start()
    assert await ask(running, metadata=HERE) == (401, "UNAUTHORIZED")
    await running.stop()
    unguarded = Industry(settings, database, origins=Origins())
    await unguarded.start()
    assert await ask(unguarded, metadata=(*HERE, ("origin", "http://localhost"))) == (403, "FORBIDDEN")
    await unguarded.stop()


async def test_a_guest_may_have_a_socket(
    industry: Industry, development: str, database: Database, someone: Tenant
) -> None:
    def socket(path="/ws/sessions", **headers):
        named = {**dict(HERE[1:]), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return unix_connect(str(industry.path), uri=f"ws://localhost{path}", additional_headers=named)

    for headers in ({}, {"origin": "http://localhost:3000"}):
        async with socket(**headers) as opened:
            assert json.loads(await opened.recv())["organization"] == await owner(database, development)
    async with socket(f"/ws/sessions?token={someone.key}") as opened:
        assert json.loads(await opened.recv())["organization"] == someone.caller.organization_id
    async with socket(x_requested_host="elsewhere.example") as opened:
        assert json.loads(await opened.recv())["payload"]["code"] == "FORBIDDEN"
        with pytest.raises(ConnectionClosed):
            await opened.recv()
        assert opened.close_code == 1008 and opened.close_reason.startswith("FORBIDDEN")
    async with socket("/ws/sessions?token=") as opened:
        assert json.loads(await opened.recv())["payload"]["code"] == "UNAUTHORIZED"
        with pytest.raises(ConnectionClosed):
            await opened.recv()
        assert opened.close_reason.startswith("UNAUTHORIZED")
    for path in ("/ws/sessions", f"/ws/sessions?token={someone.key}"):
        with pytest.raises(InvalidStatus) as caught:
            await socket(path, origin="https://elsewhere.example", x_request_id="mine")
        assert caught.value.response.status_code == 403
        error = json.loads(caught.value.response.body)["error"]
        assert (error["code"], error["request_id"]) == ("FORBIDDEN", "mine")


async def test_a_guests_stream_goes_on_as_long_as_the_key_is_good(
    industry: Industry, development: str, database: Database
) -> None:
    async with grpc.aio.insecure_channel(f"unix:{industry.grpc_path}") as channel:
        call = channel.stream_stream(
            "/orchestrator.industrial.v1.EventService/WatchSessions",
            request_serializer=SocketRequest.SerializeToString,
            response_deserializer=httpbody_pb2.HttpBody.FromString,
        )(metadata=(("authorization", f"Bearer {development}"),))
        await call.write(SocketRequest())
        assert json.loads((await call.read()).data)["organization"] == await owner(database, development)


def test_origins_are_whole_or_have_any_port() -> None:
    origins = Origins(["https://app.example.com", "http://localhost:*"])
    good = ["https://app.example.com", "http://localhost", "http://localhost:1", "http://localhost:65535"]
    bad = [
        "https://app.example.com:443",
        "https://app.example.com.x",
        "https://appxexample.com",
        "http://localhost:",
        "http://localhost:1/",
        "http://localhost:1\n",
        "https://localhost",
        "x://http://localhost",
        "null",
        "",
        "*",
    ]
    assert all(map(origins.allow, good)) and not any(map(origins.allow, bad))
    assert not Origins().allow("") and not Origins().allow("http://localhost")


@pytest.mark.parametrize(
    "wrong", ["*", "example.com", "https://example.com/", "https://*.example.com", "ftp://x", "null"]
)
def test_an_origin_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="CORS_ORIGINS"):
        Settings(cors_origins=f"https://good.example,{wrong}")


def test_which_pages_may_call_depends_on_the_environment() -> None:
    assert Origins(Settings().origins).allow("http://localhost:5173")
    assert Settings(cors_origins="none").origins == ()
    assert Settings(cors_origins=" https://A.example , http://b:1 ").origins == ("https://a.example", "http://b:1")
    outside = {"environment": "production", "api_secret_key": "x" * 32}
    assert Settings(**outside).origins == ()
    assert Settings(cors_origins="https://a.example", **outside).origins == ("https://a.example",)


async def token_of(database: Database, tenant: Tenant, agent: str) -> str:
    return await database.write(lambda transaction: issue_agent_token(transaction, tenant.call(), agent))


async def test_the_token_of_an_agent_is_for_its_heartbeats_alone(
    industry: Industry, database: Database, someone: Tenant
) -> None:
    agent = uuid.uuid4().hex
    token = await token_of(database, someone, agent)
    assert token.startswith("agt_") and len(token) > 40
    heartbeat = "AgentService/SendHeartbeat"
    await ask(industry, heartbeat, (("x-agent-token", token),), agent_id="a")
    caller = industry.calls[-1].caller
    assert (caller.agent_id, caller.organization_id) == (agent, someone.caller.organization_id)
    assert caller.scopes == {"heartbeats:write"} and caller.user_id == someone.caller.user_id
    gateway = (*HERE, ("x-agent-token", token))
    assert await ask(industry, "AgentService/ListAgents", gateway) == (403, "FORBIDDEN")
    # Whoever has a key of the organization's needs no token.
    await ask(industry, heartbeat, someone.metadata, agent_id="a")
    assert industry.calls[-1].caller.agent_id is None
    weak = await make_tenant(database, scopes="agents:*")
    assert await ask(industry, heartbeat, (*HERE, *weak.metadata), agent_id="a") == (403, "FORBIDDEN")
    assert (await api_keys.create_key(database, organization="o", name="n", scopes="heartbeats:*"))[1]


async def test_tokens_of_agents_end_with_their_agents(database: Database, someone: Tenant) -> None:
    agent, other = uuid.uuid4().hex, uuid.uuid4().hex
    tokens = [await token_of(database, someone, each) for each in (agent, agent, other)]
    await database.write(lambda transaction: revoke_agent_tokens(transaction, agent, transaction.now))
    for token in tokens[:2]:
        with pytest.raises(Unauthorized, match="revoked"):
            await Authenticator(database).caller(token)
    assert (await Authenticator(database).caller(tokens[2])).agent_id == other


async def test_tokens_of_agents_are_not_among_the_keys(database: Database, someone: Tenant) -> None:
    await token_of(database, someone, uuid.uuid4().hex)
    listed = await api_keys.list_keys(database)
    assert someone.caller.key_id in [key.id for key in listed] and all(key.agent_id is None for key in listed)


async def test_sixty_requests_a_minute_and_no_hourly_figure(industry: Industry, someone: Tenant) -> None:
    metadata = (*HERE, *someone.metadata)
    answers = [await ask(industry, metadata=metadata) for _ in range(60)]
    assert [answer["x-ratelimit-remaining"] for answer in answers] == [str(59 - number) for number in range(60)]
    assert {answer["x-ratelimit-limit"] for answer in answers} == {"60"}
    assert await ask(industry, metadata=metadata) == (429, "RATE_LIMITED")
    status, trailing = await ask(industry, metadata=someone.metadata)
    assert status == grpc.StatusCode.RESOURCE_EXHAUSTED and 0 < int(trailing["retry-after"]) <= 60
    assert (trailing["x-ratelimit-limit"], trailing["x-ratelimit-remaining"]) == ("60", "0")
    await ask(industry, "AgentService/SendHeartbeat", metadata, agent_id="a")
    assert len(industry.calls) == 61


async def test_a_key_with_an_hourly_figure_keeps_it(industry: Industry, database: Database) -> None:
    tenant = await make_tenant(database, hourly_limit=2)
    for left in ("59", "58"):
        assert (await ask(industry, metadata=(*HERE, *tenant.metadata)))["x-ratelimit-remaining"] == left
    status, trailing = await ask(industry, metadata=tenant.metadata)
    assert status == grpc.StatusCode.RESOURCE_EXHAUSTED and trailing["x-ratelimit-limit"] == "2"


async def test_each_api_counts_its_own_minutes() -> None:
    quotas, caller = Quotas(redis_url="", requests_per_hour=10), Caller("o", "u", uuid.uuid4().hex, frozenset("*"))
    for api in ("one", "other"):
        for _ in range(3):
            await quotas.take(caller, 3, api=api, hourly=api == "one")
        with pytest.raises(Exhausted, match="3 requests a minute"):
            await quotas.take(caller, 3, api=api, hourly=api == "one")
    assert (await quotas.take(caller)).remaining == 6


async def probe(servicer: SystemServicer):
    call = Call(Caller("", "", "", frozenset()), "r")
    found = await servicer.GetReadiness(GetReadinessRequest(), call)
    return call.http_status, found.ready, dict(found.checks)


async def well(servicer: SystemServicer) -> GetHealthResponse:
    return await servicer.GetHealth(GetHealthRequest(), Call(Caller("", "", "", frozenset()), "r"))


async def test_the_probes_say_how_the_system_is(database: Database) -> None:
    found = await well(SystemServicer(HealthChecks(database)))
    assert found.status == "healthy" and found.version and 0 <= found.uptime < 60
    assert dict(found.components) == {
        "database": "healthy",
        "queue": "healthy",
        "cache": "not_configured",
        "sandbox": "healthy",
        # Those of AI Orchestra's document, which has the same path at the same port.
        "orchestra_manager": "healthy",
        "command_dispatcher": "healthy",
        "memory_system": "healthy",
        "swarm_intelligence": "not_configured",
    }
    found = await well(SystemServicer(HealthChecks(database, no_sandbox=lambda: "no user namespaces")))
    assert (found.status, found.components["sandbox"]) == ("degraded", "unhealthy")
    assert await probe(SystemServicer(HealthChecks(database))) == (
        200,
        True,
        {"database": True, "migrations": True, "cache": True},
    )


async def test_a_redis_that_does_not_answer_is_found_out(database: Database) -> None:
    servicer = SystemServicer(HealthChecks(database, redis_url="redis://127.0.0.1:1"))
    found = await well(servicer)
    assert (found.status, found.components["cache"]) == ("degraded", "unhealthy")
    assert await probe(servicer) == (503, False, {"database": True, "migrations": True, "cache": False})


async def test_another_schema_is_not_ready(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "HEAD", "9999")
    servicer = SystemServicer(HealthChecks(database))
    assert await probe(servicer) == (503, False, {"database": True, "migrations": False, "cache": True})


async def test_a_database_that_does_not_answer_is_found_out_in_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_, **__):
        await asyncio.Event().wait()

    system = HealthChecks(database)
    for name in ("one", "scan", "probe"):
        monkeypatch.setattr(database, name, never)
    servicer = SystemServicer(system)
    async with asyncio.timeout(5):
        (found, ready) = await asyncio.gather(well(servicer), probe(servicer))
    assert (found.status, found.components["queue"]) == ("unhealthy", "unhealthy")
    assert ready == (503, False, {"database": False, "migrations": False, "cache": True})


async def test_many_probes_look_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    system, asked, scan = HealthChecks(database), [], database.scan

    async def counted(*arguments, **parameters):
        asked.append(arguments)
        return await scan(*arguments, **parameters)

    monkeypatch.setattr(database, "scan", counted)
    await asyncio.gather(*(system.condition() for _ in range(50)))
    await system.condition()
    assert len(asked) == 1


async def test_probes_ask_for_no_credential_and_answer_through_the_gateway(
    database: Database, settings: Settings
) -> None:
    system = HealthChecks(database, redis_url="redis://127.0.0.1:1")
    running = Industry(settings, database, SystemService=SystemServicer(system))
    await running.start()
    gateway = (("x-envoy-original-path", "/ready"), ("x-requested-host", "10.0.0.1"))
    assert "x-http-status" not in await ask(running, "SystemService/GetHealth", gateway)
    assert (await ask(running, "SystemService/GetReadiness", gateway))["x-http-status"] == "503"
    await running.stop()


async def test_the_server_takes_guests_and_answers_probes(application: Application, settings: Settings) -> None:
    address, calls = f"unix:{application.gateway_path}", []
    secret = await api_keys.ensure_key(application.database, "", organization="Development", name="development")
    settings.key_path.write_text(secret)
    for method in ("SessionService/ListSessions", "SystemService/GetReadiness", "SystemService/GetHealth"):
        answer, _ = await answered(address, method, HERE)
        calls.append(answer)
    confined = application.sandboxes.unavailable is None
    assert calls[1].ready and calls[2].status == ("healthy" if confined else "degraded")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answered(address, "SessionService/ListSessions", ())
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answered(address, "SessionService/ListSessions", (*HERE, ("origin", "https://elsewhere.example")))
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_what_only_the_gateway_says_is_not_believed_of_others(application: Application, settings: Settings) -> None:
    settings.key_path.write_text(
        await api_keys.ensure_key(application.database, "", organization="Development", name="development")
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answered(f"127.0.0.1:{application.port}", "SessionService/ListSessions", HERE)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    port = free_port()
    await application.sockets.start(("127.0.0.1", port))
    async with connect(f"ws://127.0.0.1:{port}/ws/sessions", additional_headers=dict(HERE[1:])) as opened:
        assert json.loads(await opened.recv())["payload"]["code"] == "UNAUTHORIZED"


async def test_sockets_are_counted_by_themselves_and_by_client(application: Application, settings: Settings) -> None:
    settings.key_path.write_text(
        await api_keys.ensure_key(application.database, "", organization="Development", name="development")
    )
    path = application.gateway_path.with_name("sockets.sock")
    await application.sockets.start(path)

    async def first(**changed: str) -> str:
        headers = {**dict(HERE[1:]), "x-requested-by": "a browser", **changed}
        opened = await stack.enter_async_context(
            unix_connect(str(path), uri="ws://localhost/ws/sessions", additional_headers=headers)
        )
        return json.loads(await opened.recv())["type"]

    async with AsyncExitStack() as stack:
        clients = [{}, {"x-requested-by": "a program"}, {"origin": "http://localhost:3000"}, {"x-requested-from": "::1"}]
        for client in clients:
            assert [await first(**client) for _ in range(6)] == ["connection.established"] * 5 + ["error"]
        # A key is the same client wherever it is used from.
        key = {"x-api-key": (await make_tenant(application.database)).key}
        assert [await first(**key, **client) for client in (*clients, *clients)] == ["connection.established"] * 5 + ["error"] * 3
    # None of them was one of the minute's requests.
    _, metadata = await answered(f"unix:{application.gateway_path}", "SessionService/ListSessions", HERE)
    assert int(metadata["x-ratelimit-limit"]) - int(metadata["x-ratelimit-remaining"]) == 1


async def answered(address: str, method: str, metadata):
    """The answer, and what comes beside it."""
    service, _, name = method.partition("/")
    descriptor = SERVICES[service].methods_by_name[name]
    request, answer = GetMessageClass(descriptor.input_type), GetMessageClass(descriptor.output_type)
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(
            f"/orchestrator.industrial.v1.{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )(request(), metadata=metadata)
        return await call, dict(await call.trailing_metadata())


def test_a_refusal_says_what_to_do(settings: Settings) -> None:
    call = Call(Caller("", "", "", frozenset()), "r", path="/api/v1/sessions", headers={**dict(HERE), "x-requested-host": "elsewhere.example"})
    settings.key_path.write_text("key")

    with pytest.raises(Forbidden, match="localhost"):
        Guests(settings.key_path).key_of(call, Api(DECLARATION, [], Limits()))
