"""Keys that end while a process knows them."""

from __future__ import annotations

import pytest

from server.core.identity import api_keys
from server.core.identity.authentication import CACHE_MICROSECONDS, Authenticator
from server.errors import Unauthorized
from server.store.database import Database
from tests.support.clock import SECOND, Clock


@pytest.fixture
def clock(database: Database) -> Clock:
    database.clock = Clock()
    return database.clock


async def test_a_key_that_expires_is_known_until_its_moment_and_not_after(database: Database, clock: Clock) -> None:
    until = clock.now + 8 * SECOND
    _, key = await api_keys.create_key(database, organization="o", name="n", expires_at=until)
    identity = Authenticator(database)
    clock.wait(7.5)
    caller = await identity.caller(key)
    assert identity.known(key) == caller
    clock.wait(0.5)
    assert identity.known(key) is None, "not even for the second that others are known"
    with pytest.raises(Unauthorized, match="has expired"):
        await identity.caller(key)


async def test_a_revoked_key_is_known_for_a_second_at_most(database: Database, clock: Clock) -> None:
    stored, key = await api_keys.create_key(database, organization="o", name="n")
    identity = Authenticator(database)
    caller = await identity.caller(key)
    await api_keys.revoke_key(database, f"key_{stored.id}")
    assert identity.known(key) == caller
    clock.wait(CACHE_MICROSECONDS / SECOND)
    assert identity.known(key) is None
    with pytest.raises(Unauthorized, match="has been revoked"):
        await identity.caller(key)
