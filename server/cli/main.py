"""The commands, one module each."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from server.cli.budgets import budgets, usage
from server.cli.clients import clients
from server.cli.events import events
from server.cli.gateway import gateway
from server.cli.keys import keys
from server.cli.migrate import migrate
from server.cli.organizations import organizations
from server.cli.server import server
from server.cli.up import up
from server.cli.users import users

_SECRETS = {"--database-url": "DATABASE_URL", "--redis-url": "REDIS_URL"}
app = typer.Typer(
    name="orchestrator",
    help="An agent control plane: REST and gRPC over one store.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(server)
app.command()(gateway)
app.command()(migrate)
app.command()(usage)
app.add_typer(budgets, name="budgets")
app.add_typer(keys, name="keys")
app.add_typer(clients, name="clients")
app.add_typer(organizations, name="organizations")
app.add_typer(events, name="events")
app.add_typer(users, name="users")


def main() -> None:
    """The entry point."""
    _open_standard_streams()
    arguments, secrets = without_secrets(sys.orig_argv)
    if secrets:
        os.execve(sys.executable, arguments, {**os.environ, **secrets})  # noqa: S606 — this program
    app()


def _open_standard_streams() -> None:
    """Where one of the three is closed the next file that is opened would be in its place, and be written to."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def without_secrets(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The arguments without flags that may hold a password, and those as variables: `ps` shows arguments to all."""
    kept: list[str] = []
    secrets: dict[str, str] = {}
    given = iter(arguments)
    for argument in given:
        flag, assigned, value = argument.partition("=")
        variable = _SECRETS.get(flag)
        if variable is None:
            kept.append(argument)
        elif assigned or (value := next(given, "")):
            secrets[variable] = value
        else:
            # Without its value it is a mistake, which the command says.
            kept.append(argument)
    return kept, secrets
