"""Tasks are found by what people know of them, by as few statements however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import combinations

import pytest

from server.core.knowledge.languages import _FREQUENT
from server.core.queue.creation import NewTask
from server.core.tasks.editing import Edit
from server.core.tasks.search import _CONDITIONS, SORTS, Wanted, _built
from server.core.tasks.text_index import _SPEAKS, TextBackfill, unindex_task
from server.errors import InvalidRequest, NotFound
from server.model import Priority, Project, TaskStatus, UnindexedTask, new_id
from server.store.statement import Statement
from tests.core.tasks.conftest import Board
from tests.support.holds import BOUND, longest_hold


async def found(board: Board, call=None, **wanted: object) -> list[str]:
    page = await board.search.page(call or board.call(), Wanted(**wanted), limit=100, offset=0)
    assert page.total == len(page.rows)
    return [each.task.title for each in page.rows]


async def project(board: Board, name: str = "Shop") -> str:
    made = Project.new(
        id=new_id(), organization_id=board.me.organization_id, name=name, created_at=1, updated_at=1
    )

    async def body(transaction) -> None:
        await transaction.insert(made)

    await board.world.database.write(body)
    return made.id


@contextmanager
def counted(database) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    run: list[str] = []
    originals = {name: getattr(database, name) for name in ("one", "all", "scan")}

    def watched(name):
        async def read(statement, **parameters):
            run.append(statement.sqlite)
            return await originals[name](statement, **parameters)

        return read

    for name in originals:
        setattr(database, name, watched(name))
    try:
        yield run
    finally:
        for name in originals:
            delattr(database, name)


async def test_every_filter_keeps_to_itself(board: Board) -> None:
    agent, _ = await board.world.agent("coding")
    shop = await project(board)
    await board.task("Login form", description="Users authenticate here", tags=["web", "ui"], project_id=shop)
    board.world.wait(10)
    middle = board.world.database.clock()
    board.world.wait(10)
    await board.task("Tokens", agent_id=agent.id, priority=Priority.HIGH, tags=["web"], due_at=99)
    await board.world.task(type="coding", priority=Priority.CRITICAL)
    await board.move(await board.task("Old", priority=Priority.LOW), TaskStatus.COMPLETED)
    assert await found(board, status="completed") == ["Old"]
    assert await found(board, priority_from=2) == ["", "Tokens"] and await found(board, priority=0) == ["Old"]
    assert await found(board, project_id=f"proj-{shop}") == ["Login form"]
    assert await found(board, agent_id=agent.id, tags=["web"]) == ["Tokens"]
    assert await found(board, tags=["web"]) == ["Tokens", "Login form"]
    assert await found(board, tags=["web", "ui"]) == ["Login form"]
    assert await found(board, created_before=middle) == ["Login form"]
    assert await found(board, created_after=middle) == ["Old", "", "Tokens"]
    assert await found(board, search="authenticating USER") == ["Login form"]
    assert await found(board, search="login -user") == [] and await found(board, search="tok*") == ["Tokens"]
    assert await found(board, search="form", tags=["web"], project_id=shop, priority=1) == ["Login form"]
    assert await found(board, sort="due_at")  == ["Tokens", "Old", "", "Login form"]
    assert await found(board, sort="priority", ascending=True) == ["Old", "Login form", "Tokens", ""]
    assert (await found(board, sort="updated_at", ascending=True))[0] == "Login form"
    for wanted in ({"created_after": 5, "created_before": 5}, {"sort": "colour"}, {"search": "-x"}):
        with pytest.raises(InvalidRequest):
            await found(board, **wanted)


async def test_texts_are_found_as_they_are_now_and_in_their_language(board: Board) -> None:
    task = await board.task("Die Häuser der Stadt", description="und das ist nicht für die anderen, sondern auch für uns")
    assert await found(board, search="haus") == [task.title]
    await board.editing.update(board.call(), task.id, Edit(columns={"title": "Bridges", "description": ""}))
    assert await found(board, search="haus") == [] and await found(board, search="bridge") == ["Bridges"]
    await board.moves.delete(board.call(), task.id)
    assert await found(board, search="bridge") == []


async def test_tasks_of_other_organizations_are_not_found(board: Board, world) -> None:
    from tests.support.tenants import make_tenant

    await board.task("Secret plans", tags=["t"])
    other = (await make_tenant(world.database)).call()
    assert await found(board, other, search="secret") == [] and await found(board, other, tags=["t"]) == []


async def test_whoever_is_let_into_some_projects_sees_no_other_tasks(board: Board, monkeypatch) -> None:
    from server.core.queue import rows
    from server.core.tasks import details, queries, search

    shop, other = await project(board), await project(board, "Other")
    inside = await board.task("Inside", project_id=shop)
    outside = await board.task("Outside", project_id=other)
    nowhere = await board.task("Nowhere")
    # The place that says it; what a credential is limited to is not there yet.
    for module in (rows, details, queries, search):
        monkeypatch.setattr(module, "projects_of", lambda _: frozenset({shop}))
    listed = await board.world.queries.slice(board.call(), limit=9, offset=0)
    assert [each.title for each in listed.rows] == ["Inside"]
    assert await found(board) == ["Inside"] and await found(board, search="inside") == ["Inside"]
    assert (await board.search.get(board.call(), inside.id)).task.id == inside.id
    for task in (outside, nowhere):
        for look in (
            board.search.get(board.call(), task.id),
            board.world.get(task),
            board.moves.take(board.call(), task.id),
            board.editing.update(board.call(), task.id, Edit(columns={"title": "x"})),
            board.moves.delete(board.call(), task.id),
            board.waiting.explain(board.call(), task.id, limit=1, offset=0),
        ):
            with pytest.raises(NotFound):
                await look
    for project_id in ("", other):
        with pytest.raises(InvalidRequest):
            await board.task("More", project_id=project_id)


async def test_a_page_is_one_statement_however_many_tasks_agents_and_projects_there_are(board: Board) -> None:
    for number in range(12):
        agent, _ = await board.world.agent(f"coding {number}")
        await board.task(f"Task {number}", agent_id=agent.id, project_id=await project(board, f"Shop {number}"))
    # That no task from before there was a search is left is found out once.
    await board.search.page(board.call(), Wanted(search="task"), limit=1, offset=0)
    with counted(board.world.database) as run:
        page = await board.search.page(board.call(), Wanted(search="task", status="pending"), limit=20, offset=0)
    assert len(page.rows) == page.total == 12
    assert {each.project_name for each in page.rows} == {f"Shop {number}" for number in range(12)}
    assert all(each.agent_name and each.agent_type for each in page.rows)
    # The languages, the head of the feed, the number, the page.
    assert len(run) == 4
    with counted(board.world.database) as run:
        await board.search.page(board.call(), Wanted(search="task", status="pending"), limit=20, offset=0)
    assert len(run) == 3
    with counted(board.world.database) as run:
        seen = await board.search.get(board.call(), page.rows[0].task.id)
    assert seen.agent_name == "coding 11" and len(run) == 1


async def test_long_texts_are_cut_in_lists_alone(board: Board) -> None:
    task = await board.task("Long", description="word " * 15_000, requirements=["x" * 2000] * 20)
    page = await board.search.page(board.call(), Wanted(), limit=10, offset=0)
    (seen,) = page.rows
    assert len(seen.task.description) == page.longest + 1 and seen.task.requirements == ""
    assert (await board.search.get(board.call(), task.id)).task.description == task.description
    assert await found(board, search="word") == ["Long"]


async def test_machines_tasks_cost_no_statement_more(board: Board) -> None:
    run: list[str] = []
    database = board.world.database
    original = database.write

    async def write(body):
        async def watched(transaction):
            for name in ("run", "many", "one", "all", "insert"):
                inner = getattr(transaction, name)

                def noted(inner=inner, name=name):
                    async def call(first, *args, **kwargs):
                        run.append(name if name != "insert" else type(first).__tablename__)
                        return await inner(first, *args, **kwargs)

                    return call

                setattr(transaction, name, noted())
            return await body(transaction)

        return await original(watched)

    agent, _ = await board.world.agent()
    database.write = write
    try:
        await board.world.tasks.create(board.call(), NewTask(agent_id=agent.id))
        # The agent, the task and, on SQLite, the row, the feed's head and the event.
        known = ["one", "tasks", "run", "one", "many"]
        assert run == (known if database.dialect == "sqlite" else known[:2])
    finally:
        del database.write


@pytest.mark.parametrize("sort", ["created_at", "due_at"])
def test_no_list_reads_all_tasks_to_find_a_few(sort: str, tmp_path) -> None:
    from tests.store.test_plans import SqlitePlans

    plans = SqlitePlans(tmp_path)
    names = [*_CONDITIONS, "query"]
    for given in (pair for count in range(3) for pair in combinations(names, count)):
        for tags in (0, 2):
            page, count = _built("sqlite", given, tags, sort, ascending=False)
            for statement in (Statement(page), Statement(count)):
                # A tag's tasks are few, and found by the tag.
                scans = [each for each in plans.scans(statement) if not re.search("SUBQUERY|task_index", each)]
                assert not scans, (given, tags, plans.steps(statement))
    page, _ = _built("sqlite", ("query",), 0, "created_at", ascending=False)
    assert not [step for step in plans.steps(Statement(page)) if "TEMP B-TREE" in step]
    assert sort in SORTS


async def test_tasks_from_before_there_was_a_search_are_found(board: Board) -> None:
    kept, changed, gone = [await board.task(f"Old {name}") for name in ("kept", "changed", "gone")]

    async def before(transaction) -> None:
        # As the migration leaves them.
        for task in (kept, changed, gone):
            await unindex_task(transaction, task)
            await transaction.insert(UnindexedTask.new(task_id=task.id))

    await board.world.database.write(before)
    assert await found(board, search="old") == [] == await found(board, search="kept")
    await board.editing.update(board.call(), changed.id, Edit(columns={"title": "Old and changed"}))
    await board.moves.delete(board.call(), gone.id)
    backfill = TextBackfill(board.world.database)
    await backfill.sweep()
    # Their number is counted again, although nothing has happened.
    assert await found(board, search="kept") == ["Old kept"]
    await backfill.sweep()
    assert await found(board, search="old") == ["Old and changed", "Old kept"]
    assert await found(board, search="changed") == ["Old and changed"] and await found(board, search="gone") == []


async def test_what_a_recurring_task_makes_is_found_as_it_is_itself(board: Board) -> None:
    agent, _ = await board.world.agent()
    every_minute = {"type": "cron", "expression": "* * * * *"}
    recurring = await board.world.task(
        agent_id=agent.id, title="Count the stock", description="in both shops", tags=["night", "stock"], schedule=every_minute
    )
    board.world.wait(61)
    await board.world.timetable.advance()
    page = await board.search.page(board.call(), Wanted(search="shops", tags=["night", "stock"]), limit=9, offset=0)
    assert page.total == 2 and {each.task.recurring_id for each in page.rows} == {None, recurring.id}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" ".join(f"{n:x}ations" for n in range(9_000)), id="words"),
        pytest.param("漢" * 100_000, id="no-spaces"),
        pytest.param("\ufdfa" * 100_000, id="long-when-plain"),
        pytest.param("a" * 100_000, id="one-word"),
        pytest.param("é\u0301" * 50_000, id="marks"),
        pytest.param("ı' \t" * 25_000, id="short-words"),
    ],
)
async def test_long_texts_hold_nobody_up(board: Board, text: str) -> None:
    task = await board.task("Short", description="und das ist nicht für die anderen, sondern auch für uns")
    async with longest_hold() as held:
        await board.editing.update(board.call(), task.id, Edit(columns={"description": text}))
        await board.task("Other", description=text)
        await board.editing.update(board.call(), task.id, Edit(columns={"title": "Again"}))
    assert held.longest < BOUND, f"{held.longest * 1000:.1f} ms"
    async def speak_all(transaction) -> None:
        for language in _FREQUENT:
            await transaction.run(_SPEAKS, organization=board.me.organization_id, language=language)

    await board.world.database.write(speak_all)
    async with longest_hold() as held:
        with suppress(InvalidRequest):
            # Other words than those of the text, whose stems are known already.
            await found(board, search=text[-1000:])
        with pytest.raises(InvalidRequest):
            await found(board, search=text)
    assert held.longest < BOUND, f"{held.longest * 1000:.1f} ms"
