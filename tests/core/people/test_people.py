"""Who belongs to an organization, and what each may do. On both databases."""

from __future__ import annotations

import asyncio
import json

import pytest

from server.core.identity.declared_scopes import DECLARED_SCOPES
from server.core.identity.logins import Granted
from server.core.identity.roles import scopes_of, scopes_within
from server.core.people.avatars import small
from server.core.people.personal_keys import MOST
from server.core.people.registration import ADMIN_EMAIL, ADMIN_PASSWORD, ensure_admin
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooMany, Unauthorized
from server.model import Event, Project, Role, new_id
from server.store.database import Database
from server.store.statement import Statement
from sqlalchemy import select
from tests.core.people.house import House

EVERYTHING = (100_000, 1_000)
EVENTS = Statement[Event](select(Event.table()).order_by(Event.table().c.number), Event)


@pytest.fixture
async def house(database: Database) -> House:
    return House(database)


async def joined(house: House, admin: Granted, role: str) -> Granted:
    email = f"{new_id()}@example.com"
    _, token = await house.invitations.create(await house.as_(admin), email=email, role=role)
    return await house.register(email=email, invitation=token)


def test_each_role_may_do_what_the_one_below_it_may() -> None:
    viewer, developer, manager, admin = (
        scopes_of(each) for each in (Role.VIEWER, Role.DEVELOPER, Role.PROJECT_MANAGER, Role.ADMIN)
    )
    assert viewer < developer < manager and admin == {"*"}
    reads = {each for each in DECLARED_SCOPES if each.endswith(":read")}
    assert {each for each in viewer if each.endswith(":write")} == {"account:write", "notifications:write"}
    assert reads - viewer == {"users:read", "invitations:read", "audit:read", "logs:read"}
    assert {"tasks:write", "comments:write", "keys:write"} <= developer and "agents:write" not in developer
    assert "agents:write" in manager and "users:write" not in manager and scopes_of("king") == set()


def test_what_a_person_holds_is_what_both_his_role_and_his_login_have() -> None:
    assert scopes_within("admin", "*") == {"*"} and scopes_within("admin", "tasks:*") == {"tasks:*"}
    assert scopes_within("viewer", "*") == scopes_of("viewer")
    assert scopes_within("viewer", "tasks:*") == {"tasks:read"}
    assert scopes_within("developer", "tasks:write agents:write") == {"tasks:write"}
    assert scopes_within("viewer", "tasks:write") == set()


async def test_a_change_of_role_or_state_counts_for_whoever_is_logged_in(house: House) -> None:
    admin = await house.register()
    other = await joined(house, admin, "developer")
    key, secret = await house.personal_keys.create(
        await house.as_(other), name="ci", permissions=["tasks:write"], allowed=EVERYTHING
    )
    assert (await house.identity.caller(secret)).may("tasks:write") and key.personal
    await house.users.update(await house.as_(admin), other.user.id, role="viewer")
    for credential in (other.access_token, secret):
        assert not (await house.new_identity().caller(credential)).may("tasks:write")
    await house.users.update(await house.as_(admin), other.user.id, disabled=True)
    for credential in (other.access_token, secret):
        with pytest.raises(Unauthorized):
            await house.new_identity().caller(credential)
    types = [each.type for each in await house.database.all(EVENTS)]
    assert [each for each in types if each != "user.logged_in"] == [
        "user.registered",
        "invitation.created",
        "invitation.accepted",
        "user.registered",
        "api_key.created",
        "user.updated",
        "user.disabled",
    ]
    for event in await house.database.all(EVENTS):
        assert secret not in event.payload and "argon2" not in event.payload and "digest" not in event.payload
        assert event.type != "user.registered" or event.actor.startswith("user_")


async def test_two_administrators_do_not_demote_each_other_at_once(house: House) -> None:
    one = await house.register()
    other = await joined(house, one, "admin")
    calls = [await house.as_(one), await house.as_(other)]
    answers = await asyncio.gather(
        house.users.update(calls[0], other.user.id, role="viewer"),
        house.users.update(calls[1], one.user.id, disabled=True),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in answers) == 1


async def test_a_key_that_is_limited_to_projects_makes_none_that_is_not(house: House) -> None:
    admin = await house.register()
    call = await house.as_(admin)
    digits = new_id()
    project = Project.new(
        id=digits, organization_id=call.organization_id, name="P", created_at=1, updated_at=1
    )

    async def body(transaction) -> None:
        await transaction.insert(project)

    await house.database.write(body)
    wanted = {"name": "k", "permissions": ["*"], "allowed": EVERYTHING}
    _, secret = await house.personal_keys.create(call, **wanted, projects=[f"proj-{digits}"])
    limited = await house.as_(admin)
    limited.caller = await house.identity.caller(secret)
    assert limited.caller.projects == {digits}
    # No key makes another one, which could outlive it.
    for more in ({}, {"projects": [digits]}):
        with pytest.raises(Forbidden):
            await house.personal_keys.create(limited, **wanted, **more)
    stranger = await house.as_(await house.register())
    with pytest.raises(NotFound):
        await house.personal_keys.create(stranger, **wanted, projects=[digits])


