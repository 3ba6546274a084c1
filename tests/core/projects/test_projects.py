"""Projects: their figures, who finds them, and what becomes of their tasks."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from server.core.projects.members import Member
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, VersionMismatch
from server.model import ProjectStatus
from tests.support.company import Company


def within(call: Call, *projects: str) -> Call:
    """The same call by a key that is good for these projects alone."""
    caller = dataclasses.replace(call.caller, projects=frozenset(projects))
    return Call(caller, call.request_id, call.method)


async def test_figures_are_counted_from_tasks_and_what_was_cancelled_is_no_work(company: Company) -> None:
    project, other = await company.project(), await company.project()
    for status in ("completed", "completed", "cancelled", "pending", "failed"):
        await company.task(project, status=status)
    await company.task(project, status="running", progress=50.0)
    await company.task(other, status="pending")
    # Neither what somebody has deleted nor what is in no project counts.
    await company.task(project, status="completed", kind="deleted")
    await company.task(None, status="completed")
    figures = (await company.projects.figures([project, other]))[project.id]
    assert figures.by_status == {"completed": 2, "cancelled": 1, "pending": 1, "failed": 1, "running": 1}
    assert figures.total == 6 and figures.progress == (2 + 0.5) / 5
    empty = (await company.projects.figures([await company.project()])).popitem()[1]
    assert (empty.total, empty.progress, empty.team_size, empty.agents) == (0, 0, 1, 0)


async def test_a_list_of_many_projects_takes_as_many_statements_as_one_of_one(company: Company) -> None:
    agent, _ = await company.world.agent(worker=False)

    async def listed() -> tuple[int, int]:
        with company.counted() as made:
            page = await company.projects.slice(company.boss, limit=100, offset=0)
            figures = await company.projects.figures(page.rows)
        assert all(figures[project.id].team_size == figures[project.id].agents == 1 for project in page.rows)
        return len(page.rows), len(made)

    await company.task(await company.project(agents=[agent.id]))
    one = await listed()
    for _ in range(20):
        await company.task(await company.project(agents=[agent.id]))
    many = await listed()
    assert (one[0], many[0]) == (1, 21) and one[1] == many[1] <= 7


async def test_projects_are_found_by_status_words_and_people(company: Company) -> None:
    anna = await company.person()
    first = await company.project("Übersicht", description="50% of it", team=[Member(anna.caller.user_id)])
    second = await company.project("Webshop", status="on-hold")

    async def found(**filters: str) -> list[str]:
        page = await company.projects.slice(company.boss, limit=9, offset=0, **filters)
        assert page.total == len(page.rows)
        return [each.name for each in page.rows]

    assert await found() == ["Webshop", "Übersicht"]
    assert await found(status="on-hold") == ["Webshop"] and await found(status="archived") == []
    assert await found(search="ÜBERSICHT") == await found(search="50% OF") == ["Übersicht"]
    assert await found(search="5% of") == await found(search="_ebshop") == []
    assert await found(member_id=f"user-{anna.caller.user_id}") == ["Übersicht"]
    assert await found(member_id=company.boss.caller.user_id, search="shop") == ["Webshop"]
    with pytest.raises(InvalidRequest, match="member_id"):
        await found(member_id="Anna")
    page = await company.projects.page(company.boss, size=1, token="")
    rest = await company.projects.page(company.boss, size=1, token=page.next_token)
    assert [page.rows[0].id, rest.rows[0].id] == [second.id, first.id] and not rest.next_token


async def test_a_key_that_is_good_for_some_projects_sees_no_others(company: Company) -> None:
    mine, other = await company.project("mine"), await company.project("other")
    call = within(company.boss, mine.id)
    page = await company.projects.slice(call, limit=9, offset=0)
    assert [each.id for each in page.rows] == [mine.id] and page.total == 1
    assert (await company.projects.get(call, mine.id)).id == mine.id
    for attempt in (
        company.projects.get(call, other.id),
        company.projects.update(call, other.id, name="x"),
        company.projects.delete(call, other.id),
        company.projects.add_member(call, other.id, Member(company.boss.caller.user_id)),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(Forbidden):
        await company.projects.create(call, name="new")
    assert (await company.projects.slice(within(company.boss), limit=9, offset=0)).rows == []


async def test_a_project_moves_along_its_statuses_and_says_when_it_is_completed(company: Company) -> None:
    project = await company.project()
    for status in ("on-hold", "active", "completed", "archived", "active"):
        project = await company.projects.update(company.boss, project.id, status=status)
        assert project.status == status
    assert project.completed_at and project.version == 6
    await company.projects.update(company.boss, project.id, status="archived")
    for wrong in (ProjectStatus.COMPLETED, ProjectStatus.ON_HOLD):
        with pytest.raises(Conflict, match="cannot become") as caught:
            await company.projects.update(company.boss, project.id, status=wrong.value)
        assert caught.value.details["allowed"] == ["active"]
    events = [each for each in await company.events() if each.startswith("project.")]
    assert events.count("project.completed") == 1 and events.count("project.updated") == 6


async def test_a_project_does_not_end_before_it_starts_whichever_is_said_later(company: Company) -> None:
    project = await company.project(start_at=10, end_at=10)
    with pytest.raises(InvalidRequest, match="end_at"):
        await company.projects.update(company.boss, project.id, start_at=11)
    with pytest.raises(InvalidRequest, match="end_at"):
        await company.project(start_at=10, end_at=9)
    changed = await company.projects.update(company.boss, project.id, end_at=None, start_at=11)
    assert (changed.start_at, changed.end_at) == (11, None)


async def test_a_project_with_open_tasks_is_deleted_only_by_force_which_cancels_them(company: Company) -> None:
    project = await company.project()
    waiting, held = await company.task(project), await company.leased(project)
    ended, elsewhere = await company.task(project, status="completed"), await company.task()
    with pytest.raises(Conflict) as caught:
        await company.projects.delete(company.boss, project.id)
    assert caught.value.reason == "PROJECT_HAS_OPEN_TASKS"
    assert (await company.world.get(waiting)).status == "pending"
    with pytest.raises(VersionMismatch):
        await company.projects.delete(company.world.tenant.call(if_match=7), project.id, force=True)
    again = company.world.tenant.call(key="k")
    await company.projects.delete(again, project.id, force=True)
    await company.projects.delete(again, project.id, force=True)
    assert (await company.world.get(waiting)).status == "cancelled"
    assert (await company.world.get(held)).cancel_requested_at is not None
    kept = await company.world.get(ended)
    assert (kept.status, kept.project_id) == ("completed", project.id)
    assert (await company.world.get(elsewhere)).status == "pending"
    with pytest.raises(NotFound):
        await company.projects.get(company.boss, project.id)
    with pytest.raises(NotFound):
        await company.projects.delete(company.boss, project.id)
    assert (await company.projects.slice(company.boss, limit=9, offset=0)).total == 0
    assert (await company.events()).count("project.deleted") == 1


async def test_an_agent_that_is_deleted_is_in_no_project_any_more(company: Company) -> None:
    agent, _ = await company.world.agent(worker=False)
    project = await company.project(agents=[f"agent-{agent.id}", agent.id])
    assert [each.id for each in (await company.projects.team(project)).agents] == [agent.id]
    await company.world.agents.delete(company.boss, agent.id)
    assert (await company.projects.team(project)).agents == []
    assert (await company.projects.figures([project]))[project.id].agents == 0
    with pytest.raises(NotFound):
        await company.projects.add_agent(company.boss, project.id, agent.id)
    await company.projects.remove_agent(company.boss, project.id, agent.id)
    with pytest.raises(NotFound):
        await company.projects.remove_agent(company.boss, project.id, agent.id)


async def test_two_who_add_the_same_person_at_once_add_him_once(company: Company) -> None:
    project, anna = await company.project(), await company.person()
    both = [company.projects.add_member(company.boss, project.id, Member(anna.caller.user_id)) for _ in "ab"]
    found = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "ProjectMember"]
    assert len((await company.projects.team(project)).people) == 2
    assert (await company.events()).count("project.member_added") == 2
