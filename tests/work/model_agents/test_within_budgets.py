"""Tasks that models do within budgets: counted of the agent, and failed where there is not enough left."""

from __future__ import annotations

import json

from server.core.models.estimates import most_input
from tests.support.scripted_agents import one_after_the_other, told, tool
from tests.work.model_agents.conftest import Office


async def cap(office: Office, scope: str, subject_id: str, tokens: int) -> None:
    await office.cases.budgets.set(
        office.tenant.call(), scope=scope, subject_id=subject_id, period="month", max_tokens=tokens, max_cost=None
    )


async def test_what_a_task_takes_is_counted_of_its_agent(office: Office) -> None:
    await office.open(one_after_the_other(tool("comment", text="on it"), "done"))
    agent = await office.agent()
    assert (await office.done(await office.give(agent))).status == "completed"
    await office.cases.ledger.flush()
    (usage,) = await office.cases.usages.of(office.tenant.call(), scope="agent", subject_id=f"agent_{agent.id}")
    assert (usage.calls, usage.input_tokens, usage.output_tokens) == (2, 20, 4)


async def test_a_task_whose_agent_has_not_enough_left_fails_before_the_model_is_asked_and_others_go_on(
    office: Office,
) -> None:
    models = await office.open(lambda _: "done")
    poor, rich = await office.agent("Poor"), await office.agent("Rich")
    await cap(office, "agent", f"agent_{poor.id}", 100)
    ended = await office.done(await office.give(poor))
    assert (ended.status, json.loads(ended.error)["type"]) == ("failed", "BUDGET_EXHAUSTED") and not models.requests
    assert f"agent_{poor.id}" in json.loads(ended.error)["message"]
    assert (await office.done(await office.give(rich))).status == "completed"


async def test_a_task_that_runs_out_between_two_answers_keeps_what_it_has_done(office: Office) -> None:
    models = await office.open(lambda request: "done" if told(request) else tool("comment", text="x" * 3000))
    agent = await office.agent()
    await office.done(await office.give(agent))
    first = models.requests[0]
    models.requests.clear()
    await office.cases.ledger.flush()
    # The first prompt fits, and the second has the comment in it, too.
    await cap(office, "organization", "", 24 + most_input(first) + first.max_output_tokens + 500)
    task = await office.give(agent)
    ended = await office.done(task)
    assert json.loads(ended.error)["type"] == "BUDGET_EXHAUSTED" and len(models.requests) == 1
    assert len(await office.comments(task)) == 1
