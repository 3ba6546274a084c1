"""The talk: asks the model, makes the calls that it asks for, and goes on until it gives its result, within bounds."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from server import values
from server.core.model_work.conversation import Conversation
from server.core.models.port import ModelMessage, ModelRequest, Models, ToolCall, Usage
from server.core.models.turns import Turn
from server.core.models.whole import whole
from server.core.queue.completion import Result, failure
from server.core.shared.json_schema import problem_in
from server.core.shared.plain_text import as_text
from server.core.workers.reports import LogLine, completed
from server.model import Agent, TaskStatus
from server.work.model_agents.prompt import Prompt, settings_of
from server.work.model_agents.toolbox import MOST_ARGUMENTS, REFUSALS, Toolbox, ToolRefused, shown

# How often a model is asked for one task, over all attempts; how many calls one answer of it may make; and after how
# many tokens it has to come to an end.
MAX_TURNS, MAX_CALLS, MAX_TOKENS = 8, 8, 200_000
# Characters of a result in JSON that are read in a few milliseconds; a thread reads more.
AT_ONCE = 10_000
OUTPUT_TOKENS, MOST_OUTPUT_TOKENS, MOST_TEMPERATURE = 4096, 32_768, 2
_LAST = "This is your last message for this task: call no tool any more, and give the result now."
_NO_OBJECT = "Your last message is no JSON object, and the result must be one. Give it again, as a JSON object alone."
_MISMATCH = "Your last message is not of the JSON schema that the result must have: {}. Give it again, as it must be."
_EMPTY = "Your last message was empty. Give the task's result."


class Talk:
    """One attempt's."""

    def __init__(
        self, models: Models, model: str, agent: Agent, prompt: Prompt, conversation: Conversation, toolbox: Toolbox
    ) -> None:
        self._models = models
        self._model = model
        self._prompt = prompt
        self._conversation = conversation
        self._toolbox = toolbox
        self._settings = settings_of(agent)

    async def lead(self) -> Result:
        """Goes on where the conversation is until there is a result.

        Raises what the model raises, StaleLease, and what the database does.
        """
        while True:
            for call in self._pending():
                await self._make(call)
            ended = await self._ended()
            if ended is not None:
                return ended
            await self._ask()

    @property
    def _said(self) -> int:
        return sum(turn.role == "assistant" for turn in self._conversation.turns)

    @property
    def _is_last(self) -> bool:
        """Whether the model is asked for the last time."""
        spent = sum(turn.usage.total for turn in self._conversation.turns)
        return self._said >= MAX_TURNS - 1 or spent >= MAX_TOKENS

    def _pending(self) -> list[dict[str, Any]]:
        """The calls of the last answer that nothing is recorded of: no attempt has done anything for them."""
        made = 0
        for turn in reversed(self._conversation.turns):
            if turn.role == "assistant":
                return list(turn.content["calls"][made:])
            made += turn.role == "tool"
        return []

    async def _ended(self) -> Result | None:
        """The result, where the last answer is one; None where the model is to be asked."""
        turns = self._conversation.turns
        if not turns or turns[-1].role != "assistant":
            return None
        said = turns[-1].content
        text, problem = str(said["text"]).strip(), ""
        if said["stop"] == "content_filter":
            return failure("ContentFiltered", "the model's provider has held its answer back", retryable=False)
        if not text:
            problem = _EMPTY
        elif self._prompt.wanted.is_json:
            read = object_in(text) if len(text) <= AT_ONCE else await asyncio.to_thread(object_in, text)
            if read is None:
                problem = _NO_OBJECT
            # What cannot be kept is not looked at any more.
            elif (result := await completed(read[2])).status != TaskStatus.COMPLETED or not (
                mismatch := await self._mismatch(*read[:2])
            ):
                return result
            elif self._said >= MAX_TURNS or any(turn.content.get("repairs") for turn in turns if turn.role == "user"):
                return failure("SchemaMismatch", f"the result is not of its schema: {mismatch}", retryable=False)
            else:
                await self._conversation.record(Turn("user", {"text": _MISMATCH.format(mismatch), "repairs": True}))
                return None
        else:
            return await completed(values.encode({"text": as_text(text)}))
        if self._said >= MAX_TURNS:
            return failure("NoResult", f"the model gave no result in {MAX_TURNS} answers", retryable=False)
        await self._conversation.record(Turn("user", {"text": problem}))
        return None

    async def _mismatch(self, found: dict[str, Any], written: str) -> str:
        """Why an object is not of the schema that is wanted; empty where it is, or where there is none."""
        schema = self._prompt.wanted.schema
        return await problem_in(found, written, schema) if schema is not None else ""

    async def _ask(self) -> None:
        last = self._is_last
        if self._said >= MAX_TURNS:
            # Whatever it was told since: there is an end.
            raise AssertionError("a conversation beyond its end")
        text, end = await whole(self._models, self._request(last=last))
        calls = [] if last else [_kept(call, place) for place, call in enumerate(end.tool_calls[: 2 * MAX_CALLS], 1)]
        number = self._said + 1
        content = {"text": text, "calls": _distinct(calls), "stop": end.stop_reason}
        usage = end.usage
        asks = f", calls {', '.join(call['name'][:40] for call in calls)}" if calls else ""
        said = f"{self._model} has answered ({number} of at most {MAX_TURNS}; {usage.total} tokens){asks}"
        await self._conversation.record(
            Turn("assistant", content, Usage(usage.input_tokens, usage.output_tokens)),
            line=LogLine("info", as_text(said)),
            progress=round(100 * number / (MAX_TURNS + 1), 1),
        )

    def _request(self, *, last: bool) -> ModelRequest:
        offered = self._toolbox.offered
        messages = [*self._prompt.messages, *map(_message, _told(self._conversation.turns))]
        if last:
            messages.append(ModelMessage(role="user", content=_LAST))
        return ModelRequest(
            model=self._model,
            messages=messages,
            max_output_tokens=self._output_tokens(),
            temperature=self._temperature(),
            tools=offered,
            # Some providers refuse earlier calls where there are no tools, so they are there to the end.
            tool_choice="none" if last and offered else None,
            response_format=self._prompt.wanted.response_format,
            traceparent=self._conversation.traceparent,
        )

    def _temperature(self) -> float | None:
        given = self._settings.get("temperature")
        plain = isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= MOST_TEMPERATURE
        return float(given) if plain and given is not None else None

    def _output_tokens(self) -> int:
        for name in ("maxTokens", "max_tokens"):
            given = self._settings.get(name)
            if isinstance(given, int) and not isinstance(given, bool) and given > 0:
                return min(given, MOST_OUTPUT_TOKENS)
        return OUTPUT_TOKENS

    async def _make(self, call: dict[str, Any]) -> None:
        """Makes a call; what it changes is done together with its record, and so exactly once."""
        conversation = self._conversation
        name, id = call["name"], call["id"]
        made = as_text(f"tool {name[:100]}")
        try:
            if call.get("refused"):
                raise ToolRefused(call["refused"])
            given = await self._toolbox.call(name, call["arguments"])
            if callable(given):
                await conversation.act(
                    given,
                    lambda told: Turn("tool", {"id": id, "text": shown(told)}),
                    LogLine("info", f"{made}: done"),
                )
                return
            turn, line = Turn("tool", {"id": id, "text": shown(given)}), LogLine("info", f"{made}: done")
        except (ToolRefused, *REFUSALS) as error:
            turn = Turn("tool", {"id": id, "text": shown({"error": str(error)[:1000]})})
            line = LogLine("warning", as_text(f"{made}: {str(error)[:1000]}"))
        await conversation.record(turn, line=line)


