"""`orchestrator migrate`: bring the database up to the present schema."""

from __future__ import annotations

import typer

from server.cli.options import DatabaseUrl, DataDir, settings_of
from server.errors import ServiceError


def migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database up to the present schema. `up` does this by itself."""
    from server.running.prepare import prepare

    try:
        prepare(settings_of(data_dir=data_dir, database_url=database_url))
    except ServiceError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    typer.echo("the schema is up to date")
