"""Files of tasks: uploaded, listed, read and deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from server.core.discussion.file_types import content_type_of
from server.core.discussion.newest import newest_of_tasks
from server.core.discussion.writing import locked, readable, writable
from server.core.projects.permissions import Permissions
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.file_names import safe_name
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource
from server.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooMany
from server.model import Task, TaskFile, new_id
from server.store.blobs import Blob, Blobs
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# After these nothing has been written.
REFUSALS = (Conflict, Forbidden, InvalidRequest, NotFound, TooMany)
MAX_DESCRIPTION = 1000
# Files of one task, and those that are shown with it.
MOST, SHOWN = 1000, 50

_files = TaskFile.table().c
FILES = Resource(TaskFile, "file")
_LIST = Listing(TaskFile, [], [], of="task_id", measured=["description"])
_COUNT = Statement[Any](select(func.count()).where(_files.task_id == bindparam("task")))
_OF_TASKS: Statement[TaskFile] = newest_of_tasks(TaskFile)
_FORGET = Statement[Any](delete(TaskFile.table()).where(_files.id == bindparam("id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What has been stored, and what is said of it."""

    blob: Blob
    # How it begins.
    sample: bytes
    filename: str
    description: str = ""
    # The attempt that whoever brings it works on; 0 where nobody says.
    attempt: int = 0


async def named(uploaded: Uploaded) -> tuple[str, str]:
    """The name that a file is kept under, and its content type. Raises InvalidRequest."""
    name = safe_name(uploaded.filename)
    if len(uploaded.description) > MAX_DESCRIPTION:
        raise InvalidRequest("description", f"must have at most {MAX_DESCRIPTION} characters")
    return name, await content_type_of(uploaded.sample, name)


async def add_file(
    transaction: Transaction, task: Task, author: str, uploaded: Uploaded, *, name: str, content_type: str
) -> TaskFile:
    """A new file of a task, which is locked, by somebody who may write it. Raises TooMany."""
    row = await transaction.one(_COUNT, task=task.id)
    if row is not None and row[0] >= MOST:
        raise TooMany(f"the task has {row[0]} files, and {MOST} is the limit", details={"limit": MOST})
    file = TaskFile.new(
        id=new_id(),
        organization_id=task.organization_id,
        task_id=task.id,
        name=name,
        description=uploaded.description.strip(),
        content_type=content_type,
        size=uploaded.blob.size,
        sha256=uploaded.blob.sha256,
        blob=uploaded.blob.name,
        author=author,
        created_at=transaction.now,
    )
    await transaction.insert(file)
    transaction.emit("file.uploaded", file, about=task)
    return file


class TaskFiles:
    """The files of every organization's tasks; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache, blobs: Blobs) -> None:
        self._database = database
        self._counts = counts
        self._blobs = blobs

    async def to_write(self, call: Call, task_id: str, attempt: int = 0) -> Task:
        """The task, before something comes that takes long. Raises NotFound, Forbidden, StaleLease."""
        task, _ = await writable(self._database, call, task_id, attempt)
        return task

    async def create(self, call: Call, task_id: str, uploaded: Uploaded) -> TaskFile:
        """The file of a task. Raises NotFound, Forbidden, StaleLease, InvalidRequest, TooMany.

        What was stored is removed where no row gets it.
        """
        blob = uploaded.blob

        async def body(transaction: Transaction) -> TaskFile:
            task, author = await locked(transaction, call, task_id, uploaded.attempt)
            return await add_file(transaction, task, author, uploaded, name=name, content_type=content_type)

        try:
            name, content_type = await named(uploaded)
            return await self._database.write(body)
        except REFUSALS:
            # Whatever else ends it may have come after the row was there: what nobody names is swept away.
            await self._blobs.remove([blob.name])
            raise

    async def get(self, call: Call, task_id: str, identifier: str) -> TaskFile:
        """One file of a task. Raises NotFound, Forbidden."""
        task = await readable(self._database, call, task_id)
        file = await FILES.get(self._database, call, identifier)
        if file.task_id != task.id:
            raise NotFound("file", identifier)
        return file

    async def slice(self, call: Call, task_id: str, *, limit: int, offset: int) -> Page[TaskFile]:
        """A task's files newest first, from an offset, with their number. Raises NotFound, Forbidden."""
        task = await readable(self._database, call, task_id)
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, task_id=task.id
        )

    async def page(self, call: Call, task_id: str, *, size: int, token: str) -> Page[TaskFile]:
        """The same by page token. Raises InvalidRequest, too."""
        task = await readable(self._database, call, task_id)
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, task_id=task.id)

    async def of_tasks(self, task_ids: Sequence[str], most: int = SHOWN) -> Mapping[str, Sequence[TaskFile]]:
        """The newest files, oldest first, of tasks that somebody may see, whose ids are digits."""
        found: defaultdict[str, list[TaskFile]] = defaultdict(list)
        for file in await self._database.all(_OF_TASKS, tasks=list(task_ids), most=most):
            found[file.task_id].append(file)
        return found

    async def delete(self, call: Call, task_id: str, identifier: str) -> None:
        """Deletes a file: who may change the task may, and an agent its own. Raises NotFound, Forbidden, StaleLease."""

        async def body(transaction: Transaction) -> TaskFile | None:
            if await idempotency.done(transaction, call) is not None:
                return None
            task, author = await locked(transaction, call, task_id)
            file = await FILES.lock(transaction, call, identifier)
            if file.task_id != task.id:
                raise NotFound("file", identifier)
            if author.startswith("agent_") and author != file.author:
                # Its lease lets an agent add what it has made, and not remove what others have brought.
                await Permissions(transaction).require(call, "tasks:write", task.project_id)
            await transaction.run(_FORGET, id=file.id)
            transaction.emit("file.deleted", file, about=task)
            await idempotency.mark(transaction, call, file.id)
            return file

        file = await self._database.write(body)
        if file is not None:
            await self._blobs.remove([file.blob])
