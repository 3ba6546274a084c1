"""What tasks are found by: the words of their titles and descriptions, written in the transaction of the task."""

from __future__ import annotations

from itertools import islice
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from server.core.knowledge.languages import DEFAULT, language_of
from server.core.knowledge.query import parse_query
from server.core.knowledge.terms import terms
from server.core.queue.rows import LOCK_ALL
from server.errors import InvalidRequest
from server.model import Task, TaskKind, TaskLanguage, UnindexedTask
from server.pace import Pace
from server.store.database import Database
from server.store.full_text import task_index
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

# How many words of a text a task is found by, or characters where no spaces are between words.
MAX_WORDS = 2000
# How many tasks from before are looked at together.
AT_ONCE = 100
# By how many of its characters a language is told.
_SAMPLE = 4000

_languages = TaskLanguage.table().c
_LANGUAGES = Statement[Any](
    select(_languages.language).where(_languages.organization_id == bindparam("organization")).limit(20)
)
_unindexed = UnindexedTask.table().c
_ANY_UNINDEXED = Statement[Any](select(_unindexed.task_id).where(_unindexed.task_id > "").limit(1))
_UNINDEXED = Statement[Any](
    select(_unindexed.task_id)
    .where(_unindexed.task_id > "")
    .order_by(_unindexed.task_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_INDEXED = Statement[Any](delete(UnindexedTask.table()).where(_unindexed.task_id == bindparam("task")))
_SPEAKS = Statement[Any](
    insert(TaskLanguage.table())
    .values(organization_id=bindparam("organization"), language=bindparam("language"))
    .on_conflict_do_nothing()
)


async def index_task(transaction: Transaction, task: Task, before: Task | None = None) -> None:
    """Makes a task findable by its texts as they are now; one that never had any costs nothing."""
    if before is not None and (before.title, before.description) == (task.title, task.description):
        return
    if before is not None and (before.title or before.description):
        await unindex_task(transaction, before)
    if not (task.title or task.description):
        return
    language = language_of(f"{task.title} {task.description[:_SAMPLE]}")
    if language != DEFAULT:
        await transaction.run(_SPEAKS, organization=task.organization_id, language=language)
    title: list[str] = []
    body: list[str] = []
    forms = dict[str, None]()
    pace = Pace()
    for text, into in ((task.title, title), (task.description, body)):
        # A word's stem may take tens of microseconds.
        for term in islice(terms(text, language), MAX_WORDS):
            into.append(term.text)
            if term.form != term.text:
                forms[term.form] = None
            await pace.turn()
    words = (" ".join(title), " ".join(body), " ".join(forms))
    row = task_index.row(transaction.dialect, task.id, task.organization_id, *words)
    await transaction.run(task_index.WRITE, **row)


async def unindex_task(transaction: Transaction, task: Task) -> None:
    """Makes a task findable by its texts no more."""
    if task.title or task.description:
        await transaction.run(task_index.CLEAR, **task_index.key(transaction.dialect, task.id))


class TextBackfill:
    """Makes tasks findable that were there before tasks were found by their texts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sweep(self) -> None:
        """Some of them, from whichever organization; nothing where there is none."""
        if await all_indexed(self._database):
            return

        async def body(transaction: Transaction) -> None:
            named = [row[0] for row in await transaction.all(_UNINDEXED, limit=AT_ONCE)]
            tasks = {task.id: task for task in await transaction.all(LOCK_ALL, ids=named)}
            for task_id in named:
                task = tasks.get(task_id)
                if task is not None and task.kind == TaskKind.EXECUTION:
                    # It may have been changed, and so be found already.
                    await unindex_task(transaction, task)
                    await index_task(transaction, task)
                await transaction.run(_INDEXED, task=task_id)

        await self._database.write(body)


async def all_indexed(reader: Reader) -> bool:
    """Whether no task from before is left to be made findable; that stays so."""
    return await reader.one(_ANY_UNINDEXED) is None


async def find_by(reader: Reader, dialect: str, organization: str, question: str) -> str:
    """What the index is asked for tasks of an organization with every word of a question. Raises InvalidRequest."""
    known = [row[0] for row in await reader.all(_LANGUAGES, organization=organization)]
    try:
        query = await parse_query(question, sorted({DEFAULT, *known}))
    except InvalidRequest as error:
        raise InvalidRequest("search", str(error.details["issue"])) from None
    return query.fts(dialect, task_index.of_organization(organization), every=True)
