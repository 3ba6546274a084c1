"""`orchestrator budgets` and `orchestrator usage`."""

from __future__ import annotations

import asyncio

from typer.testing import CliRunner

from server.cli.main import app
from server.core.identity.api_keys import create_key
from server.core.models.accounts import Account
from server.core.models.ledger import Ledger, Taken
from server.core.models.port import Usage
from server.core.models.prices import Prices
from server.settings import Settings
from server.store.opened import open_database


def test_the_operator_sets_sees_and_removes_budgets(settings: Settings) -> None:
    async def used() -> str:
        database = open_database(settings)
        await database.open()
        key, _ = await create_key(database, organization="Acme", name="ci")
        ledger = Ledger(database, Prices.read('{"models": {"a/b": {"input": 1, "output": 1}}}'), call_seconds=1)
        account = Account(organization_id=key.organization_id, key_id=key.id)
        for model in ("a/b", "c/d"):
            ledger.note(Taken(account=account, model=model, usage=Usage(700, 300)))
        await ledger.flush()
        await database.close()
        return f"key_{key.id}"

    key = asyncio.run(used())

    def run(*arguments: str, exit_code: int = 0) -> str:
        beside = ["--data-dir", str(settings.data_dir), "--database-url", settings.database]
        result = CliRunner().invoke(app, [*arguments, "--organization", "Acme", *beside])
        assert result.exit_code == exit_code, result.output
        return result.output

    told = run("budgets", "set", "--key", key, "--tokens", "5000", "--cost", "0.25")
    (identifier,) = [word for word in told.split() if word.startswith("budget_")]
    listed = run("budgets", "list")
    assert identifier in listed and key in listed and "5000" in listed and "2000" in listed and "0.25" in listed
    assert "1400" in run("usage") and "0.001 and 1 calls without a price" in run("usage", "--period", "day")
    by_model = run("usage", "--by", "model")
    assert "a/b" in by_model and "c/d" in by_model and "no price" in by_model
    assert "removed" in run("budgets", "remove", identifier)
    assert identifier not in run("budgets", "list")
    assert "must be given" in run("budgets", "set", exit_code=1)
    run("budgets", "set", "--key", key, "--agent", "a", exit_code=2)