async def test_a_person_has_so_many_keys_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.core.people.personal_keys.MOST", 2)
    assert MOST == 100
    call = await house.as_(await house.register())
    wanted = {"name": "k", "permissions": ["tasks:read"], "allowed": EVERYTHING}
    made = [(await house.personal_keys.create(call, **wanted))[0] for _ in range(2)]
    with pytest.raises(TooMany):
        await house.personal_keys.create(call, **wanted)
    await house.personal_keys.revoke(call, made[0].id)
    await house.personal_keys.create(call, **wanted)
    assert (await house.personal_keys.slice(call, limit=10, offset=0)).total == 2


async def test_one_who_registers_twice_at_once_is_one_user(house: House) -> None:
    email = "twice@example.com"
    answers = await asyncio.gather(*(house.register(email=email) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(each, Granted) for each in answers) == 1, answers
    assert sum(isinstance(each, Conflict) for each in answers) == 1, answers


async def test_an_invitation_is_accepted_once_by_whom_it_is_for(house: House) -> None:
    call = await house.as_(await house.register())
    call.idempotency_key = "once"
    made = [await house.invitations.create(call, email="new@example.com", role="viewer") for _ in range(2)]
    assert made[0][0].id == made[1][0].id and made[0][1] == made[1][1], "also where the answer was lost"
    token = made[0][1]
    with pytest.raises(InvalidRequest):
        await house.register(email="eve@example.com", invitation=token)
    house.clock.wait(8 * 24 * 3600)
    with pytest.raises(InvalidRequest):
        await house.register(email="new@example.com", invitation=token)
    for bad in ("nobody", "a b@example.com", "a@b", "@example.com", "a@@example.com"):
        with pytest.raises(InvalidRequest):
            await house.invitations.create(call, email=bad, role="viewer")


@pytest.mark.parametrize("what", [{"disabled": True}, {"role": "project-manager"}], ids=["disabled", "another role"])
async def test_the_invitations_of_who_may_invite_no_more_are_good_no_more(house: House, what: dict) -> None:
    boss = await house.register()
    other = await joined(house, boss, "admin")
    _, token = await house.invitations.create(await house.as_(other), email="new@example.com", role="viewer")
    await house.users.update(await house.as_(boss), other.user.id, **what)
    with pytest.raises(InvalidRequest, match="good for this e-mail address"):
        await house.register(email="new@example.com", invitation=token)
    # He may get his own back, and with it they are good again.
    await house.users.update(await house.as_(boss), other.user.id, disabled=False, role="admin")
    assert (await house.register(email="new@example.com", invitation=token)).user.role == "viewer"


async def test_old_invitations_are_removed(house: House) -> None:
    call = await house.as_(await house.register())
    for _ in range(2):
        await house.invitations.create(call, email=f"{new_id()}@example.com", role="viewer")
        house.clock.wait(20 * 24 * 3600)
    await house.invitations.forget(house.clock.now)
    assert len((await house.invitations.page(call, size=9, token="")).rows) == 1


async def test_preferences_are_what_they_can_be(house: House) -> None:
    call = await house.as_(await house.register())
    for bad in (
        {"theme": 3},
        {"language": ["en"]},
        {"timezone": "../etc"},
        {"colour": "red"},
        {"notifications": []},
        {"notifications": {"email": "no"}},
        {"notifications": {"pigeon": True}},
    ):
        with pytest.raises(InvalidRequest, match="preferences"):
            await house.users.update_me(call, preferences=bad)
    await house.users.update_me(call, preferences={"theme": "dark", "notifications": {"email": False}})
    user = await house.users.update_me(call, preferences={"notifications": {"push": True}})
    assert json.loads(user.preferences) == {"theme": "dark", "notifications": {"email": False, "push": True}}


async def test_by_invitation_alone_nobody_else_registers(house: House) -> None:
    call = await house.as_(await house.register())
    house.registration._open = False
    with pytest.raises(Forbidden):
        await house.register()
    _, token = await house.invitations.create(call, email="new@example.com", role="viewer")
    assert (await house.register(email="new@example.com", invitation=token)).user.role == "viewer"


async def test_the_development_administrator_is_made_once(house: House) -> None:
    made = [await ensure_admin(house.database, house.passwords, "Development") for _ in range(2)]
    assert made == [True, False]
    assert (await house.log_in(ADMIN_EMAIL, ADMIN_PASSWORD)).organization.name == "Development"
    house.logins._development = False
    with pytest.raises(Unauthorized):
        await house.log_in(ADMIN_EMAIL, ADMIN_PASSWORD)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_pictures_of_the_usual_kinds_are_taken(kind: str) -> None:
    import io

    from PIL import Image

    written = io.BytesIO()
    Image.new("P", (30, 60)).save(written, kind) if kind != "WEBP" else Image.new("RGBA", (30, 60)).save(written, kind)
    if kind == "TIFF":
        with pytest.raises(InvalidRequest, match="must be a picture"):
            small(written.getvalue())
    else:
        assert Image.open(io.BytesIO(small(written.getvalue()))).size == (256, 256)
