"""People at the CoordinAItor API as they see it: through a real Envoy."""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
from collections.abc import Iterator

import httpx2 as httpx
import jwt
import pytest
from PIL import Image
from sqlalchemy import select

from server.core.identity import organizations
from server.model import Event, Project, new_id
from server.store.statement import Statement

from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")
PASSWORD = "kX9-lamp-river"
ADMIN = {"email": "admin@orchestrator.com", "password": "admin123"}


@pytest.fixture
def anybody(stack: Stack) -> Iterator[httpx.Client]:
    """A client without a credential."""
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.operations_port}", timeout=30) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def register(anybody: httpx.Client, **more: str) -> dict:
    """A new user with an organization of his own, logged in."""
    person = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD, "name": "Ada Lovelace", **more}
    answer = anybody.post("/api/v1/auth/register", json=person)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def invited(anybody: httpx.Client, admin: dict, role: str) -> dict:
    """Somebody who has joined the administrator's organization."""
    email = f"{uuid.uuid4().hex}@example.com"
    offer = anybody.post(
        "/api/v1/invitations", json={"email": email, "role": role}, headers=bearer(admin["accessToken"])
    )
    assert offer.status_code == 201, offer.text
    return register(anybody, email=email, invitationToken=offer.json()["data"]["token"])


def test_the_documented_login_goes_on_and_ends(anybody: httpx.Client) -> None:
    answer = anybody.post("/api/auth/login", json=ADMIN)
    login = answer.json()
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert login["expiresIn"] == 3600 and login["token"] == login["accessToken"] == login["data"]["accessToken"]
    assert login["user"]["email"] == ADMIN["email"] and login["user"]["organizationId"].startswith("org-")
    versioned = anybody.post("/api/v1/auth/login", json=ADMIN).json()
    assert "token" not in versioned and versioned["data"]["user"] == versioned["user"] == login["user"]
    me = anybody.get("/api/auth/me", headers=bearer(login["accessToken"])).json()
    assert me["user"] == me["data"] and me["data"]["permissions"] == ["*"]
    on = anybody.post("/api/v1/auth/refresh", json={"refreshToken": login["refreshToken"]}).json()
    assert on["accessToken"] == on["data"]["accessToken"] != login["accessToken"]
    again = anybody.post("/api/v1/auth/refresh", json={"refreshToken": login["refreshToken"]}).json()
    assert again["refreshToken"] == on["refreshToken"], "who has lost the answer gets it again"
    ended = anybody.post("/api/v1/auth/logout", json={"refreshToken": on["refreshToken"]})
    assert ended.status_code == 204 and not ended.content
    for token in (login["accessToken"], on["accessToken"]):
        refused = anybody.get("/api/v1/auth/me", headers=bearer(token))
        assert refused.status_code == 401 and refused.json()["error"]["code"] == "AUTHENTICATION_ERROR"
    assert anybody.post("/api/v1/auth/refresh", json={"refreshToken": on["refreshToken"]}).status_code == 401


