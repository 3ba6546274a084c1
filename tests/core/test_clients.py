"""OAuth clients and their access tokens: who gets one, what it says, and when it stops being good."""

from __future__ import annotations

import base64
import json
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from server.cli.main import app
from server.core.identity import oauth_clients
from server.core.identity.oauth_clients import FAILURES_PER_MINUTE, OAuthClients
from server.core.identity.api_keys import create_key
from server.core.identity.authentication import CACHE_MICROSECONDS, Authenticator
from server.core.identity.access_tokens import AccessTokens, signing_secret
from server.errors import Forbidden, InvalidRequest, NotFound, TooMany, Unauthorized
from server.model import OAuthClient
from server.settings import Settings
from server.store.database import Database

SECOND = 1_000_000


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens("secret")


@pytest.fixture
def issuer(database: Database, tokens: AccessTokens) -> OAuthClients:
    return OAuthClients(database, tokens)


@pytest.fixture
def identity(database: Database, tokens: AccessTokens) -> Authenticator:
    return Authenticator(database, tokens)


async def make_client(database: Database, **options) -> tuple[OAuthClient, str]:
    organization = f"Org {uuid.uuid4().hex}"
    return await oauth_clients.create_client(database, organization=organization, name="ci", **options)


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def forged(tokens: AccessTokens, algorithm: str = "HS256", **changes) -> str:
    now = changes.pop("now")
    claims = {"iss": "orchestrator", "sub": "client_x", "org": "org_x", "scope": "*", "jti": "x"}
    claims |= {"iat": now // SECOND, "exp": now // SECOND + 60, **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, tokens._key, algorithm)


async def test_a_client_gets_a_token_that_stands_for_it(database, issuer, identity, tokens) -> None:
    client, secret = await make_client(database, scopes="sessions:* tasks:read")
    assert secret.startswith("cs_") and secret not in str(client.values())
    grant = await issuer.grant(f"client_{client.id}", secret, None)
    assert (grant.expires_in, grant.scope) == (3600, "sessions:* tasks:read")
    claims = claims_of(grant.access_token)
    assert set(claims) == {"iss", "sub", "org", "scope", "iat", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == (
        "orchestrator",
        f"client_{client.id}",
        3600,
    )
    caller = await identity.caller(grant.access_token)
    assert (caller.key_id, caller.organization_id, caller.user_id) == (
        client.id,
        client.organization_id,
        client.user_id,
    )
    assert caller.may("sessions:write") and caller.may("tasks:read") and not caller.may("tasks:write")
    assert identity.known(grant.access_token) is caller
    again = await issuer.grant(client.id.upper(), secret, None)
    assert claims_of(again.access_token)["jti"] != claims["jti"]


async def test_a_client_of_an_organization_acts_for_its_user_like_a_key(database) -> None:
    organization = f"Org {uuid.uuid4().hex}"
    key, _ = await create_key(database, organization=organization, name="k")
    client, _ = await oauth_clients.create_client(database, organization=organization, name="c")
    assert (client.organization_id, client.user_id) == (key.organization_id, key.user_id)


async def test_a_token_holds_what_was_asked_for_and_never_more_than_its_client(database, issuer, identity) -> None:
    client, secret = await make_client(database, scopes="sessions:* tasks:read")
    grant = await issuer.grant(client.id, secret, " tasks:read  sessions:write tasks:read ")
    assert grant.scope == "sessions:write tasks:read"
    caller = await identity.caller(grant.access_token)
    assert caller.may("sessions:write") and not caller.may("sessions:read")
    for scope in ("*", "tasks:write", "tasks:*", "tasks:read agents:read", "nonsense", "sessions:nonsense", " ", ":*"):
        with pytest.raises(Forbidden):
            await issuer.grant(client.id, secret, scope)
    everything, its_secret = await make_client(database)
    assert (
        await issuer.grant(everything.id, its_secret, "workers:write system:read")
    ).scope == "system:read workers:write"
    assert (await issuer.grant(everything.id, its_secret, "*")).scope == "*"


async def test_unknown_clients_wrong_secrets_and_revoked_clients_are_told_the_same(database, issuer) -> None:
    client, secret = await make_client(database)
    _, other = await make_client(database)
    revoked, its_secret = await make_client(database)
    await oauth_clients.revoke_client(database, f"client_{revoked.id}")
    words = set()
    attempts = [
        (uuid.uuid4().hex, secret),
        (client.id, other),
        (client.id, ""),
        (client.id, "\ud800"),
        (client.id, client.digest),
        (revoked.id, its_secret),
        ("nonsense", secret),
        ("\ud800", secret),
    ]
    for identifier, given in attempts:
        with pytest.raises(Unauthorized) as refused:
            await issuer.grant(identifier, given, None)
        words.add(refused.value.message)
    assert len(words) == 1


async def test_guesses_are_bounded_for_each_client_and_also_for_unknown_ones(database, issuer) -> None:
    client, secret = await make_client(database)
    other, its_secret = await make_client(database)
    for identifier in (f"client_{client.id}", uuid.uuid4().hex):
        for _ in range(FAILURES_PER_MINUTE):
            with pytest.raises(Unauthorized):
                await issuer.grant(identifier, "guess", None)
        with pytest.raises(TooMany) as refused:
            await issuer.grant(identifier, "guess", None)
        assert 0 < refused.value.retry_after <= 61
    hyphens = str(uuid.UUID(client.id)).upper()
    with pytest.raises(TooMany):
        await issuer.grant(hyphens, "guess", None)
    # Whoever knows an id and not its secret keeps nobody out.
    assert (await issuer.grant(hyphens, secret, None)).access_token
    assert (await issuer.grant(other.id, its_secret, None)).access_token


async def test_good_attempts_are_not_counted(database, issuer) -> None:
    client, secret = await make_client(database)
    for _ in range(FAILURES_PER_MINUTE * 2):
        await issuer.grant(client.id, secret, None)


async def test_failures_of_many_ids_do_not_fill_the_memory(database, issuer, monkeypatch) -> None:
    monkeypatch.setattr(oauth_clients, "COUNTED", 5)
    for _ in range(20):
        with pytest.raises(Unauthorized):
            await issuer.grant(uuid.uuid4().hex, "guess", None)
    assert len(issuer._failures._storage.storage) <= 5


async def test_a_token_is_good_until_its_last_microsecond_also_where_it_is_cached(database, issuer, identity) -> None:
    client, secret = await make_client(database, token_seconds=2)
    token = (await issuer.grant(client.id, secret, None)).access_token
    expires = claims_of(token)["exp"] * SECOND
    database.clock = lambda: expires - 1
    await identity.caller(token)
    assert identity.known(token) is not None
    database.clock = lambda: expires
    assert identity.known(token) is None
    with pytest.raises(Unauthorized, match="has expired"):
        await identity.caller(token)


async def test_the_tokens_of_a_revoked_client_end_within_a_second(database, issuer, identity) -> None:
    client, secret = await make_client(database)
    token = (await issuer.grant(client.id, secret, None)).access_token
    now = database.clock()
    database.clock = lambda: now
    await identity.caller(token)
    await oauth_clients.revoke_client(database, f"client_{client.id}")
    database.clock = lambda: now + CACHE_MICROSECONDS
    assert identity.known(token) is None
    with pytest.raises(Unauthorized, match="revoked"):
        await identity.caller(token)
    again = await oauth_clients.revoke_client(database, client.id)
    assert again.revoked_at == (await oauth_clients.list_clients(database))[-1].revoked_at
    with pytest.raises(NotFound):
        await oauth_clients.revoke_client(database, "client_nonsense")


@pytest.mark.filterwarnings("ignore:The HMAC key is")
async def test_what_is_not_exactly_our_token_is_refused(database, issuer, identity, tokens) -> None:
    client, secret = await make_client(database, scopes="tasks:read")
    good = (await issuer.grant(client.id, secret, None)).access_token
    header, payload, signature = good.split(".")
    now = database.clock()
    ours = {"sub": f"client_{client.id}", "org": f"org_{client.organization_id}", "now": now}
    assert await identity.caller(forged(tokens, **ours))
    claims = {**claims_of(good), "scope": "*"}
    more = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    deep = base64.urlsafe_b64encode(b"[" * 20_000).rstrip(b"=").decode()
    bad = [
        f"{header}.{more}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{deep}.{payload}.{signature}",
        f"{header}.{deep}.{signature}",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800..",
        AccessTokens("another secret").sign(client, "*", now),
        jwt.encode(claims, "secret" * 8, "HS256"),
        forged(tokens, "HS384", **ours),
        forged(tokens, **ours | {"iss": "somebody"}),
        forged(tokens, **ours | {"iss": None}),
        forged(tokens, **ours | {"exp": None}),
        forged(tokens, **ours | {"exp": "soon"}),
        forged(tokens, **ours | {"exp": now // SECOND}),
        forged(tokens, **ours | {"scope": None}),
        forged(tokens, **ours | {"scope": 7}),
        forged(tokens, **ours | {"jti": None}),
        forged(tokens, **ours | {"sub": f"client_{uuid.uuid4().hex}"}),
        forged(tokens, **ours | {"org": f"org_{uuid.uuid4().hex}"}),
    ]
    for token in bad:
        with pytest.raises(Unauthorized):
            await identity.caller(token)
        assert identity.known(token) is None, token


async def test_keys_go_on_as_before_and_tokens_need_somebody_who_reads_them(database, issuer, identity) -> None:
    key, secret = await create_key(database, organization=f"Org {uuid.uuid4().hex}", name="k")
    assert (await identity.caller(secret)).key_id == key.id
    client, its_secret = await make_client(database)
    token = (await issuer.grant(client.id, its_secret, None)).access_token
    for credential in (its_secret, "ak_a.b.c", client.id):
        with pytest.raises(Unauthorized, match="API key"):
            await identity.caller(credential)
    with pytest.raises(Unauthorized):
        await Authenticator(database).caller(token)


@pytest.mark.parametrize(
    "options", [{"scopes": "all"}, {"scopes": " "}, {"token_seconds": 0}, {"token_seconds": 86_401}]
)
async def test_clients_that_make_no_sense_are_not_created(database, options) -> None:
    before = len(await oauth_clients.list_clients(database))
    with pytest.raises(InvalidRequest):
        await make_client(database, **options)
    assert len(await oauth_clients.list_clients(database)) == before


def test_processes_that_share_a_data_folder_share_the_secret_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", api_secret_key="")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: signing_secret(settings), range(16)))
    assert len(found) == 1 and len(found.pop()) >= 43
    assert stat.S_IMODE(settings.secret_key_path.stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["dev-secret-key"]
    assert signing_secret(Settings(data_dir=tmp_path / "data", api_secret_key="x" * 32)) == "x" * 32


def test_the_command_creates_lists_and_revokes(tmp_path: Path) -> None:
    def orchestrator(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["clients", *arguments, "--data-dir", str(tmp_path)])
        assert done.exit_code == code, done.output
        return done.output

    made = orchestrator("create", "CI", "--organization", "Acme", "--scopes", "tasks:read", "--token-seconds", "60")
    identifier = made.split("client_id:")[1].split()[0]
    assert identifier.startswith("client_") and made.split("client_secret:")[1].split()[0].startswith("cs_")
    listed = orchestrator("list")
    assert identifier in listed and "tasks:read" in listed and "active" in listed and "cs_" not in listed
    assert "revoked" in orchestrator("revoke", identifier)
    assert "revoked 2" in orchestrator("list")
    assert "was not found" in orchestrator("revoke", "client_nonsense", code=1)
    assert "unknown: everything" in orchestrator("create", "x", "--scopes", "everything", code=1)
