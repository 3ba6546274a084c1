"""`orchestrator keys`: create, list and revoke API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from server.cli.options import DatabaseUrl, DataDir, settings_of
from server.errors import ServiceError

if TYPE_CHECKING:
    from server.model import ApiKey
    from server.store.database import Database

T = TypeVar("T")
keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    organization: Annotated[str, typer.Option(help="Whose rows it sees; created where it is new.")] = "Development",
    scopes: Annotated[str, typer.Option(help="Space-separated, such as 'sessions:read tasks:*'.")] = "*",
    expires_in_days: Annotated[float | None, typer.Option(min=0.00001, help="Never, when absent.")] = None,
    hourly_limit: Annotated[int | None, typer.Option(min=1, help="Requests an hour; the setting when absent.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Create a key and print it, this once."""
    from server.core.identity import api_keys

    until = datetime.now(UTC) + timedelta(days=expires_in_days) if expires_in_days is not None else None

    async def work(database: Database) -> tuple[str, str]:
        key, secret = await api_keys.create_key(
            database,
            organization=organization,
            name=name,
            scopes=scopes,
            expires_at=int(until.timestamp() * 1_000_000) if until is not None else None,
            hourly_limit=hourly_limit,
        )
        return f"key_{key.id}", secret

    identifier, secret = run(work, data_dir=data_dir, database_url=database_url)
    typer.echo(f"id:  {identifier}\nkey: {secret}\nKeep it safe: it is not shown again.")


@keys.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List keys, without the keys themselves."""
    from rich.console import Console
    from rich.table import Table

    from server.core.identity import api_keys

    table = Table("id", "name", "begins", "scopes", "created", "state")
    for key in run(api_keys.list_keys, data_dir=data_dir, database_url=database_url):
        table.add_row(f"key_{key.id}", key.name, f"{key.prefix}…", key.scopes, day(key.created_at), _state(key))
    Console(width=None if Console().is_terminal else 160).print(table)


@keys.command()
def revoke(
    identifier: Annotated[str, typer.Argument(help="The key's id, as `list` shows it.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """End a key for good; running servers notice within a second."""
    from server.core.identity import api_keys

    run(lambda database: api_keys.revoke_key(database, identifier), data_dir=data_dir, database_url=database_url)
    typer.echo("revoked")


@keys.command("rotate-signing")
def rotate_signing(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Sign people's access tokens with a new key from now on; those of the key before are read while they live."""
    from server.core.identity.access_tokens import signing_secret
    from server.core.identity.signing_keys import SigningKeys
    from server.core.shared.sealing import Sealer

    settings = settings_of(data_dir=data_dir, database_url=database_url)

    async def work(database: Database) -> str:
        return await SigningKeys(database, Sealer(signing_secret(settings))).rotate()

    typer.echo(f"key {run(work, data_dir=data_dir, database_url=database_url)} signs from now on")


def run(work: Callable[[Database], Awaitable[T]], **flags: object) -> T:
    """Runs `work` on the database that the flags name; an error ends the program with its message."""
    from server.running.prepare import prepare
    from server.store.opened import open_database

    settings = settings_of(**flags)

    async def opened() -> T:
        database = open_database(settings)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        prepare(settings)
        return asyncio.run(opened())
    except ServiceError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None


def day(microseconds: int) -> str:
    """A time in the store, to the minute, UTC."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {day(key.revoked_at)}"
    if key.expires_at is None:
        return "active"
    expired = key.expires_at <= datetime.now(UTC).timestamp() * 1e6
    return f"{'expired' if expired else 'expires'} {day(key.expires_at)}"
