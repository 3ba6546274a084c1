"""Comments on tasks: said, listed and deleted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from server.core.discussion.newest import newest_of_tasks
from server.core.discussion.writing import locked, readable, require_author
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_id
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource
from server.errors import InvalidRequest, NotFound
from server.model import Comment, Task, User, new_id
from server.store.among import any_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

MAX_CONTENT, MAX_MENTIONS = 10_000, 50
# How many comments are shown with a task.
SHOWN = 50

_comments = Comment.table().c
_users = User.table().c
COMMENTS = Resource(Comment, "comment")
_LIST = Listing(Comment, [], [], of="task_id", measured=["content"])
_OF_TASKS: Statement[Comment] = newest_of_tasks(Comment)
_people = select(_users.id).where(_users.organization_id == bindparam("organization"), _users.disabled_at.is_(None))
_MENTIONED = Statement[Any](_people.where(any_of(_users.id, "users")))
_FORGET = Statement[Any](delete(Comment.table()).where(_comments.id == bindparam("id")))


class TaskComments:
    """The comments of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache) -> None:
        self._database = database
        self._counts = counts

    async def create(
        self, call: Call, task_id: str, *, content: str, mentions: Sequence[str] = (), attempt: int = 0
    ) -> Comment:
        """A new comment. Raises NotFound, Forbidden, StaleLease, and InvalidRequest, as for a mention of nobody."""
        check_content(content)
        if len(mentions) > MAX_MENTIONS:
            raise InvalidRequest("mentions", f"must have at most {MAX_MENTIONS} users")

        async def make(transaction: Transaction) -> Comment:
            task, author = await locked(transaction, call, task_id, attempt)
            return await add_comment(transaction, task, author, content, await _mentioned(transaction, call, mentions))

        return await COMMENTS.create(self._database, call, make)

    async def slice(self, call: Call, task_id: str, *, limit: int, offset: int) -> Page[Comment]:
        """A task's comments newest first, from an offset, with their number. Raises NotFound, Forbidden."""
        task = await readable(self._database, call, task_id)
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, task_id=task.id
        )

    async def page(self, call: Call, task_id: str, *, size: int, token: str) -> Page[Comment]:
        """The same by page token. Raises InvalidRequest, too."""
        task = await readable(self._database, call, task_id)
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, task_id=task.id)

    async def of_tasks(self, task_ids: Sequence[str], most: int = SHOWN) -> Mapping[str, Sequence[Comment]]:
        """The newest comments, oldest first, of tasks that somebody may see, whose ids are digits."""
        found: defaultdict[str, list[Comment]] = defaultdict(list)
        for comment in await self._database.all(_OF_TASKS, tasks=list(task_ids), most=most):
            found[comment.task_id].append(comment)
        return found

    async def delete(self, call: Call, task_id: str, identifier: str) -> None:
        """Deletes a comment. Raises NotFound, and Forbidden where the caller is neither its author nor an admin."""

        async def body(transaction: Transaction) -> None:
            if await idempotency.done(transaction, call) is not None:
                return
            task = await readable(transaction, call, task_id)
            comment = await COMMENTS.lock(transaction, call, identifier)
            if comment.task_id != task.id:
                raise NotFound("comment", identifier)
            await require_author(transaction, call, task, comment.author)
            await transaction.run(_FORGET, id=comment.id)
            transaction.emit("comment.deleted", comment, about=task)
            await idempotency.mark(transaction, call, comment.id)

        await self._database.write(body)


def check_content(content: str) -> None:
    """Raises InvalidRequest for what no comment can say."""
    if not content.strip():
        raise InvalidRequest("content", "must not be empty")
    if len(content) > MAX_CONTENT:
        raise InvalidRequest("content", f"must have at most {MAX_CONTENT} characters")


async def add_comment(
    transaction: Transaction, task: Task, author: str, content: str, mentioned: Sequence[str] = ()
) -> Comment:
    """A new comment on a task, by somebody who may write it; `mentioned` are ids of users."""
    comment = Comment.new(
        id=new_id(),
        organization_id=task.organization_id,
        task_id=task.id,
        content=content,
        author=author,
        mentions=json.dumps(list(mentioned)),
        created_at=transaction.now,
    )
    await transaction.insert(comment)
    transaction.emit("comment.created", comment, about=task)
    return comment


async def _mentioned(reader: Reader, call: Call, mentions: Sequence[str]) -> list[str]:
    """The ids of those who are mentioned, each once. Raises InvalidRequest, which names whoever is nobody here."""
    ids: dict[str, int] = {}
    for index, mention in enumerate(mentions):
        try:
            ids.setdefault(parse_id("user", mention), index)
        except NotFound:
            raise _nobody(index, mention) from None
    if not ids:
        return []
    known = {row[0] for row in await reader.all(_MENTIONED, organization=call.organization_id, users=list(ids))}
    for id, index in ids.items():
        if id not in known:
            raise _nobody(index, mentions[index])
    return list(ids)


def _nobody(index: int, mention: str) -> InvalidRequest:
    return InvalidRequest(f"mentions[{index}]", f"{mention[:100]} is no user of this organization")
