"""The token endpoint through a real channel, on both databases: every way to ask, every refusal, and tokens in use."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from orchestrator.agent_operations.v1 import agent_service_pb2, agent_service_pb2_grpc
from orchestrator.oauth.v1 import oauth_service_pb2_grpc
from orchestrator.v1 import session_service_pb2, session_service_pb2_grpc

from server.app import Application
from server.settings import ApiSettings
from server.core.identity import oauth_clients
from server.errors import Unavailable
from tests.support.tenants import make_tenant

# Whatever is stored for it is read and written by core, whose tests run on both databases.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
GATEWAY = ("x-envoy-original-path", "/oauth/token")


@dataclass
class Answer:
    status: int
    body: dict
    headers: dict


class Endpoint:
    def __init__(self, channel: grpc.aio.Channel, client_id: str, secret: str) -> None:
        self._stub = oauth_service_pb2_grpc.OAuthServiceStub(channel)
        self.id, self.secret = client_id, secret

    async def post(self, body: bytes, content_type: str = JSON, *metadata: tuple[str, str]) -> Answer:
        call = self._stub.IssueToken(HttpBody(content_type=content_type, data=body), metadata=(GATEWAY, *metadata))
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            headers = dict(error.trailing_metadata())
            return Answer(int(headers["x-http-status"]), json.loads(unquote(headers["x-error-body"])), headers)
        assert answer.content_type == JSON
        return Answer(200, json.loads(answer.data), dict(await call.trailing_metadata()))

    async def json(self, *metadata: tuple[str, str], **fields: object) -> Answer:
        fields = {"grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret, **fields}
        return await self.post(json.dumps({n: v for n, v in fields.items() if v is not ...}).encode(), JSON, *metadata)

    async def basic(self, text: str | None = None, body: str = "grant_type=client_credentials") -> Answer:
        text = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode() if text is None else text
        return await self.post(body.encode(), FORM, ("authorization", f"Basic {text}"))


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
async def endpoint(application: Application, channel) -> Endpoint:
    organization = f"Org {uuid.uuid4().hex}"
    client, secret = await oauth_clients.create_client(
        application.database, organization=organization, name="ci", scopes="sessions:*", token_seconds=120
    )
    return Endpoint(channel, f"client_{client.id}", secret)


def good(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 120)
    assert answer.headers["cache-control"] == "no-store"
    return answer.body["access_token"]


def refused(answer: Answer, status: int, error: str) -> None:
    assert (answer.status, answer.body["error"]) == (status, error), answer.body
    assert set(answer.body) == {"error", "error_description"}
    assert all(32 <= ord(each) < 127 and each not in '"\\' for each in answer.body["error_description"])
    assert answer.headers["cache-control"] == "no-store"


async def test_json_a_form_and_basic_all_get_a_token(endpoint: Endpoint) -> None:
    answer = await endpoint.json()
    assert good(answer) and answer.body["scope"] == "sessions:*"
    form = {"grant_type": "client_credentials", "client_id": endpoint.id, "client_secret": endpoint.secret}
    assert good(await endpoint.post(urlencode(form).encode(), FORM))
    asked = await endpoint.post(urlencode({**form, "scope": "sessions:read"}).encode(), f"{FORM}; charset=UTF-8")
    assert good(asked) and asked.body["scope"] == "sessions:read"
    assert good(await endpoint.basic())
    encoded = base64.b64encode(
        f"{quote(endpoint.id.replace('_', '%5F'), safe='%')}:{endpoint.secret}".encode()
    ).decode()
    assert good(await endpoint.basic(encoded))
    assert good(await endpoint.basic(body=f"grant_type=client_credentials&client_id={endpoint.id}"))
    in_json = json.dumps({"grant_type": "client_credentials"}).encode()
    basic = base64.b64encode(f"{endpoint.id}:{endpoint.secret}".encode()).decode()
    assert good(await endpoint.post(in_json, "Application/JSON;charset=utf-8", ("authorization", f"bAsIc {basic}")))


async def test_what_is_empty_or_unknown_counts_for_nothing(endpoint: Endpoint) -> None:
    assert good(await endpoint.json(scope="", audience="https://elsewhere"))
    assert good(await endpoint.json(scope=None))
    refused(await endpoint.json(grant_type=""), 400, "invalid_request")


async def test_a_token_opens_what_its_scope_says_in_its_own_organization(
    application, endpoint: Endpoint, channel
) -> None:
    sessions = session_service_pb2_grpc.SessionServiceStub(channel)
    token = good(await endpoint.json())
    metadata = (("authorization", f"Bearer {token}"),)
    session = await sessions.CreateSession(session_service_pb2.CreateSessionRequest(name="s"), metadata=metadata)
    get = session_service_pb2.GetSessionRequest(id=session.id)
    assert (await sessions.GetSession(get, metadata=(("x-api-key", token),))).id == session.id
    theirs = await make_tenant(application.database)
    for stranger, mine in (
        (theirs.metadata, session.id),
        (
            metadata,
            (
                await sessions.CreateSession(
                    session_service_pb2.CreateSessionRequest(name="t"), metadata=theirs.metadata
                )
            ).id,
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await sessions.GetSession(session_service_pb2.GetSessionRequest(id=mine), metadata=stranger)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
    reading = (("authorization", f"Bearer {good(await endpoint.json(scope='sessions:read'))}"),)
    assert (await sessions.GetSession(get, metadata=reading)).id == session.id
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await sessions.CreateSession(session_service_pb2.CreateSessionRequest(name="s"), metadata=reading)
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_ends_with_its_time_and_with_its_client(application, endpoint: Endpoint, channel) -> None:
    sessions = session_service_pb2_grpc.SessionServiceStub(channel)
    metadata = (("authorization", f"Bearer {good(await endpoint.json())}"),)
    database = application.database
    clock, request = database.clock, session_service_pb2.ListSessionsRequest()
    await sessions.ListSessions(request, metadata=metadata)

    async def outcome() -> str:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await sessions.ListSessions(request, metadata=metadata)
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
        return error.value.details()

    database.clock = lambda: clock() + 120_000_000
    assert "expired" in await outcome()
    database.clock = clock
    await sessions.ListSessions(request, metadata=metadata)
    await oauth_clients.revoke_client(database, endpoint.id)
    database.clock = lambda: clock() + 1_000_001
    assert "revoked" in await outcome()
    refused(await endpoint.json(), 401, "invalid_client")


async def test_requests_that_are_no_requests_for_a_token(endpoint: Endpoint) -> None:
    form = f"grant_type=client_credentials&client_id={endpoint.id}&client_secret={endpoint.secret}"
    bad: list[tuple[bytes, str]] = [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b'[["grant_type", "client_credentials"]]', JSON),
        (b'"text"', JSON),
        (b"[" * 10_000, JSON),
        (b"1" * 10_000, JSON),
        (b"\xff", JSON),
        (b"{}", JSON),
        (b'{"grant_type": 7}', JSON),
        (b'{"grant_type": "client_credentials", "client_id": {"a": 1}}', JSON),
        (b'{"grant_type": "client_credentials", "grant_type": "client_credentials"}', JSON),
        (json.dumps({"grant_type": "client_credentials", "scope": ["sessions:read"]}).encode(), JSON),
        (b"", FORM),
        (b"\xff=\xff", FORM),
        (b"a=%ff", FORM),
        (b"&".join([b"a=1"] * 51), FORM),
        (f"{form}&client_id={endpoint.id}".encode(), FORM),
        (f"{form}&other=1&other=2".encode(), FORM),
        (form.encode() + b"&x=" + b"a" * (16 << 10), FORM),
        (form.encode(), ""),
        (form.encode(), "text/plain"),
        (form.encode(), JSON),
    ]
    for body, content_type in bad:
        refused(await endpoint.post(body, content_type), 400, "invalid_request")


async def test_other_grants_are_not_given(endpoint: Endpoint) -> None:
    for grant in ("password", "implicit", "CLIENT_CREDENTIALS"):
        refused(await endpoint.json(grant_type=grant), 400, "unsupported_grant_type")
    # One that has named no address for people to come back to acts for itself alone.
    refused(await endpoint.json(grant_type="authorization_code", code="x"), 400, "unauthorized_client")


async def test_a_scope_beyond_the_clients_is_refused(endpoint: Endpoint) -> None:
    for scope in ("*", "tasks:read", "sessions:read tasks:read", "sessions:fly", "\ud800"):
        refused(await endpoint.json(scope=scope), 400, "invalid_scope")


async def test_clients_that_do_not_prove_who_they_are(endpoint: Endpoint) -> None:
    for fields in (
        {"client_secret": "wrong"},
        {"client_secret": "\ud800"},
        {"client_secret": ...},
        {"client_id": ...},
        {"client_id": f"client_{uuid.uuid4().hex}"},
        {"client_id": "nonsense\ud800"},
    ):
        answer = await endpoint.json(**fields)
        refused(answer, 401, "invalid_client")
        assert "www-authenticate" not in answer.headers
    wrong = base64.b64encode(f"{endpoint.id}:wrong".encode()).decode()
    for text in (wrong, "", "!!!", "é", base64.b64encode(b"nocolon").decode(), base64.b64encode(b"\xff:\xff").decode()):
        answer = await endpoint.basic(quote(text, safe="=!+/"))
        refused(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"] == 'Basic realm="orchestrator"'


async def test_only_one_way_to_say_who_one_is(endpoint: Endpoint) -> None:
    body = "grant_type=client_credentials&client_id="
    refused(await endpoint.basic(body=f"{body}{endpoint.id}&client_secret={endpoint.secret}"), 400, "invalid_request")
    refused(await endpoint.basic(body=f"{body}client_{uuid.uuid4().hex}"), 400, "invalid_request")


async def test_guessing_ends_after_ten_failures(endpoint: Endpoint) -> None:
    for _ in range(10):
        refused(await endpoint.json(client_secret="guess"), 401, "invalid_client")
    answer = await endpoint.json(client_secret="guess")
    refused(answer, 429, "too_many_attempts")
    assert good(await endpoint.json())
    assert 0 < int(answer.headers["retry-after"]) <= 61


async def test_stubs_are_told_in_the_way_of_stubs(endpoint: Endpoint) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await endpoint._stub.IssueToken(HttpBody(content_type=JSON, data=b"{}"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "grpc-status-details-bin" in dict(error.value.trailing_metadata())


async def test_a_credential_that_comes_along_counts_for_nothing(application, endpoint: Endpoint) -> None:
    # Clients send what they have, and what they have is the token that has just ended.
    for header in (("authorization", "Bearer ak_wrong"), ("x-api-key", "ak_wrong"), ("authorization", "Bearer")):
        assert good(await endpoint.json(header))
        refused(await endpoint.json(header, client_secret="wrong"), 401, "invalid_client")
    tenant = await make_tenant(application.database, scopes="tasks:read")
    answer = await endpoint.json(*tenant.metadata)
    assert good(answer) and "x-ratelimit-limit" not in answer.headers


async def test_a_database_that_is_away_is_said_in_the_words_of_oauth(
    application, endpoint: Endpoint, monkeypatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("the database cannot be reached")

    monkeypatch.setattr(oauth_clients, "find_client", away)
    answer = await endpoint.json()
    refused(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_this_api_allows_so_many_requests_a_minute_and_others_do_not_count(settings) -> None:
    application = Application(settings.model_copy(update={"apis": {"": ApiSettings(requests_per_minute=2)}}))
    port = (await application.start(["127.0.0.1:0"]))[0]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            client, secret = await oauth_clients.create_client(
                application.database, organization=uuid.uuid4().hex, name="c"
            )
            endpoint = Endpoint(channel, f"client_{client.id}", secret)
            tenant = await make_tenant(application.database)
            sessions = session_service_pb2_grpc.SessionServiceStub(channel)
            request = session_service_pb2.ListSessionsRequest()
            for _ in range(3):
                await sessions.ListSessions(request, metadata=tenant.metadata)
            agents = agent_service_pb2_grpc.AgentServiceStub(channel)

            async def ask() -> Answer:
                call = agents.ListAgents(agent_service_pb2.ListAgentsRequest(), metadata=(GATEWAY, *tenant.metadata))
                try:
                    await call
                except grpc.aio.AioRpcError as error:
                    headers = dict(error.trailing_metadata())
                    return Answer(int(headers["x-http-status"]), json.loads(unquote(headers["x-error-body"])), headers)
                return Answer(200, {}, dict(await call.trailing_metadata()))

            assert [(await ask()).headers["x-ratelimit-remaining"] for _ in range(2)] == ["996", "995"]
            answer = await ask()
            error = answer.body["error"]
            assert answer.status == 429 and error["details"]["window"] == "minute" and error["details"]["limit"] == 2
            assert answer.headers["retry-after"] == str(error["details"]["retry_after"])
            assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("2", "0")
            call = sessions.ListSessions(request, metadata=tenant.metadata)
            await call
            assert dict(await call.trailing_metadata())["x-ratelimit-remaining"] == "994"
    finally:
        await application.stop()
