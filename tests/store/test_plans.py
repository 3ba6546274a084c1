"""No statement reads a whole table where an index should have served it: such a one works until there are rows."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

import server.core
import server.store
from server.core.shared.pagination import Listing
from server.core.shared.resource import Resource
from server.model import Task
from server.store.among import among, any_of
from server.store.statement import Statement
from tests.support.databases import new_sqlite

# Read by commands, or by sweeps that run seldom and outside the event loop.
ALLOWED = {
    "core.agents.registry._PACKAGES",
    "core.events.stream._OLD",
    "core.identity.oauth_clients._ALL",
    "core.identity.organizations._ALL",
    "core.identity.organizations._ORGANIZATION",
    "core.monitoring.alert_rules._ENDS",
    "core.monitoring.task_metrics._ORGANIZATIONS",
}
# Of all organizations, for whoever scrapes a machine: outside the event loop, and at most once in a few seconds.
ALLOWED |= {
    "core.monitoring.backlog._ALL_ACTIVE_AGENTS",
    "core.monitoring.backlog._ALL_COMPLETED_SINCE",
    "core.monitoring.backlog._ALL_HELD_BACK",
    "core.monitoring.scrape._ENDED_OF_ALL",
}
# Asked once when a process starts; the table has one row.
ALLOWED |= {"store.migrations._VERSION"}
# The table has a row for each call of a model that is under way.
ALLOWED |= {"core.models.ledger._ANY_OVER", "core.models.ledger._OVER"}
# The table has a row for each time that somebody has rotated the key.
ALLOWED |= {f"core.identity.signing_keys.{name}" for name in ("_NEWEST", "_READABLE", "_RETIRE")}
# PostgreSQL begins this join at the other end where both tables are empty.
TURNED_ROUND = {"core.workers.reconciliation._DELETED"}


def _members() -> Iterator[tuple[str, Any]]:
    """Every named value of core and of the store, in whichever package, and those in its dictionaries."""
    for package in (server.core, server.store):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # The environment of alembic runs only inside of it, and the schema's history is another matter.
            if ".migrations." in module.name:
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                members = vars(value) if isinstance(value, Resource) else value
                for each in members.values() if isinstance(members, dict) else [value]:
                    yield f"{module.name.removeprefix('server.')}.{name}", each


@cache
def statements() -> dict[str, list[Statement]]:
    found: dict[str, list[Statement]] = {}
    for name, value in _members():
        if isinstance(value, Statement):
            found.setdefault(name, []).append(value)
    return found


@cache
def listings() -> dict[str, Listing]:
    return {name: value for name, value in _members() if isinstance(value, Listing)}


def filters(listing: Listing, most: int = 2) -> Iterator[tuple[str, ...]]:
    """No filter, each one, and every `most` of them."""
    names = sorted({*listing._filters, *listing._spans})
    for count in range(most + 1):
        yield from combinations(names, count)


class SqlitePlans:
    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(new_sqlite(folder).removeprefix("sqlite:///"))
        read = self._database.execute
        self.tables = {row[0] for row in read("SELECT name FROM sqlite_master WHERE type = 'table'")}
        indexes = [row for table in self.tables for row in read(f"PRAGMA index_list({table})")]
        # An index of what is open, or due, or running is read whole on purpose: it holds nothing else.
        self._small = {row[1] for row in indexes if row[4]}
        self.columns = {row[1]: {column[2] for column in read(f"PRAGMA index_info({row[1]})")} for row in indexes}

    def steps(self, statement: Statement) -> list[str]:
        parameters = dict.fromkeys(re.findall(r":(\w+)", statement.sqlite), 1)
        return [row[3] for row in self._database.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", parameters)]

    def scans(self, statement: Statement) -> list[str]:
        """The steps that read a whole table, or a whole index that is as large as its table."""
        steps = [step for step in self.steps(statement) if step.startswith("SCAN") and step.split()[1] in self.tables]
        # What FTS5 finds by its rows or its terms it calls a scan, too.
        found = re.compile(r"VIRTUAL TABLE INDEX \d+:[=M]")
        return [step for step in steps if step.split()[-1] not in self._small and not found.search(step)]

    def index(self, statement: Statement) -> str:
        """The index by which the first table is searched."""
        found = re.match(r"SEARCH \w+ USING (?:COVERING )?INDEX (\w+)", self.steps(statement)[0])
        return found[1] if found else ""


@pytest.fixture
def plans(tmp_path: Path) -> SqlitePlans:
    return SqlitePlans(tmp_path)


def test_every_statement_uses_an_index(plans: SqlitePlans) -> None:
    bad = {name: scans for name, each in statements().items() for one in each if (scans := plans.scans(one))}
    assert sum(map(len, statements().values())) > 100
    assert set(bad) - ALLOWED == set(), "\n".join(f"{name}: {scans}" for name, scans in sorted(bad.items()))


def test_nothing_is_allowed_that_needs_no_leave(plans: SqlitePlans) -> None:
    assert {name for name, each in statements().items() if any(map(plans.scans, each))} == ALLOWED


@pytest.mark.parametrize("name", listings())
def test_every_list_goes_along_an_index_in_its_order(plans: SqlitePlans, name: str) -> None:
    listing = listings()[name]
    for given in filters(listing):
        page, part, count = listing._statement(given)
        for statement in (page, part, count):
            assert not plans.scans(statement), (given, plans.steps(statement))
        for statement in (page, part):
            assert not [step for step in plans.steps(statement) if "TEMP B-TREE" in step], (
                given,
                plans.steps(statement),
            )


@pytest.mark.parametrize("name", listings())
def test_filters_that_are_said_to_have_an_index_have_one(plans: SqlitePlans, name: str) -> None:
    listing = listings()[name]
    for given in listing._indexed:
        for statement in listing._statement((given,))[:2]:
            assert given in plans.columns.get(plans.index(statement), set()), (given, plans.steps(statement))


def _value(type: asyncpg.Type) -> Any:
    one: Any = {"bool": True, "float8": 1.0, "text": "x", "varchar": "x", "bytea": b"x"}.get(
        type.name.removesuffix("[]"), 1
    )
    return [one] if type.kind == "array" else one


def _bad(node: dict[str, Any], small: set[str]) -> Iterator[str]:
    """The parts of a plan that read a whole table, or a whole index that is as large as its table."""
    kind, index = node["Node Type"], node.get("Index Name", "")
    if kind == "Seq Scan" or (index and "Index Cond" not in node and index not in small):
        yield f"{kind} {node.get('Relation Name', '')} {index}".strip()
    for child in node.get("Plans", []):
        yield from _bad(child, small)


async def test_every_statement_and_list_uses_an_index_on_postgresql(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    # With few rows it would read all of them whatever indexes there are: so it does only where there is none.
    await connection.execute("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off")
    small = {
        row[0]
        for row in await connection.fetch("SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL")
    }
    named = [(name, one) for name, each in statements().items() for one in each]
    named += [
        (f"{name} by {given}", one)
        for name, listing in listings().items()
        for given in filters(listing, 1)
        for one in listing._statement(given)
    ]
    bad = {}
    for name, statement in named:
        prepared = await connection.prepare(statement.postgres[0])
        arguments = [_value(type) for type in prepared.get_parameters()]
        plan = await prepared.explain(*arguments)
        found = [
            part for tree in (json.loads(plan) if isinstance(plan, str) else plan) for part in _bad(tree["Plan"], small)
        ]
        if found:
            bad[name] = found
    await connection.close()
    assert set(bad) - ALLOWED - TURNED_ROUND == set(), "\n".join(
        f"{name}: {found}" for name, found in sorted(bad.items())
    )


@pytest.mark.parametrize("one_of", [among, any_of])
def test_one_of_several_is_found_by_the_index_of_its_column(one_of: Any, tmp_path: Path) -> None:
    tasks = Task.table().c
    steps = SqlitePlans(tmp_path).steps(Statement(select(tasks.id).where(one_of(tasks.project_id, "ids"))))
    assert [step for step in steps if step.startswith("SEARCH tasks") and "project_id=?" in step], steps