def test_a_token_of_nobody_gets_nowhere(anybody: httpx.Client) -> None:
    token = register(anybody)["accessToken"]
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    key_id = jwt.get_unverified_header(token)["kid"]

    def part(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    other = part({**said, "sub": "user_" + "0" * 32})
    forged = {
        "unsigned": f"{part({'alg': 'none', 'kid': key_id})}.{claims}.",
        "of somebody else": f"{header}.{other}.{signature}",
        "signed with a word": jwt.encode(said, "x" * 32, algorithm="HS256", headers={"kid": key_id}),
        "of an unknown key": jwt.encode(said, "x" * 32, algorithm="HS256", headers={"kid": "1" * 32}),
        "without a key": jwt.encode(said, "x" * 32, algorithm="HS256"),
        "cut short": token[:-4],
    }
    for why, each in forged.items():
        answer = anybody.get("/api/v1/auth/me", headers=bearer(each))
        assert answer.status_code == 401 and answer.json()["error"]["code"] == "AUTHENTICATION_ERROR", why
    assert anybody.get("/api/v1/auth/me", headers=bearer(token)).status_code == 200


def test_a_login_is_good_at_every_api_and_ends_at_each(stack: Stack, anybody: httpx.Client) -> None:
    login = register(anybody)
    me = bearer(login["accessToken"])
    assert anybody.get("/v1/agents", headers=me).status_code == 200
    assert httpx.get(f"{stack.url}/v1/agents", headers=me).status_code == 200
    with httpx.stream("GET", f"{stack.url}/v1/events", headers=me, timeout=30) as events:
        assert events.status_code == 200
        began = time.monotonic()
        assert anybody.post("/api/v1/auth/logout", json={}, headers=me).status_code == 204
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in events.iter_text():
                pass
    assert time.monotonic() - began < 5
    assert anybody.get("/v1/agents", headers=me).status_code == 401


def test_another_password_ends_every_login(anybody: httpx.Client) -> None:
    login = register(anybody)
    email, me = login["user"]["email"], bearer(login["accessToken"])
    other = anybody.post("/api/v1/auth/login", json={"email": email.upper(), "password": PASSWORD}).json()
    listed = anybody.get("/api/v1/auth/logins", headers=me).json()["data"]
    assert [each["current"] for each in listed] == [False, True] and listed[0]["address"] == "127.0.0.1"
    change = {"currentPassword": PASSWORD, "newPassword": "password123"}
    weak = anybody.post("/api/v1/auth/password", json=change, headers=me)
    assert weak.status_code == 422 and "newPassword" in weak.json()["error"]["details"]
    wrong = {"currentPassword": "wrong", "newPassword": "vT4-cloud-anvil"}
    assert anybody.post("/api/v1/auth/password", json=wrong, headers=me).status_code == 401
    change["newPassword"] = "vT4-cloud-anvil"
    changed = anybody.post("/api/v1/auth/password", json=change, headers=me).json()
    for token in (login["accessToken"], other["accessToken"]):
        assert anybody.get("/api/v1/auth/me", headers=bearer(token)).status_code == 401
    assert anybody.get("/api/v1/auth/me", headers=bearer(changed["accessToken"])).status_code == 200
    assert anybody.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD}).status_code == 401


def test_one_of_several_logins_is_ended(anybody: httpx.Client) -> None:
    login = register(anybody)
    email, me = login["user"]["email"], bearer(login["accessToken"])
    other = anybody.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD}).json()
    first = anybody.get("/api/v1/auth/logins", headers=me).json()["data"][0]["id"]
    stranger = bearer(register(anybody)["accessToken"])
    assert anybody.delete(f"/api/v1/auth/logins/{first}", headers=stranger).status_code == 404
    assert anybody.delete(f"/api/v1/auth/logins/{first}", headers=me).status_code == 204
    assert anybody.get("/api/v1/auth/me", headers=bearer(other["accessToken"])).status_code == 401
    assert anybody.get("/api/v1/auth/me", headers=me).status_code == 200


def test_who_guesses_is_slowed_and_then_refused_for_a_while(anybody: httpx.Client) -> None:
    email = register(anybody)["user"]["email"]
    answers = [
        anybody.post("/api/v1/auth/login", json={"email": email, "password": f"wrong {each}"}) for each in range(10)
    ]
    assert {each.status_code for each in answers} == {401}
    assert answers[-1].elapsed.total_seconds() > 1 > answers[0].elapsed.total_seconds()
    refused = anybody.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 300
    error = refused.json()["error"]
    assert error["code"] == "RATE_LIMIT_ERROR" and error["retryAfter"] == int(refused.headers["retry-after"])
    nobody = anybody.post("/api/v1/auth/login", json={"email": "no@example.com", "password": "x"})
    known = anybody.post("/api/v1/auth/login", json={"email": register(anybody)["user"]["email"], "password": "x"})
    words = [each.json()["error"] for each in (nobody, known)]
    assert words[0] == words[1] == answers[0].json()["error"]


