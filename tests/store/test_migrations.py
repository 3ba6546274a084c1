"""Migrations: what has been released stays as it is, and brings every database with its rows to the newest schema."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from orchestrator.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from sqlalchemy import Connection, MetaData, inspect, select, text

from server import values
from server.core.workflows.step_spec import steps_in
from server.app import Application
from server.errors import SchemaTooNew
from server.model import Record
from server.settings import Settings
from server.store.migrations import FOLDER, VERSIONS, configuration, migrate
from tests.support.databases import engine_of, new_postgres
from tests.support.killed_migration import FINISHED, KILLED
from tests.support.ports import free_port
from tests.store.rows_0001 import CODING, PLAIN, ROWS, SECRET, Row, task_id

ORCHESTRATOR = str(Path(sys.executable).parent / "orchestrator")
# SHA-256 of every migration that has been released. Databases have run them: to change the schema, append another one.
RELEASED = {
    "0001_the_backbone.py": "83ea82bb0e3f5caf37fa866449361011839d16695ff990239096ba73fd28a7ce",
    "0002_kinds_and_origins.py": "a004481a93eb0862aa1ad94c95ef9f3ad021b89aec17fcc2096175fd687859cd",
    "0003_values_as_protobuf.py": "b354b49e6b20467db13e9be672afccd78dedf0765e33a5e90ee082821df38ff8",
    "0004_tasks_in_sessions.py": "320e39b498d9c68595145f097f8b8d9ef17aa25a3f0ac9e01dae2baeb8b7b682",
    "0005_webhooks.py": "fac4dc532f9b06306c9a139ea8881b3545d3a0e26bf3cfbb1040153e05b6bdb4",
    "0006_knowledge.py": "6f34a34466fc9612c2890d0ef934c82b0a4835e340dbf88a843482df2594b6fd",
    "0007_code_that_searches.py": "d1e16f86e5be2d3dc871c8c371e4a9e2450fd3c43fabaf7fa79fe8af224275ff",
    "0008_people.py": "1276e5ba5152bfe0e5f637f39e4030921cd4edd3ada5f66d31b76ac4a3b86602",
    "0009_sentence_vectors.py": "51947d88cfdaf6731d721f6723c47bf50e61eaa336441493293ebbebeeb2edf2",
    "0010_chat.py": "718cacd6e79ccb8836e8ef643f00fb21c937d4a70f03759ffa0970e0dc192f8b",
    "0011_model_turns.py": "28ba9a086a5b856ccdd8c15e155f59c160771ace79f1d3af5efeb5494f68b1e2",
    "0012_budgets.py": "9a957f89b2e9c5715a840fe707f890cf49c84e73a1ad46cd7967b096fb393266",
    "0013_mail_and_resets.py": "acb2fbd8f1852915d06cb330631213126b64e353725d347e4041db7a80448f70",
    "0014_trace_context.py": "95b8793077b42c98089e769260d9a05ff57fa848aa84a018f48927a0afcbaafe",
    "0015_who_asks_for_answers.py": "2784171a80d2b4f3793bc97ddd2403e678233591b90fec8483bf333c5da2ad15",
}
# Columns that a later migration is meant to remove or fill anew, by table and name; a test of its own says how.
VALUES = {
    "agents": ("configuration",),
    "checkpoints": ("data",),
    "sessions": ("result",),
    "tasks": ("input", "output"),
    "workflow_runs": ("parameters", "output"),
}
CHANGED = frozenset(
    {("tasks", "parent_id"), ("workflows", "steps"), ("workflow_runs", "steps")}
    | {(table, column) for table, columns in VALUES.items() for column in columns}
)
NEWER = "9999"
R = TypeVar("R")


def on(settings: Settings, body: Callable[[Connection], R]) -> R:
    """What `body` gives, on a connection of its own and in one transaction."""

    async def run() -> R:
        engine = engine_of(settings)
        async with engine.begin() as connection:
            given = await connection.run_sync(body)
        await engine.dispose()
        return given

    return asyncio.run(run())


def clear(settings: Settings) -> None:
    """Removes all tables of a PostgreSQL database, of whatever schema."""

    def schema_anew(connection: Connection) -> None:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))

    on(settings, schema_anew)


@pytest.fixture(scope="module")
def unmigrated() -> Iterator[str]:
    """A PostgreSQL database for these tests alone: others need not have the newest schema made anew after each of them."""
    with new_postgres(migrated=False) as url:
        yield url


@pytest.fixture
def empty(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Settings:
    """A database of each kind without any table."""
    url = request.getfixturevalue("unmigrated") if database_kind == "postgresql" else f"sqlite:///{tmp_path / 'orchestrator.db'}"
    settings = Settings(data_dir=tmp_path, database_url=url, sandbox_prewarmed=0)
    if settings.sqlite_path is None:
        clear(settings)
    return settings


def upgrade(settings: Settings, version: str) -> None:
    command.upgrade(configuration(settings), version)


def tables(connection: Connection) -> MetaData:
    """The tables of the database as it describes them itself."""
    found = MetaData()
    found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    return found


def fill(connection: Connection) -> None:
    found = tables(connection).tables
    for name, given in ROWS.items():
        connection.execute(found[name].insert(), given)


def rows(connection: Connection) -> dict[str, list[Row]]:
    """The rows of the tables that schema 0001 had."""
    found = tables(connection).tables
    return {name: [dict(row) for row in connection.execute(select(found[name])).mappings()] for name in ROWS}


def difference(connection: Connection) -> list[Any]:
    """In what the database is not as the models describe it."""
    # The indexes of texts are made in the words of each database, which no model has.
    described = lambda name, kind, _: kind != "table" or not name.startswith(("chunk_index", "task_index"))  # noqa: E731
    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": described})
    return list(compare_metadata(context, Record.metadata))


def test_a_released_migration_stays_as_it_is_because_databases_have_run_it() -> None:
    files = sorted((FOLDER / "versions").glob("[0-9]*.py"))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {name: digests.get(name) for name in RELEASED} == RELEASED
    assert {path.name for path in files[:-1]} <= set(RELEASED), "a migration that another one follows is released"


def test_the_rows_of_schema_0001_have_every_table_and_column(empty: Settings) -> None:
    upgrade(empty, "0001")
    found = on(empty, tables)
    assert set(ROWS) == set(found.tables)
    for name, given in ROWS.items():
        assert {frozenset(row) for row in given} == {frozenset(found.tables[name].columns.keys())}, name


def test_a_database_of_schema_0001_becomes_the_newest_and_keeps_its_rows(empty: Settings) -> None:
    upgrade(empty, "0001")
    on(empty, fill)
    migrate(empty)
    assert on(empty, difference) == []
    after = on(empty, rows)
    for name, before in ROWS.items():
        columns = [column for column in before[0] if (name, column) not in CHANGED]
        found = [{column: row[column] for column in columns} for row in after[name]]
        assert [row for row in before if {column: row[column] for column in columns} not in found] == [], name


def test_0002_gives_each_meaning_of_a_column_one_of_its_own(empty: Settings) -> None:
    upgrade(empty, "0001")
    on(empty, fill)
    upgrade(empty, "0002")
    after = on(empty, rows)
    origins = {row["id"]: (row["parent_id"], row["recurring_id"]) for row in after["tasks"]}
    parts, ticks = ("first part", "second part"), ("made at an hour",)
    assert {id: each for id, each in origins.items() if each != (None, None)} == {
        **{task_id(name): (task_id("taken apart"), None) for name in parts},
        **{task_id(name): (None, task_id("every hour")) for name in ticks},
    }
    assert {row["id"]: row["kind"] for row in after["sessions"]} == {PLAIN: "plain", CODING: "coding"}
    assert {row["word"]: row["capability"] for row in after["skills"]} == {"extraction": True, "extractor": False}
    command.downgrade(configuration(empty), "0001")
    back = {row["id"]: row["parent_id"] for row in on(empty, rows)["tasks"]}
    assert back == {row["id"]: row["parent_id"] for row in ROWS["tasks"]}


def test_0003_writes_values_as_protobuf_and_back(empty: Settings) -> None:
    upgrade(empty, "0001")
    on(empty, fill)
    before = on(empty, rows)
    upgrade(empty, "0003")
    after = on(empty, rows)
    for table, columns in VALUES.items():
        written = {row["id"]: row for row in before[table]}
        for row in after[table]:
            for column in columns:
                text = written[row["id"]][column]
                assert (row[column] is None) == (text is None)
                assert text is None or values.decode(bytes(row[column])) == json.loads(text), (table, column)
    (workflow,) = after["workflows"]
    assert [step.get("input") for step in steps_in(workflow["steps"])] == [
        values.encode(step["input"]) if "input" in step else None
        for step in json.loads(before["workflows"][0]["steps"])
    ]
    command.downgrade(configuration(empty), "0002")
    back = on(empty, rows)
    for table, columns in {**VALUES, "workflows": ("steps",)}.items():
        texts = {row["id"]: [row[column] for column in columns] for row in back[table]}
        assert texts == {row["id"]: [row[column] for column in columns] for row in before[table]}, table


def test_every_migration_can_be_taken_back_and_made_again(empty: Settings) -> None:
    upgrade(empty, "head")
    command.downgrade(configuration(empty), "base")
    assert on(empty, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]
    upgrade(empty, "head")
    assert on(empty, difference) == []


def version(settings: Settings) -> str:
    return on(
        settings, lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    )


def set_version(settings: Settings, version: str) -> None:
    on(settings, lambda connection: connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'")))


async def _listed(settings: Settings) -> tuple[set[str], set[str], list[str]]:
    """The ids of the tasks and of the sessions that a server lists, and the types of the events that it sends."""
    application = Application(settings)
    (port,) = await application.start(["127.0.0.1:0"])
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            metadata = (("authorization", f"Bearer {SECRET}"),)
            tasks = task_service_pb2_grpc.TaskServiceStub(channel)
            found = await tasks.ListTasks(task_service_pb2.ListTasksRequest(page_size=100), metadata=metadata)
            sessions = session_service_pb2_grpc.SessionServiceStub(channel)
            plain = await sessions.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=metadata)
            feed = event_service_pb2_grpc.EventServiceStub(channel)
            sent = await feed.ListEvents(event_service_pb2.ListEventsRequest(after=7, limit=2), metadata=metadata)
    finally:
        await application.stop()
    ids = {task.id for task in found.tasks}, {session.id for session in plain.sessions}
    return *ids, [event.type for event in sent.events]


def test_a_server_goes_on_with_the_rows_of_schema_0001(empty: Settings) -> None:
    upgrade(empty, "0001")
    on(empty, fill)
    migrate(empty)
    tasks, sessions, events = asyncio.run(_listed(empty))
    shown = {f"task_{row['id']}" for row in ROWS["tasks"] if row["kind"] == "execution"}
    assert shown - tasks == set()
    assert {f"session_{row['id']}" for row in ROWS["sessions"]} == sessions
    assert events == ["session.created", "task.created"]


@pytest.fixture
def newer(settings: Settings) -> Iterator[Settings]:
    """A database that a later program has migrated, to a schema that this one has never heard of."""
    set_version(settings, NEWER)
    yield settings
    set_version(settings, VERSIONS[-1])


def test_a_newer_database_is_refused_and_left_alone(newer: Settings) -> None:
    with pytest.raises(SchemaTooNew, match=f"schema {NEWER}.*knows is {VERSIONS[-1]}.*newer program"):
        migrate(newer)
    assert version(newer) == NEWER


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["up", "server", "migrate"])
def test_every_command_that_would_migrate_says_so_in_a_sentence(newer: Settings, name: str) -> None:
    ports = {"up": ("grpc", "orchestra", "operations"), "server": ("grpc", "socket"), "migrate": ()}[name]
    flags = [word for port in ports for word in (f"--{port}-port", str(free_port()))]
    arguments = [ORCHESTRATOR, name, "--database-url", newer.database, "--data-dir", str(newer.data_dir), *flags]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count(f"the database has schema {NEWER}") == 1 and "Traceback" not in done.stderr
    assert "ready" not in done.stdout and "up to date" not in done.stdout


def killed(settings: Settings, *arguments: str) -> list[list[int]]:
    """What `tests.support.killed_migration` says, line by line."""
    command = [sys.executable, "-m", "tests.support.killed_migration", settings.database, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stderr
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def test_a_migration_that_is_killed_leaves_nothing_and_two_at_once_do_no_harm(empty: Settings) -> None:
    points = ["40"]
    *kills, together = killed(empty, *points)
    assert kills == [[int(point), KILLED, FINISHED] for point in points]
    assert together[1:] == [FINISHED, FINISHED]
    assert on(empty, difference) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_migration_may_be_killed_after_any_statement(empty: Settings) -> None:
    *kills, last, together = killed(empty)
    assert len(kills) >= 82
    assert {(first, second) for _, first, second in kills} == {(KILLED, FINISHED)}
    # More statements there are not: nothing was killed.
    assert last[1:] == together[1:] == [FINISHED, FINISHED]
