"""`orchestrator users`: let somebody set another password who cannot get in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.keys import day, run
from server.cli.options import DatabaseUrl, DataDir, settings_of

if TYPE_CHECKING:
    from server.model import PasswordReset
    from server.store.database import Database

users = typer.Typer(help="Let people set another password who cannot get in.", no_args_is_help=True)


@users.callback()
def _commands() -> None:
    """Let people set another password who cannot get in."""


@users.command("reset-password")
def reset_password(
    email: Annotated[str, typer.Argument(help="The user's e-mail address.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Print a token, this once, with which a user sets another password within a day."""
    from server.core.identity.access_tokens import signing_secret
    from server.core.people.password_reset import ResetTokens

    secret = signing_secret(settings_of(data_dir=data_dir, database_url=database_url))

    async def work(database: Database) -> tuple[PasswordReset, str]:
        return await ResetTokens(database, secret).offer_to_address(email)

    made, token = run(work, data_dir=data_dir, database_url=database_url)
    typer.echo(f"token: {token}\nIt is good once, until {day(made.expires_at)}, for POST /api/v1/auth/password/reset.")