def test_a_role_bounds_what_a_person_may_do(anybody: httpx.Client) -> None:
    admin = register(anybody)
    viewer = invited(anybody, admin, "viewer")
    me = bearer(viewer["accessToken"])
    assert viewer["user"]["organizationId"] == admin["user"]["organizationId"]
    assert anybody.get("/v1/tasks", headers=me).status_code == 200
    refused = anybody.put("/api/v1/users/" + viewer["user"]["id"], json={"role": "admin"}, headers=me)
    error = refused.json()["error"]
    assert refused.status_code == 403 and error["code"] == "AUTHORIZATION_ERROR"
    assert "users:write" in error["message"] and error["details"]["scope"] == "users:write"
    assert anybody.get("/api/v1/users", headers=me).status_code == 403
    task = {"agent_id": "agent_" + "0" * 32, "type": "x", "input": {}}
    assert anybody.post("/v1/tasks", json=task, headers=me).status_code == 403
    key = {"name": "mine", "permissions": ["tasks:read"]}
    assert anybody.post("/api/v1/auth/api-keys", json=key, headers=me).status_code == 403
    assert anybody.put("/api/v1/users/me", json={"name": "Vi"}, headers=me).json()["data"]["name"] == "Vi"


def test_an_administrator_changes_users_but_never_the_last_of_his_kind(anybody: httpx.Client) -> None:
    admin = register(anybody)
    me, own = bearer(admin["accessToken"]), f"/api/v1/users/{admin['user']['id']}"
    for change in ({"role": "viewer"}, {"disabled": True}):
        refused = anybody.put(own, json=change, headers=me)
        assert refused.status_code == 409 and refused.json()["error"]["code"] == "CONFLICT_ERROR"
    developer = invited(anybody, admin, "developer")
    theirs = f"/api/v1/users/{developer['user']['id']}"
    assert anybody.put(theirs, json={"role": "king"}, headers=me).status_code == 422
    stranger = bearer(register(anybody)["accessToken"])
    assert anybody.put(theirs, json={"role": "admin"}, headers=stranger).status_code == 404
    key = anybody.post(
        "/api/v1/auth/api-keys",
        json={"name": "ci", "permissions": ["tasks:read"]},
        headers=bearer(developer["accessToken"]),
    ).json()["data"]["key"]
    assert anybody.get("/v1/tasks", headers={"x-api-key": key}).status_code == 200
    found = anybody.get("/api/v1/users?search=LOVELACE&role=developer&limit=1", headers=me).json()
    assert [each["id"] for each in found["data"]] == [developer["user"]["id"]] and found["pagination"]["total"] == 1
    out = anybody.put(theirs, json={"disabled": True}, headers=me).json()
    assert out["data"]["disabled"] is True
    for credential in (bearer(developer["accessToken"]), {"x-api-key": key}):
        assert anybody.get("/v1/tasks", headers=credential).status_code == 401
    again = anybody.post("/api/v1/auth/login", json={"email": developer["user"]["email"], "password": PASSWORD})
    assert again.status_code == 401
    assert anybody.put(theirs, json={"disabled": False, "role": "admin"}, headers=me).status_code == 200
    assert anybody.put(own, json={"role": "viewer"}, headers=me).status_code == 200, "there is another one now"
    assert anybody.get("/api/v1/users", headers=me).status_code == 403, "at once"


