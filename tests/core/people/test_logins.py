"""Logins: how they go on, how they end, and what strangers make of them. On both databases."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.core.identity import api_keys, organizations
from server.core.identity.access_tokens import looks_like_token
from server.core.identity.attempts import OF_ACCOUNT, OF_ADDRESS, OF_BOTH, WINDOW
from server.core.identity.logins import LONGEST, REFRESH
from server.core.identity.past_logins import KEPT, forget_logins
from server.core.identity.passwords import MEMORY_KIB
from server.core.identity.signing_keys import KNOWN_SECONDS, READ_SECONDS, SigningKeys
from server.core.shared.sealing import Sealer
from server.errors import InvalidRequest, TooMany, Unauthorized, Unavailable
from server.store.database import Database
from server.model import Login, RefreshToken
from server.store.statement import Statement
from sqlalchemy import select
from tests.core.people.house import PASSWORD, House
from tests.support.clock import SECOND


LOGINS, TOKENS = (Statement(select(each.table())) for each in (Login, RefreshToken))


@pytest.fixture
async def house(database: Database) -> House:
    return House(database)


async def test_an_old_refresh_token_gives_the_same_successor_for_a_minute_and_then_ends_the_login(house: House) -> None:
    began = await house.register()
    first = await house.logins.refresh(began.refresh_token)
    house.clock.wait(59)
    again = await house.logins.refresh(began.refresh_token)
    assert again.refresh_token == first.refresh_token != began.refresh_token
    second = await house.logins.refresh(first.refresh_token)
    house.clock.wait(2)
    with pytest.raises(Unauthorized):
        await house.logins.refresh(began.refresh_token)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(Unauthorized):
            await house.logins.refresh(token)
    with pytest.raises(Unauthorized, match="has ended"):
        await house.new_identity().caller(second.access_token)


async def test_what_is_over_for_long_is_removed_and_nothing_else(house: House) -> None:
    async def left() -> tuple[int, int]:
        rows = [await house.database.all(each) for each in (LOGINS, TOKENS)]
        return len(rows[0]), len(rows[1])

    ended, idle, used = [await house.register() for _ in range(3)]
    for _ in range(3):
        used = await house.logins.refresh(used.refresh_token)
    await house.logins.log_out(house.call(), ended.refresh_token)
    await forget_logins(house.database, house.clock.now)
    assert await left() == (3, 6)
    house.clock.wait((KEPT + 1) / SECOND)
    # It was ended, and its token with it; the others go on for ninety days, with tokens that are good for thirty.
    await forget_logins(house.database, house.clock.now)
    assert await left() == (2, 0)
    house.clock.wait(LONGEST / SECOND - 60)
    await forget_logins(house.database, house.clock.now)
    assert await left() == (2, 0)
    house.clock.wait(120)
    await forget_logins(house.database, house.clock.now)
    assert await left() == (0, 0) and idle.user.id != used.user.id
    with pytest.raises(Unauthorized):
        await house.new_identity().caller(used.access_token)


async def test_of_two_that_go_on_at_once_both_get_the_same(house: House) -> None:
    began = await house.register()
    found = await asyncio.gather(*(house.logins.refresh(began.refresh_token) for _ in range(5)))
    assert len({each.refresh_token for each in found}) == 1


async def test_a_login_goes_on_while_it_is_used_and_not_for_ever(house: House) -> None:
    unused = await house.register()
    token = (await house.register()).refresh_token
    step = REFRESH / SECOND - 1
    for _ in range(int(LONGEST / REFRESH)):
        house.clock.wait(step)
        token = (await house.logins.refresh(token)).refresh_token
    with pytest.raises(Unauthorized):
        await house.logins.refresh(unused.refresh_token)
    house.clock.wait(10)
    with pytest.raises(Unauthorized):
        await house.logins.refresh(token)
    await forget_logins(house.database, house.clock.now)
    with pytest.raises(Unauthorized):
        await house.logins.refresh(token)


async def test_a_logout_counts_at_once_where_it_was_made_and_within_a_second_elsewhere(house: House) -> None:
    here, elsewhere = house.new_identity(), house.new_identity()
    house.logins.ended.append(here.forget)
    began, other = await house.register(), await house.register()
    for identity in (here, elsewhere):
        await identity.caller(began.access_token)
        await identity.caller(other.access_token)
    await house.logins.log_out(house.call(), began.refresh_token)
    assert here.known(began.access_token) is None and here.known(other.access_token) is not None
    assert set(await here.ended([began.access_token, other.access_token])) == {began.access_token}
    house.clock.wait(1)
    assert elsewhere.known(began.access_token) is None
    with pytest.raises(Unauthorized, match="has ended"):
        await elsewhere.caller(began.access_token)


async def test_what_another_process_has_changed_is_asked_for_again(house: House) -> None:
    elsewhere = house.new_identity()
    began, other = await house.register(), await house.register()
    _, key = await api_keys.create_key(house.database, organization="o", name="n")
    for each in (began.access_token, other.access_token, key):
        await elsewhere.caller(each)
    await house.logins.log_out(house.call(), began.refresh_token)
    elsewhere.hear(began.organization.id)
    assert elsewhere.known(began.access_token) is None
    assert elsewhere.known(other.access_token) is not None and elsewhere.known(key) is not None
    elsewhere.hear(other.organization.id)
    await elsewhere.caller(other.access_token)
    assert elsewhere.known(other.access_token) is not None


async def test_an_access_token_is_good_for_an_hour(house: House) -> None:
    began = await house.register()
    assert looks_like_token(began.access_token) and began.expires_in == 3600
    house.clock.wait(3598)
    await house.new_identity().caller(began.access_token)
    house.clock.wait(3)
    with pytest.raises(Unauthorized, match="has expired"):
        await house.new_identity().caller(began.access_token)


async def test_a_key_that_signs_no_more_is_read_while_its_tokens_live(house: House) -> None:
    began = await house.register()
    await house.keys.rotate()
    later = await house.log_in(began.user.email)
    for token in (began.access_token, later.access_token):
        await house.new_identity().caller(token)
    known = [each["kid"] for each in await house.keys.jwks()]
    assert len(known) == 2 and {each["alg"] for each in await house.keys.jwks()} == {"ES256"}
    assert all("d" not in each for each in await house.keys.jwks())
    house.clock.wait(READ_SECONDS)
    assert [each["kid"] for each in await house.keys.jwks()] == known[:1]
    house.clock.wait(KNOWN_SECONDS)
    with pytest.raises(Unauthorized, match="not valid"):
        await house.new_identity().caller(began.access_token)


async def test_another_secret_of_the_server_makes_another_key_and_reads_the_old_one(house: House) -> None:
    began = await house.register()
    house.keys = SigningKeys(house.database, Sealer("t" * 32))
    token = await house.keys.sign(began.login, house.clock.now)
    for each in (token, began.access_token):
        await house.new_identity().caller(each)
    assert len(await house.keys.jwks()) == 2


async def guess(house: House, email: str, times: int, address: str = "10.6.6.6") -> None:
    for each in range(times):
        with pytest.raises(Unauthorized):
            await house.log_in(email, f"wrong {each}", address)


async def test_ten_wrong_passwords_slow_down_and_then_lock_out_for_a_while(house: House) -> None:
    email = (await house.register()).user.email
    await guess(house, email, OF_BOTH)
    assert house.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    with pytest.raises(TooMany) as refused:
        await house.log_in(email, address="10.6.6.6")
    assert 0 < refused.value.retry_after <= WINDOW / SECOND
    house.clock.wait(refused.value.retry_after)
    await house.log_in(email, address="10.6.6.6")
    await guess(house, email, 3)
    assert len(house.slept) == 6, "who got in begins anew"


async def test_many_guesses_at_once_are_no_more_than_many_in_turn(house: House) -> None:
    email = (await house.register()).user.email
    tries = [house.log_in(email, f"wrong {each}", "10.6.6.6") for each in range(OF_BOTH + 5)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Unauthorized) for each in answers) == OF_BOTH
    assert sum(isinstance(each, TooMany) for each in answers) == 5


async def test_strangers_do_not_lock_out_who_has_been_here_before(house: House) -> None:
    began = await house.register()
    email = began.user.email
    for stranger in range(OF_ACCOUNT // 5):
        await guess(house, email, 5, f"10.7.7.{stranger}")
    with pytest.raises(TooMany):
        await house.log_in(email, address="10.8.8.8")
    assert (await house.log_in(email)).user.email == email


async def test_an_address_that_guesses_at_many_is_refused_for_all(house: House) -> None:
    for each in range(OF_ADDRESS):
        with pytest.raises(Unauthorized):
            await house.log_in(f"{each}@example.com", "wrong", "10.6.6.6")
    email = (await house.register()).user.email
    with pytest.raises(TooMany):
        await house.log_in(email, address="10.6.6.6")
    await house.log_in(email)
    house.clock.wait(WINDOW / SECOND)
    await house.attempts.forget()
    await house.log_in(email, address="10.6.6.6")


async def test_who_is_nobody_hears_the_same_after_the_same_time(house: House) -> None:
    house.passwords._memory_kib = MEMORY_KIB
    email = (await house.register()).user.email
    words, times = set(), {email: [], "nobody@example.com": []}

    def alike() -> bool:
        known, unknown = (min(taken) for taken in times.values())
        return 0.4 < known / unknown < 2.5

    # The shortest of a few says how long it takes; on a machine that has much else to do it may take some more.
    for address in range(20):
        if address >= 5 and alike():
            break
        for each, taken in times.items():
            began = time.thread_time(), time.perf_counter()
            with pytest.raises(Unauthorized) as refused:
                await house.log_in(each, "wrong", f"10.0.1.{address}")
            taken.append(time.perf_counter() - began[1])
            words.add(refused.value.message)
    assert len(words) == 1
    assert alike(), times


async def test_a_disabled_organization_ends_what_all_its_people_came_with(house: House) -> None:
    began = await house.register()
    await organizations.switch(house.database, began.organization.id, on=False)
    with pytest.raises(Unauthorized, match="disabled"):
        await house.new_identity().caller(began.access_token)
    with pytest.raises(Unauthorized):
        await house.logins.refresh(began.refresh_token)
    with pytest.raises(Unauthorized):
        await house.log_in(began.user.email)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_passwords_are_compared_as_they_are_meant_and_a_few_at_a_time(house: House) -> None:
    house.passwords._memory_kib = MEMORY_KIB
    kept = await house.passwords.hash("Ünïcode-lamp-3")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await house.passwords.matches(kept, "U\u0308ni\u0308code-lamp-3")
    assert not await house.passwords.matches("", "") and not await house.passwords.matches("nonsense", "x")
    many = [house.passwords.matches(kept, "x") for _ in range(70)]
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert any(isinstance(each, Unavailable) for each in answers)
    for weak in ("short", "password123", "ada.example.com", "x" * 201):
        with pytest.raises(InvalidRequest, match="password"):
            await house.passwords.check_strength("password", weak, ["ada@example.com", "ada", "example.com"])
    await house.passwords.check_strength("password", PASSWORD, [])
