"""Tools: search, code in the sandbox, comments and files, each within the rights that the task has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from server import values
from server.core.agents.entry_point import CodeError, style_of_call
from server.core.agents.entry_subprocess import entry_in
from server.core.discussion.file_types import SAMPLE_BYTES
from server.core.discussion.files import Uploaded
from server.core.knowledge.search import KnowledgeSearch
from server.core.model_work.conversation import Effect
from server.core.model_work.effects import attach, comment
from server.core.shared.call_context import READ_KNOWLEDGE, Call, Caller
from server.core.use_cases import UseCases
from server.store.blobs import Blobs
from server.work.code_search import CodeSearch
from server.work.model_agents.asking import AskAgent
from server.work.model_agents.toolbox import Tool, ToolRefused, Work, as_output
from server.work.sandbox import Job, Limits, Sandboxes, SandboxUnavailable

FOUND, MOST_FOUND, MOST_PASSAGE = 5, 10, 2000
CODE_SECONDS, CPU_SECONDS = 30.0, 31
MOST_PRINTED = 4000
MOST_FILE = 100_000
_TEXT: Mapping[str, Any] = {"type": "string"}


class SearchKnowledge:
    """Passages of documents, where whoever asked for the task may read those."""

    name = "search_knowledge"
    description = "Finds passages in the documents of the knowledge base by words, phrases or meaning."
    parameters: Mapping[str, Mapping[str, Any]] = {
        "query": {"type": "string", "description": "What to look for"},
        "limit": {"type": "integer", "description": f"How many passages, 1 to {MOST_FOUND}"},
    }
    required: Sequence[str] = ("query",)

    def __init__(self, search: KnowledgeSearch) -> None:
        self._search = search

    def obstacle(self, work: Work) -> str | None:
        """Why it may not be used."""
        return None if work.task.reads_knowledge else f"whoever asked for this task has no scope {READ_KNOWLEDGE}"

    async def call(self, work: Work, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The passages, best first."""
        task, limit = work.task, arguments.get("limit", FOUND)
        if not 1 <= limit <= MOST_FOUND:
            raise ToolRefused(f"limit must be 1 to {MOST_FOUND}")
        caller = Caller(task.organization_id, "", "", frozenset({READ_KNOWLEDGE}))
        hits, more = await self._search.search(
            Call(caller, request_id=f"task_{task.id}"), arguments["query"], limit=limit
        )
        passages = [
            {
                "document_id": f"document_{hit.document_id}",
                "title": hit.title,
                "heading": hit.heading,
                "page": hit.page,
                "text": hit.text[:MOST_PASSAGE],
            }
            for hit in hits
        ]
        return {"passages": passages, "more": more}


class RunPython:
    """A program in the sandbox that deployed code runs in, which may search where the task may."""

    name = "run_python"
    description = (
        "Runs a Python module in a sandbox without network: calls its function main with `input`, and gives what that "
        "returns and what was printed. Only the standard library is there."
    )
    parameters: Mapping[str, Mapping[str, Any]] = {
        "code": {"type": "string", "description": "The module; it defines main(input)"},
        "input": {"description": "What main is called with, any JSON value"},
    }
    required: Sequence[str] = ("code",)

    def __init__(self, sandboxes: Sandboxes, search: CodeSearch, limits: Limits) -> None:
        self._sandboxes = sandboxes
        self._search = search
        self._limits = limits

    def obstacle(self, _work: Work) -> str | None:
        """Why it may not be used."""
        return "no code can be run here" if self._sandboxes.why_unavailable() is not None else None

    async def call(self, work: Work, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the module's function returned or raised."""
        given = arguments.get("input")
        try:
            entry = await entry_in(arguments["code"], None)
            style = style_of_call(entry, given if isinstance(given, dict) else None)
            value = values.encode(given)
        except CodeError as error:
            raise ToolRefused(f"{error.field}: {error.issue}") from error
        except ValueError as error:
            raise ToolRefused(f"input: {error}") from error
        if (problem := await values.problem_in(value, "input")) is not None:
            raise ToolRefused(f"input {problem}")
        limits = Limits(
            wall_seconds=CODE_SECONDS,
            cpu_seconds=CPU_SECONDS,
            memory_bytes=self._limits.memory_bytes,
            disk_bytes=self._limits.disk_bytes,
        )
        job = Job(
            code=arguments["code"],
            entry=entry.function,
            style=style,
            input=value,
            limits=limits,
            answer=self._search.for_task(work.task),
        )
        try:
            outcome = await self._sandboxes.run(job)
        except SandboxUnavailable as error:
            raise ToolRefused("no code can be run here") from error
        told: dict[str, Any] = {"stdout": outcome.stdout[-MOST_PRINTED:], "stderr": outcome.stderr[-MOST_PRINTED:]}
        if outcome.failure is not None:
            failed = outcome.failure
            return {**told, "error": f"{failed.type}: {failed.message}", "traceback": failed.traceback[-MOST_PRINTED:]}
        output = outcome.output if outcome.output is not None else values.NULL
        unreadable = await values.problem_in(output, "output")
        return {**told, "error": f"output: {unreadable}"} if unreadable else {**told, **await as_output(output)}


class WriteComment:
    """A comment on the task, as its agent."""

    name = "comment"
    description = "Writes a comment on this task, which people who follow it read. It is not the result."
    parameters: Mapping[str, Mapping[str, Any]] = {"text": _TEXT}
    required: Sequence[str] = ("text",)

    def obstacle(self, _work: Work) -> str | None:
        """Nothing: whoever holds a task's lease may write about it."""
        return None

    async def call(self, _work: Work, arguments: Mapping[str, Any]) -> Effect:
        """The comment, written with the call's record."""
        return comment(arguments["text"])


class AttachFile:
    """A file of the task, as its agent."""

    name = "attach_file"
    description = "Attaches a text file to this task, such as a report, a program or a table."
    parameters: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "string", "description": "The file's name, such as report.md"},
        "text": {"type": "string", "description": "What is in it"},
    }
    required: Sequence[str] = ("name", "text")

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def obstacle(self, _work: Work) -> str | None:
        """Nothing: whoever holds a task's lease may write about it."""
        return None

    async def call(self, work: Work, arguments: Mapping[str, Any]) -> Effect:
        """The file, whose bytes are stored now; what no row names is swept away."""
        data = arguments["text"].encode()
        if not data:
            raise ToolRefused("text must not be empty")
        blob = await self._blobs.put(work.task.organization_id, _once(data), 4 * MOST_FILE)
        return await attach(Uploaded(blob=blob, sample=data[:SAMPLE_BYTES], filename=arguments["name"]))


def toolkit(
    cases: UseCases, sandboxes: Sandboxes, code_search: CodeSearch, limits: Limits, *, tasks_at_once: int
) -> list[Tool]:
    """All tools that there are, for a process that does so many tasks at a time."""
    return [
        SearchKnowledge(cases.knowledge_search),
        RunPython(sandboxes, code_search, limits),
        WriteComment(),
        AttachFile(cases.blobs),
        # Those who wait have a place each, and those whom they wait for need one.
        AskAgent(cases.task_queries, at_once=tasks_at_once // 2),
    ]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