def test_an_invitation_is_good_once_and_for_one_address(anybody: httpx.Client) -> None:
    me = bearer(register(anybody)["accessToken"])
    email = f"{uuid.uuid4().hex}@example.com"
    offer = anybody.post("/api/v1/invitations", json={"email": email}, headers=me).json()["data"]
    person = {"email": "other@example.com", "password": PASSWORD, "name": "Eve", "invitationToken": offer["token"]}
    refused = anybody.post("/api/v1/auth/register", json=person)
    assert refused.status_code == 422 and "invitationToken" in refused.json()["error"]["details"]
    assert [each["id"] for each in anybody.get("/api/v1/invitations", headers=me).json()["data"]] == [offer["id"]]
    person["email"] = email
    joined = anybody.post("/api/v1/auth/register", json=person)
    assert joined.status_code == 201 and joined.json()["user"]["role"] == "developer"
    assert anybody.post("/api/v1/auth/register", json=person).status_code == 409
    assert anybody.get("/api/v1/invitations", headers=me).json()["data"] == []
    second = anybody.post("/api/v1/invitations", json={"email": "a" + email}, headers=me).json()["data"]
    assert anybody.delete(f"/api/v1/invitations/{second['id']}", headers=me).status_code == 204
    late = {**person, "email": "a" + email, "invitationToken": second["token"]}
    assert anybody.post("/api/v1/auth/register", json=late).status_code == 422


def test_a_profile_is_changed_in_parts(anybody: httpx.Client) -> None:
    me = bearer(register(anybody)["accessToken"])
    before = anybody.get("/api/v1/users/me", headers=me)
    assert before.json()["data"]["stats"] == {"tasksCreated": 0, "tasksCompleted": 0, "projectsActive": 0}
    wanted = {"preferences": {"theme": "dark", "notifications": {"email": False}}}
    changed = anybody.put("/api/v1/users/me", json=wanted, headers={**me, "if-match": before.headers["etag"]})
    liked = changed.json()["data"]["preferences"]
    assert liked["theme"] == "dark" and liked["timezone"] == "UTC"
    assert liked["notifications"] == {"email": False, "push": True, "desktop": True}
    stale = anybody.put("/api/v1/users/me", json={"name": "B"}, headers={**me, "if-match": before.headers["etag"]})
    assert stale.status_code == 409
    for preferences in ({"theme": "loud"}, {"language": "x y"}, {"timezone": "Mars/Olympus"}):
        refused = anybody.put("/api/v1/users/me", json={"preferences": preferences}, headers=me)
        assert refused.status_code == 422, preferences
    assert anybody.put("/api/v1/users/me", json={"name": " "}, headers=me).status_code == 422


def picture(size: tuple[int, int], kind: str = "JPEG") -> bytes:
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    Image.new("RGB", size, "teal").save(written, kind, **({"exif": exif} if kind == "JPEG" else {}))
    return written.getvalue()


def test_a_picture_becomes_small_and_says_nothing_of_its_past(anybody: httpx.Client) -> None:
    me = bearer(register(anybody)["accessToken"])
    sent = picture((900, 300))
    assert b"where I live" in sent
    answer = anybody.post("/api/v1/users/me/avatar", files={"file": ("me.jpg", sent)}, headers=me)
    assert answer.status_code == 200, answer.text
    url = answer.json()["data"]["avatar"]
    shown = httpx.get(url)
    assert shown.status_code == 200 and shown.headers["content-type"] == "image/webp"
    assert "immutable" in shown.headers["cache-control"]
    assert Image.open(io.BytesIO(shown.content)).size == (256, 256) and b"where I live" not in shown.content
    second = anybody.post("/api/v1/users/me/avatar", files={"avatar": ("a.png", picture((20, 20), "PNG"))}, headers=me)
    assert second.json()["data"]["avatar"] != url and httpx.get(url).status_code == 404
    for name, content in {
        "no picture": b"#!/bin/sh\n" * 100,
        "nothing": b"",
        "cut short": sent[:300],
        "too wide": picture((20_000, 10), "PNG"),
    }.items():
        refused = anybody.post("/api/v1/users/me/avatar", files={"file": ("x", content)}, headers=me)
        assert refused.status_code == 422, (name, refused.text)
    large = anybody.post("/api/v1/users/me/avatar", files={"file": ("x", b"x" * (9 << 20))}, headers=me)
    assert large.status_code == 413


