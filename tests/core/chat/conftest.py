from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from server.app import Application
from server.core.chat.questions import Question
from server.core.models.port import ModelRequest
from server.model import Answer
from server.settings import Settings
from tests.support.scripted_models import ScriptedModels
from tests.support.tenants import Tenant

Reply = Callable[[ModelRequest], Sequence[str | Exception]]


class Chat:
    """A running server, and what a test asks it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.application: Application

    async def start(self, reply: Reply | None = None) -> ScriptedModels | None:
        models = ScriptedModels(reply) if reply is not None else None
        self.application = Application(self.settings, models)
        await self.application.start(["127.0.0.1:0"])
        return models

    @property
    def cases(self):
        return self.application.use_cases

    async def ask(self, tenant: Tenant, message: str, session: str = "s", key: str = "", **fields) -> Answer:
        question = Question(message=message, session_id=session, **fields)
        return await self.cases.chat_answers.ask(tenant.call(key=key, digest=message), question)

    async def answered(self, tenant: Tenant, message: str, session: str = "s", **fields) -> Answer:
        answer = await self.ask(tenant, message, session, **fields)
        return await self.cases.chat_answers.wait(answer, 20)

    async def heard(self, answer: Answer, after: int = 0) -> tuple[list, Answer]:
        """Every piece of an answer above a number, and how it ended."""
        pieces = []
        async for each in self.cases.answer_streams.follow(answer, after):
            pieces += each.pieces
            if each.ended is not None:
                return pieces, each.ended
        raise AssertionError("it never ended")


@pytest.fixture
async def chat(settings: Settings) -> AsyncIterator[Chat]:
    running = Chat(settings)
    yield running
    await running.application.stop()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
