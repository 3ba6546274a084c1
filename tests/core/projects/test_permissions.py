"""What people may do in a project, by their role in the organization and by what they are there."""

from __future__ import annotations

import pytest

from server.core.projects.members import Member
from server.core.projects.permissions import Permissions
from server.core.projects.rows import for_task
from server.core.shared.call_context import Call
from server.errors import Forbidden, InvalidRequest, NotFound
from tests.support.company import Company


@pytest.fixture
def permissions(company: Company) -> Permissions:
    return Permissions(company.database)


async def member(company: Company, role: str, there: str, *more: str, **caller) -> tuple[Call, str]:
    """Somebody who is `role` in the organization and `there` in a project."""
    call, project = await company.person(role, **caller), await company.project()
    await company.projects.add_member(company.boss, project.id, Member(call.caller.user_id, there, more))
    return call, project.id


async def test_a_role_in_a_project_counts_there_and_nowhere_else(company: Company, permissions: Permissions) -> None:
    call, project = await member(company, "viewer", "developer")
    elsewhere = (await company.project()).id
    assert await permissions.may(call, "tasks:write", project) and await permissions.may(call, "tasks:read", project)
    assert not await permissions.may(call, "projects:write", project)
    for other in (elsewhere, None):
        assert await permissions.may(call, "tasks:read", other)
        with pytest.raises(Forbidden) as caught:
            await permissions.require(call, "tasks:write", other)
        assert caught.value.details == {"scope": "tasks:write"}


async def test_permissions_beside_the_role_count_too(company: Company, permissions: Permissions) -> None:
    call, project = await member(company, "viewer", "viewer", "projects:*")
    assert await permissions.may(call, "projects:write", project)
    assert not await permissions.may(call, "tasks:write", project)
    await company.projects.update(call, project, name="by a viewer")
    await company.projects.update_member(company.boss, project, call.caller.user_id, role=None, permissions=[])
    with pytest.raises(Forbidden):
        await company.projects.update(call, project, name="again")


async def test_a_key_that_holds_less_than_its_owner_bounds_what_he_may_in_projects(
    company: Company, permissions: Permissions
) -> None:
    reads = frozenset({"tasks:read"})
    call, project = await member(company, "viewer", "admin", scopes=reads, unbounded=reads)
    assert await permissions.may(call, "tasks:read", project)
    assert not await permissions.may(call, "tasks:write", project)


async def test_what_somebody_was_in_a_project_ends_with_his_part_in_it_and_with_it(
    company: Company, permissions: Permissions
) -> None:
    call, project = await member(company, "viewer", "developer")
    await company.projects.remove_member(company.boss, project, f"user-{call.caller.user_id}")
    assert not await permissions.may(call, "tasks:write", project)
    with pytest.raises(NotFound):
        await company.projects.remove_member(company.boss, project, call.caller.user_id)
    call, project = await member(company, "viewer", "developer")
    await company.projects.delete(company.boss, project)
    assert not await permissions.may(call, "tasks:write", project)


async def test_nobody_gives_more_than_he_has(company: Company) -> None:
    lead, project = await member(company, "viewer", "viewer", "projects:write", "tasks:read")
    anna = await company.person("viewer")
    with pytest.raises(Forbidden) as caught:
        await company.projects.add_member(lead, project, Member(anna.caller.user_id, "developer"))
    assert caught.value.details == {"scope": "tasks:write"}
    with pytest.raises(Forbidden):
        await company.projects.add_member(lead, project, Member(anna.caller.user_id, "viewer", ["tasks:*"]))
    await company.projects.add_member(lead, project, Member(anna.caller.user_id, "viewer"))
    with pytest.raises(Forbidden):
        await company.projects.update_member(lead, project, anna.caller.user_id, role="admin", permissions=None)


async def test_a_viewer_changes_nothing(company: Company) -> None:
    viewer, project = await company.person("viewer"), (await company.project()).id
    for attempt in (
        company.projects.create(viewer, name="x"),
        company.projects.update(viewer, project, name="x"),
        company.projects.delete(viewer, project),
        company.projects.add_member(viewer, project, Member(viewer.caller.user_id, "admin")),
        company.projects.remove_member(viewer, project, company.boss.caller.user_id),
        company.projects.add_agent(viewer, project, "agent-1"),
        company.projects.remove_agent(viewer, project, "agent-1"),
    ):
        with pytest.raises(Forbidden, match="projects:write"):
            await attempt
    assert (await company.projects.get(viewer, project)).version == 1


@pytest.mark.parametrize("wrong", [Member("x", "boss"), Member("x", "viewer", ["users:write"]), Member("x", "viewer", ["*"])])
async def test_a_role_or_permission_that_a_project_does_not_know_is_refused(company: Company, wrong: Member) -> None:
    project = await company.project()
    with pytest.raises(InvalidRequest):
        await company.projects.add_member(company.boss, project.id, wrong)


async def test_who_is_no_user_here_takes_part_in_nothing(company: Company) -> None:
    project = await company.project()
    for nobody in ("user-1", "0" * 32):
        with pytest.raises(NotFound):
            await company.projects.add_member(company.boss, project.id, Member(nobody))


async def test_who_may_write_in_a_project_may_put_tasks_into_it(company: Company) -> None:
    call, project = await member(company, "viewer", "developer")
    other = (await company.project()).id

    async def put(identifier: str) -> str:
        return (await company.database.write(lambda transaction: for_task(transaction, call, identifier))).id

    assert await put(f"proj-{project}") == project
    with pytest.raises(Forbidden, match="tasks:write"):
        await put(other)
    await company.projects.delete(company.boss, project)
    with pytest.raises(NotFound):
        await put(project)