def test_a_key_does_what_its_maker_may_and_no_more(anybody: httpx.Client) -> None:
    admin = register(anybody)
    me = bearer(admin["accessToken"])
    wanted = {"name": "My Integration", "permissions": ["tasks:read", "tasks:write", "agents:read"]}
    made = anybody.post("/api/auth/api-keys", json={**wanted, "requestsPerHour": 500}, headers=me)
    key = made.json()["data"]
    assert made.status_code == 201 and key["key"].startswith("ak_") and made.json()["apiKey"] == key
    used = anybody.get("/api/v1/auth/me", headers={"x-api-key": key["key"]})
    assert used.status_code == 403 and used.headers["x-ratelimit-limit"] == "500"
    assert used.headers["x-ratelimit-window"] == "3600"
    assert anybody.get("/v1/tasks", headers=bearer(key["key"])).status_code == 200
    for change, status in (
        ({"permissions": ["tasks:fly"]}, 422),
        ({"permissions": []}, 422),
        ({"requestsPerHour": 5000}, 422),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, 422),
        ({"projectIds": ["proj-" + "0" * 32]}, 404),
    ):
        assert anybody.post("/api/v1/auth/api-keys", json={**wanted, **change}, headers=me).status_code == status
    developer = bearer(invited(anybody, admin, "developer")["accessToken"])
    beyond = anybody.post("/api/v1/auth/api-keys", json={"name": "x", "permissions": ["*"]}, headers=developer)
    assert beyond.status_code == 403 and "*" in beyond.json()["error"]["message"]
    listed = anybody.get("/api/v1/auth/api-keys", headers=me).json()["data"]
    assert [each["id"] for each in listed] == [key["id"]] and "key" not in listed[0]
    assert anybody.get("/api/v1/auth/api-keys?all=true", headers=developer).status_code == 403
    assert anybody.delete(f"/api/v1/auth/api-keys/{key['id']}", headers=developer).status_code == 404
    assert anybody.delete(f"/api/v1/auth/api-keys/{key['id']}", headers=me).status_code == 204
    assert anybody.get("/api/v1/auth/api-keys", headers=me).json()["data"] == []


def test_a_tier_and_a_disabled_organization_count_at_once(stack: Stack, anybody: httpx.Client) -> None:
    login = register(anybody, organizationName="Acme")
    me, organization = bearer(login["accessToken"]), login["user"]["organizationId"]
    assert anybody.get("/api/v1/auth/me", headers=me).headers["x-ratelimit-limit"] == "1000"
    stack.orchestrator("organizations", "tier", organization, "pro")
    until(lambda: anybody.get("/api/v1/auth/me", headers=me).headers["x-ratelimit-limit"] == "10000", 5)
    switch(stack, organization, on=False)
    until(lambda: anybody.get("/api/v1/auth/me", headers=me).status_code == 401, 5)
    assert anybody.post("/api/v1/auth/refresh", json={"refreshToken": login["refreshToken"]}).status_code == 401
    known = {"email": login["user"]["email"], "password": PASSWORD}
    assert anybody.post("/api/v1/auth/login", json=known).status_code == 401
    switch(stack, organization, on=True)
    assert anybody.post("/api/v1/auth/login", json=known).status_code == 200


def switch(stack: Stack, organization: str, *, on: bool) -> None:
    """As `orchestrator organizations enable` and `disable` do, without a process."""
    stack._with_database(lambda database: organizations.switch(database, organization, on=on))



def test_another_signing_key_leaves_who_is_logged_in_alone(stack: Stack, anybody: httpx.Client) -> None:
    login = register(anybody)
    said = stack.orchestrator("keys", "rotate-signing")
    later = anybody.post("/api/v1/auth/login", json={"email": login["user"]["email"], "password": PASSWORD}).json()
    key_id = jwt.get_unverified_header(later["accessToken"])["kid"]
    assert key_id in said and key_id != jwt.get_unverified_header(login["accessToken"])["kid"]
    for token in (login["accessToken"], later["accessToken"]):
        assert anybody.get("/api/v1/auth/me", headers=bearer(token)).status_code == 200


