"""What a long conversation remembers: its last turns whole, what was before in short, and what bears on a question."""

from __future__ import annotations

import asyncio
import json

from server.core.chat.memory.summaries import AFTER, LEFT, Due, Summaries, listed
from server.model import Conversation
from tests.core.chat.conftest import Chat, until
from tests.support.tenants import make_tenant


async def conversation(chat: Chat, tenant) -> Conversation:
    return await chat.cases.conversations.get(tenant.call(), "s")


async def test_turns_that_go_along_no_more_are_in_a_summary_that_names_the_last_of_them(chat: Chat) -> None:
    def reply(request):
        return ["in short"] if "memory of a conversation" in request.messages[0].content else ["fine"]

    models = await chat.start(reply)
    tenant = await make_tenant(chat.application.database)
    for number in range(1, AFTER + 1):
        await chat.answered(tenant, f"fact {number}", optimization_mode="lite")
    assert (await conversation(chat, tenant)).summary_turns == 0
    await chat.answered(tenant, "one more", optimization_mode="lite")

    async def summed_up() -> Conversation:
        while not (found := await conversation(chat, tenant)).summary_turns:
            await asyncio.sleep(0.01)
        return found

    found = await asyncio.wait_for(summed_up(), 10)
    assert (found.summary, found.summary_turns) == ("in short", AFTER - LEFT)
    await chat.answered(tenant, "and now?", optimization_mode="lite")
    texts = [message.content for message in models.requests[-1].messages]
    assert texts[1] == f"What was said in this conversation up to turn {found.summary_turns}:\nin short"
    assert f"fact {found.summary_turns}" not in texts and f"fact {found.summary_turns + 1}" in texts


async def test_of_two_summaries_made_at_once_one_counts(chat: Chat) -> None:
    await chat.start()
    tenant = await make_tenant(chat.application.database)
    turn = await chat.answered(tenant, "fact 1")
    summaries = Summaries(chat.application.database)
    due = Due(await conversation(chat, tenant), [turn])
    await summaries.write(due, "first")
    await summaries.write(due, "second")
    found = await conversation(chat, tenant)
    assert (found.summary, found.summary_turns) == ("first", 1)
    assert listed(Due(found, [turn])) == "first\n- turn 1: fact 1"


async def test_memory_recalls_what_bears_on_the_question_and_cites_it(chat: Chat) -> None:
    models = await chat.start(lambda _: ["x" * 1000])
    tenant = await make_tenant(chat.application.database)
    await chat.answered(tenant, "The password hint is a green heron", optimization_mode="lite")
    for number in range(AFTER + 12):
        await chat.answered(tenant, f"something else {number}", optimization_mode="lite")
    ended = await chat.answered(tenant, "Which heron was it?", optimization_mode="lite", use_memory=True)
    told = "\n".join(message.content for message in models.requests[-1].messages if message.role == "system")
    assert "[1] turn 1 of this conversation\nThe password hint is a green heron" in told
    assert json.loads(ended.citations)[0]["turn"] == 1
    await until(lambda: not chat.application.answers.summing._works)
