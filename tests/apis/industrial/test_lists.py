"""Lists of the Industrial API: all that there is where nobody names a page, and never more than an answer may hold."""

from __future__ import annotations

import json

import pytest

from server.apis.industrial.shape import Texts
from server.core.shared.pagination import BoundedTexts
from tests.support.industrial import Industrial, able, apart, begun, given

LARGE = "<" * 60_000


async def test_tasks_are_all_there_where_no_page_is_named_and_trees_keep_their_parts(api: Industrial) -> None:
    session = await api.session()
    wholes = [(await apart(api, session, "MICROSERVICE"))[0] for _ in range(4)]
    for listed in (await api("ListTasks"), await api("ListSessionTasks", session_id=session.id)):
        assert (listed.total, len(listed.items), listed.page, listed.page_size, listed.has_more) == (28, 28, 1, 1000, False)
        for whole in wholes:
            assert sum(each.parent_task_id == whole.id for each in listed.items) == 6
    page = await api("ListTasks", page=2, page_size=20)
    assert (len(page.items), page.total, page.page_size, page.has_more) == (8, 28, 20, False)
    assert (await api("ListTasks", page_size=5)).has_more


async def test_a_list_shows_of_each_task_what_the_task_itself_shows(api: Industrial) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    first, broken = await begun(api, session, agent), await begun(api, session, agent)
    waiting = await api.task(session, dependencies=[first.id, (await api.task(session)).id])
    whole, parts = await apart(api, session)
    await api("SendResult", agent_id=agent.id, task_id=parts["model"].id, result={"n": [1]}, tokens_used=3)
    await api("SendResult", agent_id=agent.id, task_id=broken.id, error="broken")
    await api.becomes(parts["create"], "QUEUED")
    listed = {each.id: each for each in (await api("ListTasks", session_id=session.id)).items}
    assert len(listed) == 11
    for id, each in listed.items():
        assert each == await api("GetTask", task_id=id), id
    assert sorted(listed[waiting.id].dependencies) == sorted(waiting.dependencies) and len(waiting.dependencies) == 2
    assert (listed[whole.id].completed_subtasks, listed[whole.id].dependencies) == (1, [])
    assert listed[parts["tests"].id].dependencies and listed[broken.id].error == "broken"
    assigned = await api("ListAssignedTasks", agent_id=agent.id)
    for each in assigned.items:
        assert each == listed[each.id]


async def test_tasks_without_a_session_are_there_for_who_asks(api: Industrial, workers) -> None:
    agent = await workers.agent()
    alone = await workers.task(agent, {"x": 1}, type="custom")
    inside = await api.task(await api.session())
    digits = alone.id.removeprefix("task_")

    async def ids(**filters) -> list[str]:
        return [each.id.replace("-", "") for each in (await api("ListTasks", **filters)).items]

    assert await ids() == [inside.id.replace("-", "")]
    assert await ids(agent_id=agent.id) == []
    assert await ids(include_sessionless=True) == [inside.id.replace("-", ""), digits]
    assert await ids(include_sessionless=True, agent_id=agent.id) == [digits]
    answer = await api("DecomposeTask", task_id=(await workers.task(agent, {}, type="b")).id, template="UI")
    assert len(await ids(parent_task_id=answer.parent_task_id)) == 5


async def test_what_is_too_long_for_a_list_is_left_out_and_named_and_whole_alone(api: Industrial) -> None:
    agent = await api.agent()
    session = await api.session(started=True, initial_prompt="p" * 20_000)
    task = await given(api, session, agent, description="d" * 20_000)
    (assigned,) = (await api("ListAssignedTasks", agent_id=agent.id)).items
    assert assigned.truncated_fields == ["description"] and assigned.description == "d" * 2500
    assert len((await api("BeginTask", agent_id=agent.id, task_id=task.id)).description) == 20_000
    await api("SendResult", agent_id=agent.id, task_id=task.id, result={"x": "y" * 10_000})
    failing = await begun(api, session, agent)
    await api("SendResult", agent_id=agent.id, task_id=failing.id, error="e" * 8192)
    failed, done = (await api("ListTasks", session_id=session.id)).items
    assert (done.result, sorted(done.truncated_fields)) == (None, ["description", "result"])
    # The message stands behind its type, in as many characters as there are for both.
    assert failed.truncated_fields == ["error"] and failed.error == "e" * len(failed.error) and len(failed.error) > 8000
    seen = await api.see(task)
    assert (len(seen.description), seen.result, seen.truncated_fields) == (20_000, {"x": "y" * 10_000}, [])
    await api.act("complete", session, result=["z" * 9_000])
    (listed,) = (await api("ListSessions")).items
    assert (listed.result, listed.truncated_fields) == (None, ["initial_prompt", "result"])
    assert listed.initial_prompt == "p" * 8192
    whole = await api.get(session)
    assert (len(whole.initial_prompt), whole.result, whole.truncated_fields) == (20_000, ["z" * 9_000], [])


