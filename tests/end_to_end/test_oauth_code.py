"""People allow OAuth clients to act for them: the pages, the codes and the tokens, through a real Envoy and in a real browser."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2 as httpx
import pytest

from tests.support.browser import CHROMIUM, browser
from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
EMAIL, PASSWORD = "admin@orchestrator.com", "admin123"
BACK = "https://app.example.com/back"


def made_client(stack: Stack, back: str = BACK, *, public: bool = False) -> tuple[str, str]:
    """The id and secret of a new client of the development organization."""
    return stack.new_client(name="Planner", redirect_uris=[back], public=public)


@pytest.fixture
def visitor(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody with a browser that keeps cookies, and no credential."""
    with httpx.Client(base_url=f"http://localhost:{stack.operations_port}", timeout=30) as opened:
        yield opened


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    import html

    return {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    }


def asked(visitor: httpx.Client, client_id: str, **more: str) -> httpx.Response:
    fields = {"response_type": "code", "client_id": client_id, "scope": "tasks:read", "state": "s/1?&", **more}
    return visitor.get(f"/oauth/authorize?{urlencode({n: v for n, v in fields.items() if v != '-'})}")


def allowed(visitor: httpx.Client, client_id: str, do: str = "allow", **more: str) -> dict[str, str]:
    """What the client is told at its address, after its person has logged in and decided."""
    page = asked(visitor, client_id, **more)
    assert page.status_code == 200, page.text
    if "password" in page.text:
        login = {**hidden(page.text), "email": EMAIL, "password": PASSWORD}
        moved = visitor.post("/oauth/authorize", data=login)
        assert moved.status_code == 303 and moved.headers["location"].startswith("/oauth/authorize?"), moved.text
        page = visitor.get(moved.headers["location"])
    assert "tasks" in page.text and "Planner" in page.text
    told = visitor.post("/oauth/authorize", data={**hidden(page.text), "do": do})
    assert told.status_code == 303, told.text
    assert told.headers["location"].startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(told.headers["location"]).query).items()}


def token(visitor: httpx.Client, **fields: str) -> httpx.Response:
    return visitor.post("/oauth/token", data={"grant_type": "authorization_code", **fields})


def test_the_documented_exchange_gives_a_token_that_acts_for_the_person(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    told = allowed(visitor, client_id, redirect_uri=BACK, nonce="unknown parameters are let pass")
    assert told["state"] == "s/1?&" and told["iss"] == f"http://localhost:{stack.operations_port}"
    # As the document has it: without redirect_uri that fails, because the request had one.
    without = token(visitor, code=told["code"], client_id=client_id, client_secret=secret)
    assert without.status_code == 400 and without.json()["error"] == "invalid_grant"
    given = token(visitor, code=told["code"], client_id=client_id, client_secret=secret, redirect_uri=BACK)
    assert given.status_code == 200, given.text
    tokens = given.json()
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 3600 and tokens["scope"] == "tasks:read"
    assert given.headers["cache-control"] == "no-store"
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert visitor.get("/v1/tasks", headers=bearer).status_code == 200
    assert visitor.post("/v1/agents", headers=bearer, json={"name": "x", "type": "y"}).status_code == 403
    # A refresh gives others, a code is good once, and its second use ends what the first began.
    fresh = visitor.post(
        "/oauth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": client_id,
            "client_secret": secret,
        },
    )
    assert fresh.status_code == 200 and fresh.json()["refresh_token"] != tokens["refresh_token"]
    again = token(visitor, code=told["code"], client_id=client_id, client_secret=secret, redirect_uri=BACK)
    assert again.status_code == 400 and again.json()["error"] == "invalid_grant"
    ended = {"authorization": f"Bearer {fresh.json()['access_token']}"}
    assert visitor.get("/v1/tasks", headers=ended).status_code == 401


