"""A forgotten password: who may set another one, once, and who does not learn whether there is such a user."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from server.core.identity import organizations
from server.core.identity.logins import Granted
from server.core.people.password_reset import AGAIN, HANDED, MAILED, WAITING, ResetTokens
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized, Unavailable
from server.model import Event, PasswordReset
from server.store.database import Database
from server.store.statement import Statement
from tests.core.people.house import PASSWORD, SECRET, House
from tests.core.people.test_people import joined
from tests.support.clock import SECOND

NEW = "another-kX9-lamp"
RESETS = Statement[PasswordReset](select(PasswordReset.table()), PasswordReset)
EVENTS = Statement[Event](select(Event.table()).order_by(Event.table().c.number), Event)


@pytest.fixture
async def house(database: Database) -> House:
    return House(database)


async def mailed(house: House, *emails: str) -> list[str]:
    """The tokens that these people get."""
    for email in emails:
        await house.password_resets.request(house.call(), email)
    return [re.search(r"token=(pwr_\S+)", each.text)[1] for each in await house.password_resets.letters()]


async def test_who_gets_the_mail_sets_another_password_once_and_all_his_logins_end(house: House) -> None:
    ada = await house.register()
    other = await house.log_in(ada.user.email)
    (token,) = await mailed(house, ada.user.email.upper())
    assert await mailed(house) == [], "it is mailed once"
    for bad in ("12345678", ada.user.email, "x" * 201):
        with pytest.raises(InvalidRequest, match="password"):
            await house.password_resets.reset(house.call(), token, bad)
    began = await house.password_resets.reset(house.call(), token, NEW)
    for granted in (ada, other):
        with pytest.raises(Unauthorized):
            await house.new_identity().caller(granted.access_token)
        with pytest.raises(Unauthorized):
            await house.logins.refresh(granted.refresh_token)
    assert (await house.new_identity().caller(began.access_token)).user_id == ada.user.id
    with pytest.raises(Unauthorized):
        await house.log_in(ada.user.email)
    assert (await house.log_in(ada.user.email, NEW)).user.id == ada.user.id
    with pytest.raises(InvalidRequest, match="not good"):
        await house.password_resets.reset(house.call(), token, f"{NEW}!")
    events = await house.database.all(EVENTS)
    assert "user.password_changed" in {each.type for each in events}
    assert not any(token in each.payload for each in events)


async def test_nobody_learns_whether_an_address_is_a_users(house: House) -> None:
    ada, gone = await house.register(), await house.register()
    await house.users.update(await house.as_(gone), (await joined(house, gone, "admin")).user.id, name="Other")
    asked = []
    for email in (ada.user.email, "nobody@example.com"):
        before = len(await house.database.all(RESETS))
        asked.append(await house.password_resets.request(house.call(), email))
        # The same is done, so that it takes as long.
        assert len(await house.database.all(RESETS)) == before + 1
    assert asked == [None, None]
    (letter,) = await house.password_resets.letters()
    assert letter.address == ada.user.email
    (kept,) = [each for each in await house.database.all(RESETS) if each.user_id]
    assert not any(str(value).startswith("pwr_") for value in kept.values().values())


async def test_an_address_gets_few_of_them_and_old_ones_are_removed(house: House) -> None:
    ada = await house.register()
    assert len(await mailed(house, *[ada.user.email] * (WAITING + 2))) == WAITING
    house.clock.wait(MAILED / SECOND + 1)
    await house.password_resets.forget(house.clock.now)
    assert await house.database.all(RESETS) == []
    (late,) = await mailed(house, ada.user.email)
    house.clock.wait(MAILED / SECOND)
    with pytest.raises(InvalidRequest, match="not good"):
        await house.password_resets.reset(house.call(), late, NEW)


async def test_what_the_mail_server_does_not_take_goes_again_while_the_token_is_good(house: House) -> None:
    ada, bob = await house.register(), await house.register()
    for each in (ada, bob):
        await house.password_resets.request(house.call(), each.user.email)
    first = await house.password_resets.letters()
    taken = [each.id for each in first if each.address == bob.user.email]
    await house.password_resets.record(first, taken)
    assert len(first) == 2 and await mailed(house) == []
    house.clock.wait(AGAIN / SECOND)
    (again,) = await house.password_resets.letters()
    assert again in first and again.address == ada.user.email
    await house.password_resets.record([again], [])
    house.clock.wait(MAILED / SECOND)
    assert await mailed(house) == []


async def test_an_administrator_hands_over_a_token_that_replaces_those_before(house: House) -> None:
    boss = await house.register()
    ada = await joined(house, boss, "developer")
    call = await house.as_(boss)
    (of_mail,) = await mailed(house, ada.user.email)
    _, first = await house.password_resets.offer(call, ada.user.id)
    reset, token = await house.password_resets.offer(call, f"user-{ada.user.id}")
    assert reset.expires_at - reset.created_at == HANDED and "password_reset_offered" in (await last(house)).type
    for old in (of_mail, first):
        with pytest.raises(InvalidRequest):
            await house.password_resets.reset(house.call(), old, NEW)
    house.clock.wait(HANDED / SECOND - 2)
    assert (await house.password_resets.reset(house.call(), token, NEW)).user.id == ada.user.id


async def test_who_has_remembered_his_password_and_changed_it_leaves_no_token(house: House) -> None:
    ada = await house.register()
    (token,) = await mailed(house, ada.user.email)
    await house.password_change.change(await house.as_(ada), PASSWORD, NEW)
    with pytest.raises(InvalidRequest, match="not good"):
        await house.password_resets.reset(house.call(), token, f"{NEW}!")


async def test_a_token_is_nobodys_who_may_not_log_in_and_no_strangers(house: House) -> None:
    boss = await house.register()
    ada = await joined(house, boss, "developer")
    stranger = await house.as_(await house.register())
    with pytest.raises(NotFound):
        await house.password_resets.offer(stranger, ada.user.id)
    with pytest.raises(NotFound):
        await ResetTokens(house.database, SECRET).offer_to_address("nobody@example.com")
    _, token = await house.password_resets.offer(await house.as_(boss), ada.user.id)
    await organizations.switch(house.database, boss.organization.id, on=False)
    with pytest.raises(InvalidRequest):
        await house.password_resets.reset(house.call(), token, NEW)
    await organizations.switch(house.database, boss.organization.id, on=True)
    await house.users.update(await house.as_(boss), ada.user.id, disabled=True)
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            await house.password_resets.reset(house.call(), token, NEW)
    assert await mailed(house, ada.user.email) == []
    with pytest.raises(Conflict):
        await house.password_resets.offer(await house.as_(boss), ada.user.id)
    # Whoever is less than an administrator takes over no administrator.
    manager: Granted = await joined(house, boss, "project-manager")
    with pytest.raises(Forbidden):
        await house.password_resets.offer(await house.as_(manager), boss.user.id)


async def test_a_server_without_mail_says_so(house: House) -> None:
    house.password_resets._mails = False
    with pytest.raises(Unavailable, match="administrator"):
        await house.password_resets.request(house.call(), "a@example.com")


async def last(house: House) -> Event:
    return (await house.database.all(EVENTS))[-1]
