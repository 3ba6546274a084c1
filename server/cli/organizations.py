"""`orchestrator organizations`: list organizations, say their tier, and shut them out."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.keys import day, run
from server.cli.options import DatabaseUrl, DataDir

organizations = typer.Typer(help="List organizations, set their tier, disable them.", no_args_is_help=True)
Organization = Annotated[str, typer.Argument(help="The organization's id, as `list` shows it, or its name.")]


@organizations.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List organizations, oldest first."""
    from rich.console import Console
    from rich.table import Table

    from server.core.identity import organizations as core

    table = Table("id", "name", "tier", "created", "state")
    for each in run(core.list_organizations, data_dir=data_dir, database_url=database_url):
        state = "active" if each.disabled_at is None else f"disabled {day(each.disabled_at)}"
        table.add_row(f"org_{each.id}", each.name, each.tier, day(each.created_at), state)
    Console(width=None if Console().is_terminal else 160).print(table)


@organizations.command()
def tier(
    organization: Organization,
    tier: Annotated[str, typer.Argument(help="free, pro or enterprise.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Set how much an organization may ask for at the CoordinAItor API; servers notice within a second."""
    from server.core.identity import organizations as core

    found = run(
        lambda database: core.set_tier(database, organization, tier), data_dir=data_dir, database_url=database_url
    )
    typer.echo(f"org_{found.id} is {found.tier}")


@organizations.command()
def disable(organization: Organization, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """End whatever an organization's people and programs come with; servers notice within a second."""
    _switch(organization, data_dir, database_url, on=False)


@organizations.command()
def enable(organization: Organization, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Let an organization in again, with the keys that it had."""
    _switch(organization, data_dir, database_url, on=True)


def _switch(organization: str, data_dir: DataDir, database_url: DatabaseUrl, *, on: bool) -> None:
    from server.core.identity import organizations as core

    found = run(
        lambda database: core.switch(database, organization, on=on), data_dir=data_dir, database_url=database_url
    )
    typer.echo(f"org_{found.id} is {'enabled' if on else 'disabled'}")
