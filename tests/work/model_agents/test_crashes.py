"""Crashes: what has been recorded is gone on with, and nothing that changes something is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from server.core.model_work.conversation import Conversation
from server.core.models.turns import read_turns
from server.core.queue.fencing import StaleLease
from server.core.queue.lease_service import LeaseService
from server.core.queue.rows import LOCK
from tests.support.scripted_agents import one_after_the_other, told, tool
from tests.work.model_agents.conftest import Office, output, until


class Died(BaseException):
    """As good as a kill: nothing is done after it, and nobody hears of it."""


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[int]]:
    """Makes the runner die at the n-th call of a method of conversations, before or after it does what it does."""

    def arrange(method: str, at: int, *, after: bool = False) -> list[int]:
        original, calls = getattr(Conversation, method), []

        async def dying(self, *args, **kwargs):
            calls.append(len(calls) + 1)
            if len(calls) == at and not after:
                await _dead(self)
            given = await original(self, *args, **kwargs)
            if len(calls) == at:
                await _dead(self)
            return given

        monkeypatch.setattr(Conversation, method, dying)
        return calls

    return arrange


async def _dead(conversation: Conversation) -> None:
    """Whoever died lets the lease run out, which is found out at once here."""
    database, task = conversation._database, conversation._task
    leases = LeaseService(database, lease_seconds=2, max_attempts=3)

    async def lose(transaction):
        await leases.lose(transaction, await transaction.one(LOCK, id=task.id))

    await database.write(lose)
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("method", "at", "after"),
    [
        ("record", 1, False),  # the model has answered, and nothing of it is recorded
        ("record", 1, True),  # its call is recorded, and not made
        ("act", 1, False),
        ("act", 1, True),  # the comment is there, and its record with it
        ("act", 2, False),
        ("act", 2, True),
        ("record", 2, False),  # its result is lost
        ("record", 2, True),  # its result is recorded, and the task not ended
    ],
)
async def test_a_crash_anywhere_makes_no_second_comment_and_no_second_file(
    office: Office, dies, method: str, at: int, after: bool
) -> None:
    calls = [tool("comment", text="once"), tool("attach_file", name="once.txt", text="x")]
    models = await office.open(one_after_the_other(calls, "done"))
    dies(method, at, after=after)
    task = await office.give(title="Write")
    ended = await office.done(task, 10)
    assert output(ended) == {"text": "done"} and ended.lost == 1 and ended.attempt == 2
    assert await office.comments(task) == ["once"]
    files = await office.cases.task_files.slice(office.tenant.call(), task.id, limit=10, offset=0)
    assert [file.name for file in files.rows] == ["once.txt"]
    # What was recorded is not asked again, and each answer that was recorded is paid for once.
    asked_again = method == "record" and not after
    assert len(models.requests) == (3 if asked_again else 2)
    assert ended.tokens_used == 24


async def test_a_crash_while_another_agent_is_asked_asks_it_once(office: Office, dies) -> None:
    def reply(request):
        if "You are Bob" in request.messages[0].content:
            return "four"
        heard = told(request)
        return heard[0]["output"]["text"] if heard else tool("ask_agent", agent="Bob", task="Two and two?")

    await office.open(reply)
    bob = await office.agent("Bob")
    dies("act", 1, after=True)
    ended = await office.done(await office.give(), 10)
    assert output(ended) == {"text": "four"} and ended.lost == 1
    page = await office.cases.task_queries.slice(office.tenant.call(), limit=10, offset=0, agent_id=bob.id)
    assert len(page.rows) == 1


async def test_a_search_that_was_interrupted_is_made_again(office: Office, dies) -> None:
    models = await office.open(one_after_the_other(tool("search_knowledge", query="zebra"), "done"))
    dies("record", 2)
    ended = await office.done(await office.give(), 10)
    assert output(ended) == {"text": "done"} and len(models.requests) == 2


async def test_who_has_lost_the_lease_records_nothing_and_changes_nothing(office: Office) -> None:
    models = await office.open(one_after_the_other(tool("comment", text="late"), "done"))
    models.go.clear()
    task = await office.give(title="Write")
    await until(lambda: models.running)
    held = await office.get(task)
    await office.cases.task_moves.take(office.tenant.call(), task.id)
    conversation = Conversation(office.database, held)
    with pytest.raises(StaleLease):
        await conversation.record()
    models.go.set()
    await until(lambda: not models.running)
    assert await office.comments(task) == [] and await read_turns(office.database, task.id) == []
    assert (await office.get(task)).status == "running"


async def test_a_server_that_stops_gives_its_tasks_back_and_the_next_one_goes_on(office: Office) -> None:
    def reply(request):
        if told(request):
            return "done"
        models.go.clear()
        return tool("comment", text="once")

    models = await office.open(reply)
    task = await office.give()
    await until(lambda: len(models.requests) == 2)
    await office.application.stop()
    models.go.set()
    await office.start(models)
    ended = await office.done(task)
    assert output(ended) == {"text": "done"} and ended.lost == 0
    assert await office.comments(task) == ["once"]
