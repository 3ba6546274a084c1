"""Workflows whose references, parameters and outputs are as many and as large as they may be: nobody waits for them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import bindparam, update

from server import values
from server.core.workflows.step_spec import steps_text
from server.core.queue.completion import Result
from server.errors import InvalidRequest
from server.model import TaskStatus, Workflow
from server.store.statement import Statement
from tests.core.test_workflows import Office, gives, office as office, step
from tests.support.holds import BOUND, longest_hold

NAMES = [f"{number:x}" for number in range(70_000)]
A = values.encode({"a": ""})
_REWRITE = Statement(
    update(Workflow.table()).where(Workflow.table().c.id == bindparam("workflow")).values(steps=bindparam("written"))
)


@pytest.fixture(scope="module")
def keys() -> bytes:
    return values.encode(dict.fromkeys(NAMES))


async def stored(office: Office, *steps) -> str:
    """A workflow as it was kept before references were counted."""
    workflow = await office.workflow(*({**each, "input": values.NULL} for each in steps))
    known = json.loads(workflow.steps)
    text = steps_text([{**kept, **given} for kept, given in zip(known, steps, strict=True)])

    async def rewrite(transaction) -> None:
        await transaction.run(_REWRITE, workflow=workflow.id, written=text)

    await office.database.write(rewrite)
    return workflow.id


async def execute(office: Office, workflow: str, parameters: bytes):
    return await office.workflows.execute(office.call(), workflow, parameters=parameters)


async def test_many_references_into_a_large_object_keep_nobody_waiting(office: Office, keys: bytes) -> None:
    workflow = await office.workflow(step("a", input=["${parameters.1116f}"] * 400))
    async with longest_hold() as held:
        await execute(office, workflow.id, keys)
    assert values.decode((await office.claim())["a"].input) == [None] * 400
    assert held.longest < BOUND


async def test_many_references_into_a_large_output_keep_nobody_waiting(office: Office, keys: bytes) -> None:
    names = NAMES[-40:]
    run = await office.start(step("a"), step("b", input=[f"${{steps.a.output.{name}}}" for name in names]))
    claimed = await office.claim()
    async with longest_hold() as held:
        await office.world.end(claimed["a"], Result(status=TaskStatus.COMPLETED, output=keys))
    assert values.decode((await office.claim())["b"].input) == [None] * 40
    assert (await office.run(run)).status == "running" and held.longest < BOUND


async def test_many_references_in_one_text_keep_nobody_waiting(office: Office) -> None:
    text = "${parameters.a}" * 65_000
    async with longest_hold() as creating:
        with pytest.raises(InvalidRequest) as refused:
            await office.workflow(step("first"), step("greedy", input=text))
    assert refused.value.details["field"] == "steps[1].input" and "greedy" in refused.value.message
    assert creating.longest < BOUND
    # One that has been kept before goes on as it did.
    workflow = await stored(office, step("greedy", input=text))
    async with longest_hold() as executing:
        await execute(office, workflow, A)
    assert values.decode((await office.claim())["greedy"].input) == ""
    assert executing.longest < BOUND


@pytest.mark.parametrize("text", ["${" * 500_000, "$" * 1_000_000, "${x" + "y" * 190 + "{"], ids=["open", "dollars", "x"])
async def test_texts_that_only_look_like_references_keep_nobody_waiting(office: Office, text: str) -> None:
    text = f"{(text * (1_000_000 // len(text) + 1))[:1_000_000]} ${{parameters}}"
    async with longest_hold() as held:
        workflow = await office.workflow(step("a", input=text))
        await execute(office, workflow.id, A)
    assert values.decode((await office.claim())["a"].input) == text.removesuffix("${parameters}") + '{"a":""}'
    assert held.longest < BOUND


async def test_a_step_without_an_input_keeps_nobody_waiting(office: Office) -> None:
    many = b"".join(values.struct_of(values.object_of({name: values.NULL})) for name in ["inputs"] * 30_000 + NAMES[:20_000])
    workflow = await office.workflow(step("a"), step("b"))
    await office.workflows.execute(office.call(), workflow.id, parameters=values.of_struct(many))
    claimed = await office.claim()
    async with longest_hold() as held:
        await office.world.end(claimed["a"], gives(1))
    given = values.decode((await office.claim())["b"].input)
    assert given["inputs"] == {"a": 1} and len(given) == 20_001
    assert held.longest < BOUND


async def test_values_that_are_written_into_texts_keep_nobody_waiting(office: Office) -> None:
    rows = [{"x": number} for number in range(4_900)]
    workflow, given = await office.workflow(step("a", input="rows: ${parameters.rows}")), values.encode({"rows": rows})
    async with longest_hold() as held:
        await execute(office, workflow.id, given)
    given = values.decode((await office.claim())["a"].input)
    assert json.loads(given.removeprefix("rows: ")) == rows and held.longest < BOUND


async def test_a_template_with_very_many_values_keeps_nobody_waiting(office: Office) -> None:
    refused = step("a", input=[[None] * 200_000, "${parameters.a}"])
    taken = step("a", input=[{f"k{number}": [] for number in range(9_000)}, "${parameters.a}"])
    async with longest_hold() as held:
        with pytest.raises(InvalidRequest):
            await office.workflow(refused)
        workflow = await office.workflow(taken)
        await execute(office, workflow.id, A)
    assert values.decode((await office.claim())["a"].input)[1] == ""
    assert held.longest < BOUND


async def test_the_references_of_a_workflow_are_counted_together(office: Office) -> None:
    half = ["${parameters.a}"] * 500
    workflow = await office.workflow(step("a", input=half), step("b", input=half))
    with pytest.raises(InvalidRequest) as refused:
        await office.workflows.update(
            office.call(), workflow.id, steps=[step("a", input=half), step("b", input=[*half, "${parameters.a}"])]
        )
    assert refused.value.details["field"] == "steps[1].input" and "1000" in refused.value.message


async def test_of_keys_that_stand_twice_the_last_counts(office: Office) -> None:
    twice = [values.struct_of(values.object_of({"a": values.encode(each)})) for each in (1, 2)]
    workflow = await office.workflow(step("a", input="${parameters.a}"))
    await office.workflows.execute(office.call(), workflow.id, parameters=values.of_struct(b"".join(twice)))
    assert values.decode((await office.claim())["a"].input) == 2
