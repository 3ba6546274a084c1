"""Searches by deployed code, which asks through its sandbox's pipe with the rights of whoever started its run."""

from __future__ import annotations

from typing import Any

import structlog

from server import values
from server.core.knowledge.search import Hit, KnowledgeSearch
from server.core.shared.call_context import READ_KNOWLEDGE, Call, Caller
from server.errors import InvalidRequest, NotFound, ServiceError
from server.model import Task
from server.work.sandbox import Answer

# How often one run may search, and how long one question may be as a value.
MAX_SEARCHES = 100
MAX_QUESTION = 64 * 1024
MAX_LIMIT = 100
MAX_OFFSET = 1000
MAX_TAGS = 20
log = structlog.get_logger()


class _Refused(Exception):
    """A question that is answered with an exception of this name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CodeSearch:
    """Answers what runs ask; nothing that they send is believed."""

    def __init__(self, search: KnowledgeSearch) -> None:
        self._search = search

    def for_task(self, task: Task) -> Answer:
        """What answers one run of a task."""
        asked = 0

        async def answer(question: bytes) -> bytes:
            nonlocal asked
            asked += 1
            try:
                if asked > MAX_SEARCHES:
                    raise _Refused("RuntimeError", f"one run may search {MAX_SEARCHES} times")
                return b"O" + values.encode([_plain(hit) for hit in await self._found(task, question)])
            except _Refused as error:
                return _failure(error.kind, str(error))
            except Exception:
                log.exception("bug", task=task.id)
                return _failure("RuntimeError", "something went wrong on our side")

        return answer

    async def _found(self, task: Task, question: bytes) -> list[Hit]:
        if not task.reads_knowledge:
            raise _Refused("PermissionError", f"whoever started this run has no scope {READ_KNOWLEDGE}")
        query, terms = await _asked(question)
        caller = Caller(task.organization_id, "", "", frozenset({READ_KNOWLEDGE}))
        try:
            hits, _ = await self._search.search(Call(caller, request_id=f"task_{task.id}"), query, **terms)
        except NotFound as error:
            raise _Refused("LookupError", error.message) from error
        except InvalidRequest as error:
            raise _Refused("ValueError", error.message) from error
        except ServiceError as error:
            raise _Refused("RuntimeError", error.message) from error
        return hits


async def _asked(question: bytes) -> tuple[str, dict[str, Any]]:
    """The query and what goes with it."""
    if await values.problem_in(question, "question", MAX_QUESTION) is not None:
        raise _Refused("ValueError", f"a question has at most {MAX_QUESTION} bytes")
    match values.decode(question):
        case {
            "query": str(query),
            "limit": int(limit),
            "offset": int(offset),
            "tags": [*tags],
            "document_id": str(document),
        } if all(isinstance(tag, str) for tag in tags):
            pass
        case _:
            raise _Refused("TypeError", "query, document_id and tags are texts, limit and offset whole numbers")
    if not 1 <= limit <= MAX_LIMIT or not 0 <= offset <= MAX_OFFSET:
        raise _Refused("ValueError", f"limit must be 1 to {MAX_LIMIT}, and offset 0 to {MAX_OFFSET}")
    if len(tags) > MAX_TAGS:
        raise _Refused("ValueError", f"tags must be at most {MAX_TAGS}")
    return query, {"limit": limit, "offset": offset, "tags": tags, "document_id": document}


def _plain(hit: Hit) -> dict[str, Any]:
    return {
        "text": hit.text,
        "snippet": hit.snippet,
        "score": hit.score,
        "document_id": f"document_{hit.document_id}",
        "title": hit.title,
        "tags": list(hit.tags),
        "heading": hit.heading,
        "page": hit.page,
        "chunk": hit.chunk,
        "chunk_sha256": hit.digest,
        "content_version": hit.revision,
    }


def _failure(kind: str, message: str) -> bytes:
    return b"F" + values.encode([kind, message])