def test_an_omitted_redirect_is_the_only_registered_one(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    told = allowed(visitor, client_id)
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    given = visitor.post(
        "/oauth/token",
        data={"grant_type": "authorization_code", "code": told["code"]},
        headers={"authorization": f"Basic {basic}"},
    )
    assert given.status_code == 200, given.text


def test_who_denies_gives_no_code(stack: Stack, visitor: httpx.Client) -> None:
    client_id, _ = made_client(stack)
    told = allowed(visitor, client_id, do="deny")
    assert told["error"] == "access_denied" and "code" not in told and told["state"] == "s/1?&"


def test_a_public_client_proves_itself_by_a_challenge_alone(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack, public=True)
    assert secret == ""
    refused = asked(visitor, client_id)
    assert refused.status_code == 303 and "error=invalid_request" in refused.headers["location"]
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    plain = asked(visitor, client_id, code_challenge=verifier, code_challenge_method="plain")
    assert "error=invalid_request" in plain.headers["location"]
    unsaid = asked(visitor, client_id, code_challenge=verifier)
    assert "error=invalid_request" in unsaid.headers["location"]
    given = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = allowed(visitor, client_id, **given)["code"]
    without = token(visitor, code=code, client_id=client_id)
    assert without.status_code == 400
    wrong = token(visitor, code=code, client_id=client_id, code_verifier="x" * 43)
    assert wrong.status_code == 400 and wrong.json()["error"] == "invalid_grant"
    right = token(visitor, code=code, client_id=client_id, code_verifier=verifier)
    assert right.status_code == 200, right.text


def test_who_knows_a_public_client_is_not_the_client(stack: Stack, visitor: httpx.Client) -> None:
    client_id, _ = made_client(stack, public=True)
    basic = {"authorization": "Basic " + base64.b64encode(f"{client_id}:".encode()).decode()}
    alone = visitor.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=basic)
    assert alone.status_code == 401 and alone.json()["error"] == "invalid_client"