def test_events_know_the_address_that_a_call_of_any_api_came_from(stack: Stack, anybody: httpx.Client) -> None:
    login = register(anybody)
    me = bearer(login["accessToken"])
    lies = {**me, "x-requested-from": "6.6.6.6", "x-forwarded-for": "6.6.6.6"}
    session = {"name": "s", "description": "d"}
    for url in (f"{stack.url}/v1/sessions", f"{stack.url}/api/v1/sessions"):
        httpx.post(url, json=session, headers=lies)
    made = anybody.post("/v1/agents", json={"name": "Ada", "type": "analysis", "capabilities": ["sums"]}, headers=lies)
    assert made.status_code == 201
    owner = login["user"]["organizationId"].removeprefix("org-")
    found = Statement(select(Event.table()).where(Event.table().c.organization_id == owner), Event)
    events = stack._with_database(lambda database: database.all(found))
    assert {each.via for each in events} > {"coordinaitor", "agent_operations"}
    assert {each.address for each in events} == {"127.0.0.1"}
    assert {each.actor for each in events} == {"user_" + login["user"]["id"].removeprefix("user-")}


def test_a_key_that_is_limited_to_projects_is_good_at_this_api_alone(stack: Stack, anybody: httpx.Client) -> None:
    login = register(anybody)
    me, owner = bearer(login["accessToken"]), login["user"]["organizationId"].removeprefix("org-")
    project = Project.new(id=new_id(), organization_id=owner, name="P", created_at=1, updated_at=1)

    async def body(transaction) -> None:
        await transaction.insert(project)

    stack._with_database(lambda database: database.write(body))
    wanted = {"name": "k", "permissions": ["*"], "projectIds": [f"proj-{project.id}"]}
    made = anybody.post("/api/v1/auth/api-keys", json=wanted, headers=me)
    assert made.status_code == 201, made.text
    key = {"x-api-key": made.json()["data"]["key"]}
    assert made.json()["data"]["projectIds"] == wanted["projectIds"]
    assert anybody.get("/api/v1/tasks", headers=key).status_code == 200
    here, there = str(anybody.base_url), stack.url
    for url in (f"{here}/api/v1/users/me", f"{here}/v1/tasks", f"{there}/v1/sessions", f"{there}/api/v1/sessions"):
        refused = httpx.get(url, headers=key)
        assert refused.status_code == 403 and "limited to projects" in refused.text, url
    stack.orchestrator("organizations", "tier", owner, "enterprise")
    larger = {"name": "l", "permissions": ["*"], "requestsPerMinute": 2, "requestsPerHour": 9}
    anybody.put("/api/v1/users/me", json={"name": "Ada"}, headers=me)
    small = {"x-api-key": anybody.post("/api/v1/auth/api-keys", json=larger, headers=me).json()["data"]["key"]}
    answers = [anybody.get("/api/v1/auth/me", headers=small) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "9" and answers[2].headers["x-ratelimit-window"] == "60"
    assert answers[2].json()["error"]["code"] == "RATE_LIMIT_ERROR" and answers[2].headers["retry-after"]


def test_who_has_forgotten_his_password_sets_another_one(anybody: httpx.Client, stack: Stack) -> None:
    admin = register(anybody)
    ada = invited(anybody, admin, "developer")
    # No mail is sent here, whoever asks.
    for email in (ada["user"]["email"], "nobody@example.com"):
        refused = anybody.post("/api/v1/auth/password/forgot", json={"email": email})
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    path = f"/api/v1/users/{ada['user']['id']}/password-reset"
    lacking = anybody.post(path, json={}, headers=bearer(ada["accessToken"]))
    assert lacking.status_code == 403 and "users:write" in lacking.text
    offered = anybody.post(path, json={}, headers=bearer(admin["accessToken"]))
    assert offered.status_code == 201 and offered.headers["cache-control"] == "no-store"
    first = offered.json()["data"]["token"]
    printed = stack.orchestrator("users", "reset-password", ada["user"]["email"])
    token = printed.split()[1]
    for wrong, password, field in (
        (first, "another-kX9-lamp", "token"),
        ("pwr_x", "another-kX9-lamp", "token"),
        (token, "12345678", "newPassword"),
    ):
        answer = anybody.post("/api/v1/auth/password/reset", json={"token": wrong, "newPassword": password})
        assert answer.status_code == 422 and field in answer.json()["error"]["details"], answer.text
    set_ = anybody.post("/api/auth/password/reset", json={"token": token, "newPassword": "another-kX9-lamp"})
    assert set_.status_code == 200 and set_.json()["token"] == set_.json()["accessToken"]
    assert anybody.get("/api/v1/auth/me", headers=bearer(set_.json()["accessToken"])).status_code == 200
    ended = anybody.post("/api/v1/auth/refresh", json={"refreshToken": ada["refreshToken"]})
    assert ended.status_code == 401
    by_old = anybody.post("/api/v1/auth/login", json={"email": ada["user"]["email"], "password": PASSWORD})
    assert by_old.status_code == 401
    actions = [each["action"] for each in audited(anybody, admin)]
    assert {"user.password_changed", "user.password_reset_offered"} <= set(actions)


def test_the_page_that_mail_leads_to_sets_a_password_once(anybody: httpx.Client, stack: Stack) -> None:
    ada = register(anybody)
    token = stack.orchestrator("users", "reset-password", ada["user"]["email"]).split()[1]
    page = anybody.get("/oauth/password", params={"token": token, "utm": "ignored"})
    assert page.status_code == 200 and token in page.text and "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer" and page.headers["cache-control"] == "no-store"
    hostile = anybody.get("/oauth/password", params={"token": '"><script>alert(1)</script>'})
    assert "<script>" not in hostile.text
    assert anybody.get("/oauth/password").status_code == 400
    weak = anybody.post("/oauth/password", data={"token": token, "password": "12345678"})
    assert weak.status_code == 400 and "easy to guess" in weak.text and token in weak.text
    done = anybody.post("/oauth/password", data={"token": token, "password": "another-kX9-lamp"})
    assert done.status_code == 200 and "Your password is set" in done.text
    for used in (token, "pwr_x"):
        again = anybody.post("/oauth/password", data={"token": used, "password": "another-kX9-lamp"})
        assert again.status_code == 400 and "has been used" in again.text
    assert anybody.get("/api/v1/auth/me", headers=bearer(ada["accessToken"])).status_code == 401
    login = anybody.post("/api/v1/auth/login", json={"email": ada["user"]["email"], "password": "another-kX9-lamp"})
    assert login.status_code == 200
    logins = anybody.get("/api/v1/auth/logins", headers=bearer(login.json()["accessToken"])).json()["data"]
    assert len(logins) == 1, "none is left of the page"


def audited(anybody: httpx.Client, admin: dict) -> list[dict]:
    return anybody.get("/api/v1/system/audit?limit=100", headers=bearer(admin["accessToken"])).json()["data"]


def test_a_members_address_is_shown_to_who_may_see_users(anybody: httpx.Client) -> None:
    admin = register(anybody)
    manager = invited(anybody, admin, "project-manager")
    made = anybody.post("/api/v1/projects", json={"name": "p"}, headers=bearer(manager["accessToken"])).json()["data"]
    for who, sees in ((admin, True), (manager, False)):
        shown = anybody.get(f"/api/v1/projects/{made['id']}", headers=bearer(who["accessToken"])).json()["data"]
        assert shown["teamMembers"] and all(("email" in each) is sees for each in shown["teamMembers"]), shown
