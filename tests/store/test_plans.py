"""No statement reads a whole table where an index should have served it: such a one works until there are rows."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import server.core
from server.settings import Settings
from server.store.migrations import migrate
from server.store.statement import Statement

# Read by commands, or by sweeps that run seldom and outside the event loop.
ALLOWED = {
    "agents.registry._PACKAGES",
    "events.stream._OLD",
    "identity.api_keys._ALL",
    "identity.oauth_clients._ALL",
    "identity.organizations._ORGANIZATION",
    "monitoring.alert_rules._ENDS",
    "monitoring.task_metrics._ORGANIZATIONS",
}


def statements() -> Iterator[tuple[str, Statement]]:
    for module in pkgutil.walk_packages(server.core.__path__, "server.core."):
        for name, value in vars(importlib.import_module(module.name)).items():
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, Statement):
                    yield f"{module.name.removeprefix('server.core.')}.{name}", each


def test_every_statement_of_the_rules_uses_an_index(tmp_path: Path) -> None:
    migrate(Settings(database_url=f"sqlite:///{tmp_path / 'orchestrator.db'}"))
    database = sqlite3.connect(tmp_path / "orchestrator.db")
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # An index of what is open, or due, or running is read whole on purpose: it holds nothing else.
    small = {row[1] for table in tables for row in database.execute(f"PRAGMA index_list({table})") if row[4]}
    seen, bad = 0, {}
    for name, statement in statements():
        text = statement.sqlite
        parameters = dict.fromkeys(re.findall(r":(\w+)", text), 1)
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
        scans = [step for step in plan if step.startswith("SCAN") and step.split()[1] in tables]
        scans = [step for step in scans if step.split()[-1] not in small]
        seen += 1
        if scans and name not in ALLOWED:
            bad[name] = scans
    assert seen > 60
    assert not bad, "\n".join(f"{name}: {scans}" for name, scans in sorted(bad.items()))
