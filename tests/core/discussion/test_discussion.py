"""Comments, files and ratings: who may write, under which lease, and what is kept."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from server.core.discussion.file_types import content_type_of
from server.core.knowledge.remains import Remains
from server.core.projects.members import Member
from server.core.queue.fencing import StaleLease
from server.core.shared.call_context import Call
from server.errors import Forbidden, NotFound, TooMany
from server.model import User
from tests.support.clock import SECOND
from tests.support.company import Company


async def test_an_agent_writes_while_it_holds_the_task_and_no_longer(company: Company) -> None:
    task = await company.leased()
    agent = company.agent(task.agent_id)
    said = await company.comments.create(agent, task.id, content="half of it")
    brought = await company.upload(agent, task, attempt=task.attempt)
    assert said.author == brought.author == f"agent_{task.agent_id}"
    before = company.stored()
    for attempt in (task.attempt + 1, 99):
        with pytest.raises(StaleLease):
            await company.comments.create(agent, task.id, content="x", attempt=attempt)
    await company.world.end(task)
    for late in (0, task.attempt):
        with pytest.raises(StaleLease) as caught:
            await company.comments.create(agent, task.id, content="late", attempt=late)
        assert caught.value.reason == "STALE_LEASE" and caught.value.details["status"] == "completed"
        with pytest.raises(StaleLease):
            await company.upload(agent, task, attempt=late)
    with pytest.raises(StaleLease):
        await company.files.to_write(agent, task.id)
    with pytest.raises(StaleLease):
        await company.files.delete(agent, task.id, brought.id)
    assert company.stored() == before, "what was refused leaves nothing behind"
    assert (await company.comments.slice(company.boss, task.id, limit=9, offset=0)).total == 1
    # What it has brought stays, and it may see it.
    assert (await company.files.get(agent, task.id, brought.id)).name == "a.txt"


async def test_an_agent_writes_about_nobody_elses_task(company: Company) -> None:
    task, mine = await company.leased(), await company.leased()
    agent = company.agent(mine.agent_id)
    with pytest.raises(StaleLease):
        await company.comments.create(agent, task.id, content="x")
    with pytest.raises(Forbidden):
        await company.comments.slice(agent, task.id, limit=9, offset=0)
    with pytest.raises(Forbidden):
        await company.ratings.give(agent, mine.id, quality=1)
    taken = await company.database.write(
        lambda transaction: transaction.update(mine, taken_by=company.boss.caller.user_id)
    )
    with pytest.raises(StaleLease):
        await company.comments.create(agent, taken.id, content="somebody has taken it")


async def test_a_workers_own_key_writes_as_the_agent_by_naming_the_attempt(company: Company) -> None:
    task = await company.leased()
    said = await company.comments.create(company.boss, task.id, content="x", attempt=task.attempt)
    assert said.author == f"agent_{task.agent_id}"
    with pytest.raises(StaleLease):
        await company.comments.create(company.boss, task.id, content="x", attempt=task.attempt + 1)
    viewer = await company.person("viewer")
    with pytest.raises(Forbidden):
        await company.comments.create(viewer, task.id, content="x", attempt=task.attempt)


async def test_a_comment_and_the_end_of_its_lease_do_not_pass_each_other(company: Company) -> None:
    for _ in range(5):
        task = await company.leased()
        agent = company.agent(task.agent_id)
        said, _ = await asyncio.gather(
            company.comments.create(agent, task.id, content="x"), company.world.end(task), return_exceptions=True
        )
        events = await company.world.feeds.page(company.boss.organization_id, 0, 10_000)
        types = [each.type for each in events if each.resource_id == task.id]
        if isinstance(said, StaleLease):
            assert "comment.created" not in types
        else:
            assert types.index("comment.created") < types.index("task.completed")


async def test_a_viewer_reads_and_writes_nothing_but_where_he_is_more(company: Company) -> None:
    viewer, project = await company.person("viewer"), await company.project()
    outside, inside = await company.task(status="completed"), await company.task(project, status="completed")
    await company.projects.add_member(company.boss, project.id, Member(viewer.caller.user_id, "developer"))
    kept = await company.upload(company.boss, outside)
    with pytest.raises(Forbidden, match="tasks:write"):
        await company.comments.create(viewer, outside.id, content="x")
    with pytest.raises(Forbidden, match="tasks:write"):
        await company.files.to_write(viewer, outside.id)
    with pytest.raises(Forbidden, match="tasks:write"):
        await company.upload(viewer, outside)
    with pytest.raises(Forbidden, match="tasks:write"):
        await company.files.delete(viewer, outside.id, kept.id)
    with pytest.raises(Forbidden, match="tasks:write"):
        await company.ratings.give(viewer, outside.id, quality=1)
    assert len(company.stored()) == 1
    assert (await company.comments.slice(viewer, outside.id, limit=9, offset=0)).total == 0
    await company.comments.create(viewer, inside.id, content="x")
    await company.files.delete(viewer, inside.id, (await company.upload(viewer, inside)).id)
    await company.ratings.give(viewer, inside.id, quality=1)


async def test_a_comment_is_deleted_by_its_author_or_an_admin(company: Company) -> None:
    task, anna, ben = await company.task(), await company.person(), await company.person()
    first, second = [await company.comments.create(anna, task.id, content=each) for each in "ab"]
    with pytest.raises(Forbidden):
        await company.comments.delete(ben, task.id, first.id)
    await company.comments.delete(anna, task.id, first.id)
    await company.comments.delete(company.boss, task.id, second.id)
    with pytest.raises(NotFound):
        await company.comments.delete(anna, task.id, first.id)
    assert [each for each in await company.events() if each.startswith("comment.")] == [
        "comment.created",
        "comment.created",
        "comment.deleted",
        "comment.deleted",
    ]


async def test_a_key_for_some_projects_sees_what_hangs_on_their_tasks_alone(company: Company) -> None:
    project = await company.project()
    caller = dataclasses.replace(company.boss.caller, projects=frozenset({project.id}))
    call, inside, outside = Call(caller, "r", "m"), await company.task(project), await company.task()
    await company.comments.create(call, inside.id, content="x")
    for attempt in (
        company.comments.create(call, outside.id, content="x"),
        company.comments.slice(call, outside.id, limit=1, offset=0),
        company.files.to_write(call, outside.id),
        company.files.slice(call, outside.id, limit=1, offset=0),
        company.ratings.give(call, outside.id, quality=1),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_the_newest_of_several_tasks_are_read_together_oldest_first(company: Company) -> None:
    tasks = [await company.task() for _ in range(3)]
    for n in range(4):
        for task in tasks[:2]:
            await company.comments.create(company.boss, task.id, content=str(n))
            await company.upload(company.boss, task, name=f"{n}.txt")
    with company.counted() as made:
        comments = await company.comments.of_tasks([task.id for task in tasks], most=3)
        files = await company.files.of_tasks([task.id for task in tasks], most=3)
    assert len(made) == 2
    assert [[each.content for each in comments[task.id]] for task in tasks[:2]] == [["1", "2", "3"]] * 2
    assert [each.name for each in files[tasks[1].id]] == ["1.txt", "2.txt", "3.txt"]
    assert tasks[2].id not in comments


async def test_a_task_has_a_bounded_number_of_files(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.core.discussion.files.MOST", 2)
    task = await company.task()
    for _ in range(2):
        await company.upload(company.boss, task)
    with pytest.raises(TooMany):
        await company.upload(company.boss, task)
    assert len(company.stored()) == 2


async def test_ratings_come_to_averages_by_task_and_by_agent(company: Company) -> None:
    anna, ben = await company.person(), await company.person()
    first, second = await company.leased(), await company.leased()
    for task in (first, second):
        await company.world.end(task)
    rating, new = await company.ratings.give(anna, first.id, quality=0.5, satisfaction=4)
    assert new and rating.agent_id == first.agent_id
    await company.ratings.give(ben, first.id, quality=0.1, code_quality=0.8)
    _, new = await company.ratings.give(ben, first.id, quality=1)
    assert not new and len(await company.ratings.of_task(anna, first.id)) == 2
    average = (await company.ratings.by_task([first.id, second.id]))[first.id]
    assert (average.quality, average.code_quality, average.satisfaction, average.count) == (0.75, None, 4, 2)
    assert second.id not in await company.ratings.by_task([second.id]), "what nobody has said is absent"
    agents = await company.ratings.by_agent([first.agent_id, second.agent_id])
    assert list(agents) == [first.agent_id] and agents[first.agent_id] == average
    now = company.database.clock.now
    assert await company.ratings.by_agent([first.agent_id], until=now - 60 * SECOND) == {}
    assert await company.ratings.by_agent([first.agent_id], since=now + 1) == {}
    assert (await company.events()).count("rating.given") == 3


async def test_what_a_row_names_is_never_swept_and_what_none_names_is(company: Company) -> None:
    task = await company.task()
    file = await company.upload(company.boss, task)

    async def stray() -> str:
        async def pieces():
            yield b"x"

        return (await company.blobs.put(company.boss.organization_id, pieces(), 9)).name

    unnamed = await stray()
    remains, later = Remains(company.database, company.blobs), datetime.now(UTC) + timedelta(days=1)
    assert await company.blobs.sweep(remains._named, later) == 1
    assert company.stored() == {file.blob} and unnamed not in company.stored()
    await company.files.delete(company.boss, task.id, file.id)
    assert company.stored() == set()