async def test_a_hundred_large_checkpoints_are_one_answer_and_each_is_whole_alone(api: Industrial) -> None:
    session = await api.session()
    small = await api("CreateCheckpoint", session_id=session.id, name="small", data={"n": 1})
    large = [await api("CreateCheckpoint", session_id=session.id, data={"x": LARGE * 4}) for _ in range(3)]
    listed = await api("ListCheckpoints", session_id=session.id)
    assert (listed.total, listed.page, listed.page_size, listed.has_more) == (4, 1, 100, False)
    assert [each.data for each in listed.items] == [None, None, None, {"n": 1}]
    assert [each.truncated_fields for each in listed.items] == [["data"], ["data"], ["data"], []]
    assert [each.trigger for each in listed.items] == ["MANUAL"] * 4
    page = await api("ListCheckpoints", session_id=session.id, page=2, page_size=3)
    assert ([each.id for each in page.items], page.total, page.has_more) == ([small.id], 4, False)
    whole = await api("GetCheckpoint", session_id=session.id, checkpoint_id=large[0].id)
    assert whole.data == {"x": LARGE * 4} and whole == large[0]
    other = await api.session()
    for session_id, checkpoint_id in ((other.id, small.id), (session.id, "nonsense")):
        error = await api.refused("GetCheckpoint", session_id=session_id, checkpoint_id=checkpoint_id, http=True)
        assert (error.http, error.code) == (404, "CHECKPOINT_NOT_FOUND")
    shown = (await api.get(session)).checkpoints
    assert [(each.id, each.sequence, each.trigger) for each in shown] == [
        (each.id, each.sequence, "MANUAL") for each in (*large[::-1], small)
    ]
    assert shown[0].created_at == large[-1].created_at
    in_list = {each.id: each for each in (await api("ListSessions")).items}
    assert in_list[session.id].checkpoints == shown and in_list[other.id].checkpoints == []


async def test_agents_are_listed_in_pages_the_available_ones_too(api: Industrial) -> None:
    made = [await api.agent("X") for _ in range(5)]
    busy = await api.agent("X", max_concurrent_tasks=1)
    session = await api.session(started=True)
    await begun(api, session, busy)
    await api("SendHeartbeat", agent_id=made[0].id, current_load=80)
    listed = await api("ListAgents")
    assert (listed.total, len(listed.items), listed.page, listed.page_size, listed.has_more) == (6, 6, 1, 1000, False)
    assert {each.id: each.status for each in listed.items}[busy.id] == "BUSY"
    free = await api("ListAgents", available_only=True, page_size=3)
    assert (free.total, free.has_more) == (4, True)
    assert [each.id for each in free.items] == [each.id for each in made[:1:-1]]
    rest = await api("ListAgents", available_only=True, capability=" X ", page=2, page_size=3)
    assert [each.id for each in rest.items] == [made[1].id] and {each.status for each in rest.items} == {"IDLE"}
    assert (await api("ListAgents", capability="Y")).total == 0


@pytest.mark.parametrize("rows", [1, 20, 100, 1000])
@pytest.mark.parametrize("columns", [1, 2, 4])
def test_the_texts_of_an_answer_have_a_bound_however_many_rows_there_are(rows: int, columns: int) -> None:
    longest = BoundedTexts([f"{n}" for n in range(columns)]).longest(rows)
    # Six bytes are what JSON makes of a character at worst, and the gateway passes on 16 MiB.
    assert 0 < longest <= 8192 and rows * columns * longest * 6 <= 6_000_000


@pytest.mark.parametrize("message", ['a "quoted" \\ word', "ä€😀", "message\": \"no", "line\nline", ""])
def test_the_message_of_an_error_is_read_from_its_beginning(message: str) -> None:
    error = json.dumps({"type": 'T"message": "x', "message": message, "traceback": "t" * 100})
    for length in range(1, len(error) + 1):
        texts = Texts(length)
        shown = texts.message(error[:length])
        shown.encode()
        assert message.startswith(shown), length
        assert texts.truncated == ["error"] or shown == message, length
    assert Texts(0).message(None) == ""
