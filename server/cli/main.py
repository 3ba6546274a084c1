"""The commands, one module each."""

from __future__ import annotations

import typer

from server.cli.clients import clients
from server.cli.events import events
from server.cli.gateway import gateway
from server.cli.keys import keys
from server.cli.migrate import migrate
from server.cli.server import server
from server.cli.up import up

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
app.add_typer(keys, name="keys")
app.add_typer(clients, name="clients")
app.add_typer(events, name="events")


def main() -> None:
    """The entry point."""
    app()
