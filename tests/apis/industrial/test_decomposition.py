"""Taking tasks of the Industrial API apart, through a real channel, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from server.worker.values import from_value
from server.core.coding.templates import templates
from tests.support.industrial import Industrial, Refused, able, apart, result, task_in
from tests.support.workers import Raw
from tests.support.waiting import eventually


async def test_the_templates_are_those_of_the_data_files(api: Industrial) -> None:
    listed = await api("ListTaskTemplates")
    assert {each.name for each in listed.items} == {"MICROSERVICE", "CRUD", "UI", "SECURITY", "WEB_SERVICE", "REFACTORING"}
    assert listed.total == 6 and [each.name for each in listed.items] == sorted(each.name for each in listed.items)
    for each in listed.items:
        assert each.description and [part.key for part in each.subtasks] == [p.key for p in templates()[each.name].parts]
        assert all(part.title and part.capabilities and part.estimated_minutes for part in each.subtasks)


@pytest.mark.parametrize("name", sorted(templates()))
async def test_the_parts_of_every_template_are_done_in_its_order_and_end_the_task(api: Industrial, name: str) -> None:
    agent = await able(api)
    session = await api.session(started=True, priority="CRITICAL")
    task = await api.task(session, title="Log in {description}", description="with {title} and passkeys")
    answer = await api("DecomposeTask", task_id=task.id, template=name.lower())
    assert (answer.parent_task_id, answer.template_used) == (task.id, name)
    template = templates()[name].parts
    made = dict(zip([part.key for part in template], answer.subtasks, strict=True))
    keys = {part.id: key for key, part in made.items()}
    for part in template:
        seen = await api.see(made[part.key])
        assert seen.title == part.title.replace("{title}", "Log in {description}")
        assert seen.description == part.description.replace("{description}", "\0").replace(
            "{title}", "Log in {description}"
        ).replace("\0", "with {title} and passkeys")
        assert sorted(keys[each] for each in seen.dependencies) == sorted(part.depends_on)
        assert seen.status == ("BLOCKED" if part.depends_on else "QUEUED")
        assert list(seen.required_capabilities) == sorted(part.capabilities)
        assert (seen.complexity, seen.estimated_minutes) == (part.complexity, part.estimated_minutes)
        assert (seen.priority, seen.parent_task_id, seen.session_id) == ("CRITICAL", task.id, session.id)
    whole = await api.see(task)
    assert (whole.status, whole.subtask_count, whole.completed_subtasks, whole.progress) == ("IN_PROGRESS", len(made), 0, 0)
    done: set[str] = set()
    for count in range(1, len(made) + 1):

        async def next_one():
            for part in template:
                if part.key not in done and (await api.see(made[part.key])).status == "QUEUED":
                    return part
            return None

        part = await eventually(next_one)
        assert set(part.depends_on) <= done
        for other in template:
            if not set(other.depends_on) <= done:
                assert (await api.see(made[other.key])).status == "BLOCKED", (part.key, other.key)
        await result(api, agent, made[part.key], tokens_used=10)
        done.add(part.key)

        async def followed(count=count):
            seen = await api.see(task)
            return seen if seen.progress >= round(100 * count / len(made), 2) else None

        whole = await eventually(followed)
        assert (whole.completed_subtasks, whole.failed_subtasks) == (count, 0)
    assert whole.status == "COMPLETED" and whole.completed_at
    metrics = (await api.get(session)).metrics
    assert (metrics.total_tasks, metrics.completed_tasks) == (len(made) + 1, len(made) + 1)
    assert metrics.tokens_used == 10 * len(made)
    assert (await api.act("complete", session)).status == "COMPLETED"


async def test_a_task_is_taken_apart_once_and_only_while_nobody_does_it(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)

    async def refused(task, template="CRUD"):
        error = await api.refused("DecomposeTask", task_id=task.id, template=template, http=True)
        return error.http, error.code

    task, parts = await apart(api, session)
    assert await refused(task) == (409, "ALREADY_DECOMPOSED")
    for state in ("IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "BLOCKED"):
        assert await refused(await task_in(api, session, agent, state)) == (409, "NOT_DECOMPOSABLE"), state
    assert await refused(parts["create"]) == (409, "NOT_DECOMPOSABLE"), "it waits for another part"
    fresh = await api.task(session)
    for template in ("NOTHING", "CRUD;", "../crud", "x" * 101):
        error = await api.refused("DecomposeTask", task_id=fresh.id, template=template, http=True)
        assert (error.http, error.code, error.details["field"]) == (400, "INVALID_REQUEST", "template")
    assert "MICROSERVICE" in (await api.refused("DecomposeTask", task_id=fresh.id, template="NOTHING")).message
    at_once = await asyncio.gather(
        *(api("DecomposeTask", task_id=fresh.id, template="UI") for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(each, Exception) for each in at_once) == 1
    assert (await api("ListTasks", parent_task_id=fresh.id)).total == 5
    await api.act("cancel", session)
    assert (await refused(parts["model"]))[0] == 409


async def test_parts_are_taken_apart_in_turn_four_times(api: Industrial) -> None:
    await able(api)
    session = await api.session(started=True)
    task, chain = await api.task(session), []
    for _ in range(4):
        chain.append(task)
        task = (await api("DecomposeTask", task_id=task.id, template="SECURITY")).subtasks[2]
    error = await api.refused("DecomposeTask", task_id=task.id, template="SECURITY", http=True)
    assert (error.http, error.code) == (409, "NOT_DECOMPOSABLE") and "4 times" in error.message
    assert [(await api.see(each)).status for each in chain] == ["IN_PROGRESS"] * 4
    await api("UpdateTaskStatus", task_id=chain[0].id, status="CANCELLED")
    for each in reversed(chain):
        await api.becomes(each, "CANCELLED")
    assert (await api.act("complete", session)).status == "COMPLETED"


async def test_what_a_decomposed_task_does_is_what_its_parts_do(api: Industrial, native) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, _ = await apart(api, session)
    for method, more, code in (
        ("CompleteTask", {}, "HAS_SUBTASKS"),
        ("FailTask", {}, "HAS_SUBTASKS"),
        ("AssignTask", {"agent_id": agent.id}, "HAS_SUBTASKS"),
        ("AssignTask", {}, "HAS_SUBTASKS"),
        ("UpdateTaskStatus", {"status": "COMPLETED"}, "HAS_SUBTASKS"),
        ("UpdateTaskStatus", {"status": "FAILED"}, "HAS_SUBTASKS"),
        ("UpdateTaskStatus", {"status": "QUEUED"}, "HAS_SUBTASKS"),
        ("UpdateTaskStatus", {"status": "IN_PROGRESS"}, "HAS_SUBTASKS"),
        ("BeginTask", {"agent_id": agent.id}, "HAS_SUBTASKS"),
    ):
        error = await api.refused(method, task_id=task.id, **more, http=True)
        assert (error.http, error.code) == (409, code), (method, more)
    assert (await api.refused("SendResult", agent_id=agent.id, task_id=task.id)).code == "STALE_LEASE"
    with pytest.raises(Refused) as caught:
        await native("RetryTask", task)
    assert caught.value.code == "NOT_RETRYABLE"
    assert (await api.see(task)).status == "IN_PROGRESS"


async def test_a_part_that_fails_fails_those_that_wait_for_it_and_the_whole(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    waits = await api.task(session, dependencies=[task.id])
    await result(api, agent, parts["model"], error="no schema")
    whole = await api.becomes(task, "FAILED")
    assert whole.error == "6 of its 6 parts failed" and (whole.completed_subtasks, whole.failed_subtasks) == (0, 6)
    for key in ("create", "read", "update", "delete", "tests"):
        assert (await api.see(parts[key])).status == "FAILED"
    await api.becomes(waits, "FAILED")
    metrics = (await api.get(session)).metrics
    assert (metrics.total_tasks, metrics.failed_tasks) == (8, 8)


async def test_a_part_that_is_cancelled_fails_those_that_wait_for_it(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    await result(api, agent, parts["model"])
    await api.becomes(parts["delete"], "QUEUED")
    await api("UpdateTaskStatus", task_id=parts["delete"].id, status="CANCELLED")
    await api.becomes(parts["tests"], "FAILED")
    for key in ("create", "read", "update"):
        await result(api, agent, parts[key])
    whole = await api.becomes(task, "FAILED")
    assert (whole.completed_subtasks, whole.failed_subtasks) == (4, 1)


async def test_a_task_whose_last_part_is_cancelled_is_cancelled(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    for key in ("model", "create", "read", "update", "delete"):
        await api.becomes(parts[key], "QUEUED")
        await result(api, agent, parts[key])
    await api("UpdateTaskStatus", task_id=parts["tests"].id, status="CANCELLED")
    assert (await api.becomes(task, "CANCELLED")).completed_subtasks == 5


async def test_cancelling_a_task_cancels_its_parts(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    await api("BeginTask", agent_id=agent.id, task_id=parts["model"].id)
    await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    for key in ("create", "read", "update", "delete", "tests"):
        assert (await api.see(parts[key])).status == "CANCELLED"
    await result(api, agent, parts["model"], error="stopped")
    await api.becomes(task, "CANCELLED")
    assert (await api.act("complete", session)).status == "COMPLETED"


async def test_a_failed_part_that_is_tried_again_reopens_the_count(api: Industrial, native) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session, "SECURITY")
    await result(api, agent, parts["dependencies"], error="flaky", tokens_used=5)
    for key in ("mend", "verify"):
        await api.becomes(parts[key], "FAILED")

    async def told():
        return (await api.see(task)).failed_subtasks == 3

    await eventually(told)
    assert (await api.see(task)).progress == 0, "nothing of it is done"
    with pytest.raises(Refused) as caught:
        await native("RetryTask", parts["mend"])
    assert caught.value.code == "DEPENDENCY_FAILED"
    for left, key in enumerate(("dependencies", "mend", "verify")):
        await native("RetryTask", parts[key])
        seen = await api.see(task)
        assert (seen.status, seen.progress, seen.failed_subtasks) == ("IN_PROGRESS", 0, 2 - left), key
    assert (seen.completed_subtasks, seen.failed_subtasks) == (0, 0)
    metrics = (await api.get(session)).metrics
    assert (metrics.total_tasks, metrics.completed_tasks, metrics.failed_tasks) == (6, 0, 0)
    for key in ("dependencies", "threats", "audit", "mend", "verify"):
        await api.becomes(parts[key], "QUEUED")
        await result(api, agent, parts[key], tokens_used=1)
    whole = await api.becomes(task, "COMPLETED")
    assert (whole.completed_subtasks, whole.failed_subtasks, whole.progress) == (5, 0, 100)
    metrics = (await api.get(session)).metrics
    assert (metrics.completed_tasks, metrics.failed_tasks, metrics.tokens_used) == (6, 0, 10)


async def test_a_decomposed_task_that_has_failed_is_not_tried_again_as_if_it_were_one(api: Industrial, native) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    await result(api, agent, parts["model"], error="no")
    await api.becomes(task, "FAILED")
    for key in ("model", "create", "read", "update", "delete", "tests"):
        await native("RetryTask", parts[key])
    for key in ("model", "create", "read", "update", "delete", "tests"):
        await api.becomes(parts[key], "QUEUED")
        await result(api, agent, parts[key])
    with pytest.raises(Refused) as caught:
        await native("RetryTask", task)
    assert caught.value.code == "NOT_RETRYABLE"


async def test_parts_of_a_paused_session_wait_for_it(api: Industrial, workers) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task = await api.task(session, title="t")
    await api.act("pause", session)
    parts = (await api("DecomposeTask", task_id=task.id, template="REFACTORING")).subtasks
    assert [part.status for part in parts] == ["PENDING", "BLOCKED", "BLOCKED", "BLOCKED"]
    await api.act("resume", session)
    await api.becomes(parts[0], "QUEUED")

    async def assigned():
        return (await api.see(parts[0])).assigned_agent_id == agent.id

    await eventually(assigned)
    await api.act("pause", session)
    error = await api.refused("BeginTask", agent_id=agent.id, task_id=parts[0].id, http=True)
    assert error.code == "SESSION_NOT_RUNNING"
    await api.act("resume", session)
    async with Raw(workers, agent, capacity=5) as worker:
        for n in range(4):
            lease = (await worker.leased(n + 1))[n]
            await worker.complete(lease)
        await api.becomes(task, "COMPLETED")


@pytest.mark.parametrize("name", ["MICROSERVICE", "UI"])
async def test_workers_of_the_native_protocol_do_the_parts(api: Industrial, workers, name: str) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session, name)
    async with Raw(workers, agent, capacity=2) as worker:
        for n in range(len(parts)):
            lease = (await worker.leased(n + 1))[n]
            told = from_value(lease.task.input)
            assert "Login" in told["title"] and told["complexity"] and told["required_capabilities"]
            await worker.complete(lease, {"n": n})
        whole = await api.becomes(task, "COMPLETED")
    assert whole.completed_subtasks == len(parts)
    seen = await api("GetAgent", agent_id=agent.id)
    assert (seen.tasks_completed, seen.current_tasks) == (len(parts), 0)


async def test_a_task_with_a_parent_is_one_of_its_parts(api: Industrial) -> None:
    agent = await able(api, "X")
    session = await api.session(started=True)
    whole = await api.task(session, priority="CRITICAL")
    first = await api.task(session, "X", parent_task_id=whole.id)
    assert (first.parent_task_id, first.priority, first.status) == (whole.id, "CRITICAL", "QUEUED")
    seen = await api.see(whole)
    assert (seen.status, seen.subtask_count, seen.progress, seen.dependencies) == ("IN_PROGRESS", 1, 0, [])
    assert (await api("ListTasks", session_id=session.id, parent_only=True)).total == 1
    second = await api.task(session, parent_task_id=whole.id, dependencies=[first.id], priority="LOW")
    assert (second.priority, second.status, second.dependencies) == ("LOW", "BLOCKED", [first.id])
    await result(api, agent, first)

    async def half():
        seen = await api.see(whole)
        return seen if seen.progress else None

    seen = await eventually(half)
    assert (seen.progress, seen.subtask_count, seen.completed_subtasks) == (50, 2, 1)
    third = await api.task(session, "X", parent_task_id=whole.id)
    assert (await api.see(whole)).progress == 33.33
    await result(api, agent, third)
    await api.becomes(second, "PENDING")
    await api("UpdateTaskStatus", task_id=second.id, status="CANCELLED")
    seen = await api.becomes(whole, "CANCELLED")
    assert (seen.progress, seen.completed_subtasks, seen.failed_subtasks) == (66.67, 2, 0)


async def test_a_part_is_added_where_a_template_would_be_taken_and_to_what_has_parts(api: Industrial) -> None:
    agent = await able(api)
    session, other = await api.session(started=True), await api.session(started=True)

    async def refused(parent, session=session, **more):
        error = await api.refused("CreateTask", session_id=session.id, title="t", parent_task_id=parent.id, http=True, **more)
        return error.http, error.code

    for state in ("IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "BLOCKED"):
        assert await refused(await task_in(api, session, agent, state)) == (409, "NOT_DECOMPOSABLE"), state
    whole, parts = await apart(api, session)
    added = await api.task(session, parent_task_id=whole.id, dependencies=[parts["tests"].id])
    assert (await api.see(whole)).subtask_count == 7
    assert await refused(whole, other) == (400, "INVALID_REQUEST")
    error = await api.refused("CreateTask", session_id=session.id, title="t", parent_task_id="nonsense", http=True)
    assert (error.http, error.details["field"]) == (400, "parent_task_id")
    deep = await api.task(session)
    for _ in range(4):
        deep = await api.task(session, parent_task_id=deep.id)
    assert await refused(deep) == (409, "NOT_DECOMPOSABLE")
    before = (await api("ListTasks", session_id=session.id)).total
    await api("UpdateTaskStatus", task_id=whole.id, status="CANCELLED")
    assert await refused(whole) == (409, "NOT_DECOMPOSABLE")
    assert (await api("ListTasks", session_id=session.id)).total == before, "what is refused leaves nothing behind"
    await api.becomes(added, "CANCELLED")
    assert await refused(await api.becomes(whole, "CANCELLED")) == (409, "NOT_DECOMPOSABLE")


async def test_no_part_waits_for_what_it_is_a_part_of(api: Industrial) -> None:
    session = await api.session(started=True)
    root = await api.task(session)
    whole = await api.task(session, parent_task_id=root.id)
    after = await api.task(session, dependencies=[root.id])
    later = await api.task(session, dependencies=[after.id])
    part = await api.task(session, parent_task_id=whole.id)
    for dependency in (whole, root, after, later):
        more = {"parent_task_id": whole.id, "dependencies": [part.id, dependency.id], "title": "t", "http": True}
        error = await api.refused("CreateTask", session_id=session.id, **more)
        assert (error.http, error.code) == (409, "CIRCULAR_DEPENDENCY")
    assert (await api.task(session, parent_task_id=whole.id, dependencies=[part.id])).status == "BLOCKED"


async def test_parts_that_are_added_at_once_are_each_counted(api: Industrial) -> None:
    session = await api.session(started=True)
    whole = await api.task(session)
    parts = await asyncio.gather(*(api.task(session, parent_task_id=whole.id) for _ in range(10)))
    assert (await api.see(whole)).subtask_count == 10
    for part in parts:
        await api("UpdateTaskStatus", task_id=part.id, status="CANCELLED")
    assert (await api.becomes(whole, "CANCELLED")).progress == 0


async def test_a_task_has_at_most_a_hundred_parts(api: Industrial) -> None:
    session = await api.session()
    whole = await api.task(session)
    for _ in range(100):
        await api.task(session, parent_task_id=whole.id)
    error = await api.refused("CreateTask", session_id=session.id, title="t", parent_task_id=whole.id, http=True)
    assert (error.http, error.code) == (409, "NOT_DECOMPOSABLE")


async def test_a_decomposed_task_that_is_cancelled_is_as_far_as_what_is_done(api: Industrial) -> None:
    await able(api)
    session = await api.session(started=True)
    task, _ = await apart(api, session, "MICROSERVICE")
    await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    seen = await api.becomes(task, "CANCELLED")
    assert (seen.progress, seen.subtask_count, seen.completed_subtasks) == (0, 6, 0)


@pytest.mark.parametrize(
    ("title", "description", "template"),
    [
        ("Implement login endpoint", "Create POST /auth/login", "WEB_SERVICE"),
        ("Billing microservice", "", "MICROSERVICE"),
        ("Refactor the parser", "It should go on reading the same API.", "REFACTORING"),
        ("Audit uploads", "Look for vulnerabilities.", "SECURITY"),
        ("A settings page", "with a button", "UI"),
        ("Something else", "", "CRUD"),
    ],
)
async def test_without_a_template_the_words_of_a_task_find_one(api: Industrial, title, description, template) -> None:
    await able(api)
    session = await api.session()
    task = await api.task(session, title=title, description=description)
    headers = (("idempotency-key", title),)
    answer = await api("DecomposeTask", task_id=task.id, headers=headers)
    assert answer.template_used == template and len(answer.subtasks) == len(templates()[template].parts)
    assert await api("DecomposeTask", task_id=task.id, headers=headers) == answer
