"""Gives answers: the runner of the tasks that questions are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace

import structlog

from server.core.chat.live import LiveAnswers
from server.core.chat.memory.extractive import NAME, extract
from server.core.chat.memory.recall import Recall, Recalled
from server.core.chat.memory.summaries import Summaries
from server.core.chat.plans import Plan, plans
from server.core.chat.prompts import Prompt
from server.core.chat.rows import READ_ANSWER, pieces_of
from server.core.models.accounts import Account
from server.core.models.port import ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable, Usage
from server.core.queue.claims import ANSWER
from server.core.queue.completion import Result, failure
from server.errors import ServiceError, service_error_in
from server.model import Answer, Task, TaskStatus
from server.store.database import Database
from server.work.chat import prompted
from server.work.chat.player import Player, taken_in
from server.work.chat.said import Said, StepRecord
from server.work.chat.summing import Summing
from server.work.chat.writer import Giving, PieceWriter
from server.work.models.metered import MeteredModels
from server.work.runners import CancelledWith

# How often an answer is begun anew whose giver never came to an end.
MAX_TRIES = 3
MAX_TOKENS = 4096
EXTRACTIVE = "extractive"
# After which a simpler plan may do.
MODEL_FAULTS = (ModelUnavailable, ModelFailed, ModelTimeout, ModelRefused)
log = structlog.get_logger()


class AnswerRunner:
    """Answers, many at a time: mostly they wait for a model."""

    runtime = ANSWER

    def __init__(
        self,
        database: Database,
        live: LiveAnswers,
        recall: Recall,
        models: MeteredModels,
        *,
        concurrency: int,
        seconds: float,
    ) -> None:
        self._database = database
        self._live = live
        self._recall = recall
        self._models = models
        self._seconds = seconds
        self._plans: Mapping[str, Plan] = plans()
        self.concurrency = concurrency
        self.summing = Summing(Summaries(database), models)
        self.writer = PieceWriter(database)

    async def run(self, task: Task) -> Result:
        """Answers the question of a task."""
        answer = self._live.expected(task.id)
        if answer is None:
            answer = await self._database.one(READ_ANSWER, id=task.id)
        if answer is None or not answer.is_open:
            # It was deleted, or an earlier attempt has ended it.
            return Result(status=TaskStatus.CANCELLED)
        if task.traceparent != answer.traceparent:
            # What is asked for it goes on with this run.
            answer = Answer.new(**{**answer.values(), "traceparent": task.traceparent})
        if task.lost >= MAX_TRIES:
            return failure("Interrupted", "whoever gave this answer died or went silent again and again")
        with self._live.giving(answer.id, task.attempt) as live:
            giving, said = Giving(answer, task.attempt, live, self.writer), Said(self._database.clock())
            if task.attempt > 1:
                giving.tell({"restarted": task.attempt})
            try:
                result = await self._result(giving, said)
            except asyncio.CancelledError:
                # What was told is kept, whoever ends this and why.
                with contextlib.suppress(Exception):
                    await asyncio.shield(self.writer.flush(giving))
                left = Result(status=TaskStatus.CANCELLED, output=self._output(giving, said))
                raise CancelledWith(left) from None
            await self.writer.flush(giving)
            self.summing.after(answer, said.answered_by if said.answered_by != NAME else None)
            return result

    async def _result(self, giving: Giving, said: Said) -> Result:
        try:
            async with asyncio.timeout(self._seconds):
                await self._give(giving, said)
        except TimeoutError:
            late = ModelTimeout(f"the answer took longer than {self._seconds:g} seconds")
            return self._failed(giving, said, late)
        except ServiceError as error:
            return self._failed(giving, said, error)
        except BaseExceptionGroup as group:
            # Steps beside each other.
            known = service_error_in(group)
            if known is None:
                raise
            return self._failed(giving, said, known)
        return Result(status=TaskStatus.COMPLETED, output=self._output(giving, said))

    def _failed(self, giving: Giving, said: Said, error: ServiceError) -> Result:
        said_of_it = {"type": error.reason, "message": error.message, "traceback": "", "details": error.details}
        error_text = json.dumps(said_of_it, separators=(",", ":"), default=str)
        return Result(status=TaskStatus.FAILED, error=error_text, output=self._output(giving, said))

    @staticmethod
    def _output(giving: Giving, said: Said) -> bytes:
        return said.output(giving.text, giving.attempt, giving.live.last)

    async def _give(self, giving: Giving, said: Said) -> None:
        answer = giving.answer
        model = self._model(answer)
        account = Account(
            organization_id=answer.organization_id, key_id=answer.key_id, task_id=answer.id, attempt=giving.attempt
        )
        prompt = await Prompt.decode(answer.prompt) if answer.prompt is not None else None
        if prompt is not None and model is not None and not prompt.plan:
            await prompted.give(self._models.on(account), giving, said, prompt, model)
            return
        recalled = await self._recall.of(answer, passages=answer.use_memory or model is None)
        if prompt is not None:
            recalled = replace(recalled, turns=prompt.turns())
        if model is None:
            await self._extract(giving, said, recalled)
            return
        plan: Plan | None = self._plans[answer.swarm or answer.mode]
        before, _ = await pieces_of(self._database, answer.id) if giving.attempt > 1 else ([], 0)
        player = Player(
            self._models.on(account),
            giving,
            recalled,
            said,
            taken_in(before),
            max_tokens=answer.max_tokens or MAX_TOKENS,
        )
        while plan is not None:
            try:
                await player.follow(plan, model)
                return
            except (*MODEL_FAULTS, BaseExceptionGroup) as error:
                cause = service_error_in(error)
                if giving.text or not isinstance(cause, MODEL_FAULTS):
                    # What was told stands, and nothing simpler can take it back.
                    raise
                said.fallback = f"{plan.name}: {cause.message}"
                if not plan.fallback and self._is_given_up(model):
                    await self._extract(giving, said, await self._recall.of(answer, passages=True))
                    return
                if not plan.fallback:
                    raise
                giving.tell({"fallback": plan.fallback, "reason": cause.message})
                plan = self._plans[plan.fallback]

    def _is_given_up(self, model: str) -> bool:
        """Whether nobody asks the model's provider for now, because it has failed again and again."""
        provider = model.partition("/")[0]
        return any(each.provider == provider and each.circuit != "closed" for each in self._models.states())

    def _model(self, answer: Answer) -> str | None:
        """The model that gives the answer; None where nobody but ourselves can."""
        if answer.model == NAME:
            return None
        return self._models.known(answer.model) if answer.model else self._models.default or None

    async def _extract(self, giving: Giving, said: Said, recalled: Recalled) -> None:
        answer = giving.answer
        record = StepRecord("extract", NAME)
        said.steps.append(record)
        found = await extract(answer, recalled, model_is_away=bool(said.fallback), chosen=bool(self._models.default))
        for part in found.parts:
            giving.tell(part)
        record.end(Usage(), giving.text)
        said.answered_by, said.cited = NAME, found.cited
        said.execution_mode = EXTRACTIVE if answer.swarm or said.fallback else answer.mode
        if answer.swarm and not said.fallback:
            said.fallback = f"{answer.swarm} needs a language model, and none is configured"
        said.quality_score, said.quality_by = found.coverage, "heuristic"
