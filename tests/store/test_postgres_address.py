"""DATABASE_URL as managed services hand it out."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select, text

from server.model import Organization
from server.postgres_address import connection_arguments
from server.settings import Settings
from server.store.bus import PostgresBus
from server.store.migrations import is_present, migrate
from server.store.opened import open_database
from server.store.statement import Statement
from tests.support.proxy import proxied
from tests.support.waiting import eventually

ORGANIZATIONS = Statement[Any](select(Organization.table().c.id))
# What PgBouncer takes in a connection's first message unless it is told to ignore more.
TAKEN_BY_POOLERS = {"user", "database", "application_name", "client_encoding", "options"}
MANAGED = [
    "sslmode=prefer",
    "sslmode=disable&connect_timeout=5&target_session_attrs=read-write&application_name=x",
    "sslmode=prefer&channel_binding=prefer&gssencmode=disable&keepalives=1&tcp_user_timeout=1000",
    "options=-c%20geqo%3Doff&client_encoding=utf8&statement_cache_size=0",
    "ssl=prefer&prepared_statement_cache_size=0",
    "sslmode=&application_name=",
]


def shown(name: str) -> Statement[Any]:
    return Statement(text(f"SHOW {name}"))


@pytest.mark.parametrize("query", MANAGED)
async def test_every_part_connects_with_the_parameters_that_services_add(postgres_url: str, query: str) -> None:
    settings = Settings(database_url=f"{postgres_url}?{query}", database_connections=2)
    database = open_database(settings)
    await database.open()
    assert await is_present(database)
    bus = PostgresBus(settings.database)
    await bus.open()
    await eventually(lambda: bus._alone)
    await bus.close()
    if "application_name=x" in query:
        assert await database.one(shown("application_name")) == ("x",)
    if "geqo" in query:
        assert await database.one(shown("geqo")) == ("off",)
    await database.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_migrations_take_every_scheme_and_the_parameters(postgres_url: str, scheme: str) -> None:
    address = f"{scheme}://{postgres_url.partition('://')[2]}?sslmode=prefer&channel_binding=prefer"
    migrate(Settings(database_url=address))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u:secret@h/n?colour=red", "parameter colour is not known"),
        ("postgresql://u:secret@h/n?sslmode=please", "sslmode must be one of disable, allow"),
        ("postgresql://u:secret@h/n?connect_timeout=soon", "connect_timeout must be a whole number"),
        ("postgresql+psycopg://u:secret@h/n", "must start with"),
        ("postgresql://u:secret@[h/n", "cannot be read"),
    ],
)
def test_what_is_not_known_is_refused_in_a_sentence_without_the_password(address: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        Settings(database_url=address)
    assert "secret" not in refused.value.errors()[0]["msg"]


def test_what_the_driver_cannot_do_is_made_as_good_as_can_be() -> None:
    assert connection_arguments("postgresql://h/n?channel_binding=require")["dsn"].endswith("?sslmode=require")
    bound = connection_arguments("postgresql://h/n?channel_binding=require&sslmode=verify-full")
    assert bound["dsn"].endswith("?sslmode=verify-full")
    system = connection_arguments("postgresql://h/n?sslmode=verify-full&sslrootcert=system")
    assert system["ssl"].check_hostname and system["ssl"].verify_mode == ssl.CERT_REQUIRED
    assert "sslrootcert" not in system["dsn"]
    assert connection_arguments("postgresql://u:p%40@h:1,i:2/n")["dsn"] == "postgresql://u:p%40@h:1,i:2/n"


async def test_nothing_is_asked_of_a_pooler_that_it_does_not_take(postgres_url: str, tmp_path: Path) -> None:
    async with proxied(postgres_url) as proxy:
        database = open_database(Settings(database_url=f"{proxy.url}?sslmode=disable", database_connections=2))
        await database.open()
        bus = PostgresBus(f"{proxy.url}?sslmode=disable")
        await bus.open()
        await eventually(lambda: bus._alone)
        await bus.close()
        await database.close()
        assert len(proxy.greetings) == 3
        for greeting in proxy.greetings:
            length = int.from_bytes(greeting[:4])
            assert set(greeting[8:length].decode().split("\0")[::2]) - {""} <= TAKEN_BY_POOLERS


async def test_by_default_a_statement_may_take_ten_seconds_and_a_lock_five(postgres_url: str) -> None:
    database = open_database(Settings(database_url=postgres_url))
    await database.open()
    found = [await database.one(shown(name)) for name in ("statement_timeout", "lock_timeout")]
    found.append(await database.one(shown("idle_in_transaction_session_timeout")))
    await database.close()
    assert found == [("10s",), ("5s",), ("10s",)]