def object_in(text: str) -> tuple[dict[str, Any], str, bytes] | None:
    """The JSON object that a model's words are, also in a fence of code, as it is written and as a value, or None."""
    start, end = text.find("{"), text.rfind("}")
    around = (text[:start] + text[end + 1 :]).strip() if 0 <= start < end else "-"
    if around.strip("`").strip() not in ("", "json"):
        return None
    try:
        written = text[start : end + 1]
        found = json.loads(written)
        return (found, written, values.encode(found)) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def _kept(call: ToolCall, place: int) -> dict[str, Any]:
    kept: dict[str, Any] = {"id": call.id or f"call_{place}", "name": call.name[:200], "arguments": call.arguments}
    if place > MAX_CALLS:
        kept["refused"] = f"at most {MAX_CALLS} calls are made at a time"
    elif len(call.arguments) > MOST_ARGUMENTS:
        kept["refused"] = f"the arguments have {len(call.arguments)} characters, and {MOST_ARGUMENTS} is the limit"
    if "refused" in kept:
        # The model sees again what it said, and long nonsense need not be kept for that.
        kept["arguments"] = "{}"
    return kept


def _distinct(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls with an id each: some models give several the same one."""
    seen: set[str] = set()
    for place, call in enumerate(calls, 1):
        if call["id"] in seen:
            call["id"] = f"{call['id']}_{place}"
        seen.add(call["id"])
    return calls


def _told(turns: list[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.role in ("assistant", "tool", "user")]


def _message(turn: Turn) -> ModelMessage:
    said = turn.content
    if turn.role == "tool":
        return ModelMessage(role="tool", content=said["text"], tool_call_id=said["id"])
    if turn.role == "user":
        return ModelMessage(role="user", content=said["text"])
    calls = [ToolCall(id=each["id"], name=each["name"], arguments=each["arguments"]) for each in said["calls"]]
    return ModelMessage(role="assistant", content=said["text"], tool_calls=calls)