def test_a_credential_of_a_program_consents_to_nothing(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    code = allowed(visitor, client_id)["code"]
    held = token(visitor, code=code, client_id=client_id, client_secret=secret).json()["access_token"]
    for credential in (stack.key, held):
        with httpx.Client(base_url=visitor.base_url, cookies={"orchestrator_login": credential}, timeout=30) as program:
            page = asked(program, client_id, scope="tasks:read tasks:write")
            assert page.status_code == 200 and "password" in page.text and 'value="allow"' not in page.text
    # Nor does such a token make a key that outlives it.
    made = visitor.post(
        "/api/v1/auth/api-keys",
        json={"name": "k", "permissions": ["tasks:read"]},
        headers={"authorization": f"Bearer {held}"},
    )
    assert made.status_code == 403


def test_a_code_ends_with_the_login_that_allowed_it(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    code = allowed(visitor, client_id)["code"]
    page = asked(visitor, client_id)
    assert visitor.post("/oauth/authorize", data={**hidden(page.text), "do": "logout"}).status_code == 200
    late = token(visitor, code=code, client_id=client_id, client_secret=secret)
    assert late.status_code == 400 and late.json()["error"] == "invalid_grant"


def test_a_client_that_once_sent_a_challenge_must_go_on_with_it(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    code = allowed(visitor, client_id, code_challenge=challenge, code_challenge_method="S256")["code"]
    given = token(visitor, code=code, client_id=client_id, client_secret=secret, code_verifier=verifier)
    assert given.status_code == 200
    later = asked(visitor, client_id)
    assert later.status_code == 303 and "error=invalid_request" in later.headers["location"]


def test_nobody_is_sent_where_the_client_has_not_registered(stack: Stack, visitor: httpx.Client) -> None:
    client_id, _ = made_client(stack)
    for wrong in ("https://evil.example/back", BACK + "/more", BACK + "?x=1", "//app.example.com/back", "javascript:0"):
        page = asked(visitor, client_id, redirect_uri=wrong)
        assert page.status_code == 400 and "location" not in page.headers, wrong
    nobody = asked(visitor, "client_" + "0" * 32)
    assert nobody.status_code == 400 and "location" not in nobody.headers
    scope = asked(visitor, client_id, scope="nonsense:read")
    assert scope.status_code == 303 and "error=invalid_scope" in scope.headers["location"]
    implicit = asked(visitor, client_id, response_type="token")
    assert "error=unsupported_response_type" in implicit.headers["location"]


def test_a_form_of_another_site_decides_nothing(stack: Stack, visitor: httpx.Client) -> None:
    client_id, _ = made_client(stack)
    allowed(visitor, client_id)
    forged = {"response_type": "code", "client_id": client_id, "do": "allow"}
    assert visitor.post("/oauth/authorize", data=forged).status_code == 400
    assert visitor.post("/oauth/authorize", data={**forged, "form": "0" * 64}).status_code == 400
    page = asked(visitor, client_id)
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "script" not in policy and page.headers["x-frame-options"] == "DENY"
    cookies = [each for each in asked(httpx.Client(base_url=visitor.base_url), client_id).headers.get_list("set-cookie")]
    assert cookies and all("HttpOnly" in each and "SameSite=Lax" in each for each in cookies)


def test_a_wrong_password_is_told_on_the_page(stack: Stack, visitor: httpx.Client) -> None:
    client_id, _ = made_client(stack)
    page = asked(visitor, client_id)
    wrong = visitor.post("/oauth/authorize", data={**hidden(page.text), "email": EMAIL, "password": "wrong<b>"})
    assert wrong.status_code == 401 and "wrong" in wrong.text and "<b>" not in wrong.text


def test_tokens_are_looked_into_and_revoked_by_their_client(stack: Stack, visitor: httpx.Client) -> None:
    client_id, secret = made_client(stack)
    code = allowed(visitor, client_id)["code"]
    tokens = token(visitor, code=code, client_id=client_id, client_secret=secret).json()
    credentials = {"client_id": client_id, "client_secret": secret}
    for each in (tokens["access_token"], tokens["refresh_token"]):
        seen = visitor.post("/oauth/introspect", data={**credentials, "token": each}).json()
        assert seen["active"] is True and seen["scope"] == "tasks:read" and seen["client_id"] == client_id
    other_id, other_secret = made_client(stack)
    others = {"client_id": other_id, "client_secret": other_secret}
    assert visitor.post("/oauth/revoke", data={**others, "token": tokens["refresh_token"]}).status_code == 200
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert visitor.get("/v1/tasks", headers=bearer).status_code == 200
    assert visitor.post("/oauth/revoke", data={**credentials, "token": tokens["refresh_token"]}).status_code == 200
    assert visitor.get("/v1/tasks", headers=bearer).status_code == 401
    ended = visitor.post("/oauth/introspect", data={**credentials, "token": tokens["access_token"]})
    assert ended.json() == {"active": False}
    assert visitor.post("/oauth/introspect", data={**credentials, "token": "nonsense"}).json() == {"active": False}
    nobody = visitor.post("/oauth/introspect", data={"token": "x"})
    assert nobody.status_code == 401 and nobody.json()["error"] == "invalid_client"


def test_clients_set_themselves_up_by_the_metadata(stack: Stack, visitor: httpx.Client) -> None:
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

    said = visitor.get("/.well-known/oauth-authorization-server").json()
    here = f"http://localhost:{stack.operations_port}"
    assert said["issuer"] == here and said["authorization_endpoint"] == f"{here}/oauth/authorize"
    metadata = AuthorizationServerMetadata({n: v.replace("http:", "https:") if isinstance(v, str) else v for n, v in said.items()})
    metadata.validate()
    keys = visitor.get("/.well-known/jwks.json").json()["keys"]
    assert keys and all("d" not in key and key["alg"] == "ES256" for key in keys)
    known = visitor.get("/.well-known/oauth-authorization-server", headers={"host": "api.orchestrator.com"}).json()
    assert known["issuer"] == "https://api.orchestrator.com"
    stranger = visitor.get("/.well-known/oauth-authorization-server", headers={"host": "evil.example"}).json()
    assert stranger["issuer"] == here


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed here (Debian's package: chromium)")
def test_a_person_logs_in_and_consents_in_a_browser(stack: Stack, tmp_path: Path, visitor: httpx.Client) -> None:
    came: list[str] = []

    class Back(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>Thank you</h1>")

        def log_message(self, *arguments: Any) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Back)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    back = f"http://127.0.0.1:{receiver.server_port}/back"
    client_id, secret = made_client(stack, back=back)
    fields = {"response_type": "code", "client_id": client_id, "state": "1"}
    try:
        with browser(tmp_path / "profile") as page:
            page.open(f"http://localhost:{stack.operations_port}/oauth/authorize?{urlencode(fields)}")
            page.wait("document.querySelector('input[name=password]') !== null")
            page.value(f"document.querySelector('input[name=email]').value = '{EMAIL}'")
            page.value(f"document.querySelector('input[name=password]').value = '{PASSWORD}'")
            page.value("document.querySelector('button').click()")
            page.wait("document.querySelector('button[value=allow]') !== null")
            # The style of the page is the one that its policy lets in.
            assert page.value("getComputedStyle(document.querySelector('main')).borderRadius") == "12px"
            page.value("document.querySelector('button[value=allow]').click()")
            page.wait("document.body && document.body.innerText.includes('Thank you')")
    finally:
        receiver.shutdown()
    told = parse_qs(urlsplit(next(each for each in came if each.startswith("/back"))).query)
    given = token(visitor, code=told["code"][0], client_id=client_id, client_secret=secret)
    assert given.status_code == 200, given.text
