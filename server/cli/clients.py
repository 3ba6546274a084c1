"""`orchestrator clients`: create, list and revoke OAuth clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.keys import day, run
from server.cli.options import DatabaseUrl, DataDir

if TYPE_CHECKING:
    from server.store.database import Database

clients = typer.Typer(help="Create, list and revoke OAuth clients.", no_args_is_help=True)


@clients.command()
def create(
    name: Annotated[str, typer.Argument(help="What the client is.")],
    organization: Annotated[str, typer.Option(help="Whose rows it sees; created where it is new.")] = "Development",
    scopes: Annotated[str, typer.Option(help="What its tokens may hold, such as 'sessions:read tasks:*'.")] = "*",
    token_seconds: Annotated[int, typer.Option(min=1, max=86_400, help="How long a token lives.")] = 3600,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="Where people who allow it to act for them are sent back to."),
    ] = None,
    *,
    public: Annotated[bool, typer.Option("--public", help="It can keep no secret, as an app or a page.")] = False,
    pkce: Annotated[bool, typer.Option("--pkce", help="It must send a challenge, though it has a secret.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Create a client and print its secret, this once."""
    from server.core.identity import oauth_clients as core

    async def work(database: Database) -> tuple[str, str]:
        client, secret = await core.create_client(
            database,
            organization=organization,
            name=name,
            scopes=scopes,
            token_seconds=token_seconds,
            redirect_uris=redirect_uri or (),
            public=public,
            needs_challenge=pkce,
        )
        return f"client_{client.id}", secret

    identifier, secret = run(work, data_dir=data_dir, database_url=database_url)
    if not secret:
        typer.echo(f"client_id:     {identifier}\nIt has no secret: it sends a challenge (PKCE, S256).")
        return
    typer.echo(f"client_id:     {identifier}\nclient_secret: {secret}\nKeep the secret safe: it is not shown again.")


@clients.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List clients, without their secrets."""
    from rich.console import Console
    from rich.table import Table

    from server.core.identity import oauth_clients as core

    table = Table("id", "name", "scopes", "tokens live", "created", "state")
    for client in run(core.list_clients, data_dir=data_dir, database_url=database_url):
        state = "active" if client.revoked_at is None else f"revoked {day(client.revoked_at)}"
        seconds, created = f"{client.token_seconds} s", day(client.created_at)
        table.add_row(f"client_{client.id}", client.name, client.scopes, seconds, created, state)
    Console(width=None if Console().is_terminal else 160).print(table)


@clients.command()
def revoke(
    identifier: Annotated[str, typer.Argument(help="The client's id, as `list` shows it.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """End a client and its tokens for good; running servers notice within a second."""
    from server.core.identity import oauth_clients as core

    run(lambda database: core.revoke_client(database, identifier), data_dir=data_dir, database_url=database_url)
    typer.echo("revoked")
