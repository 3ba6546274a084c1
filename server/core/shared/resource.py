"""A resource: rows of one table as their owners reach them, found, locked and changed, and each request done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, bindparam, select

from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.errors import NotFound, VersionMismatch
from server.model import Record
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

R = TypeVar("R", bound=Record)


class Resource(Generic[R]):
    """Rows of `table` that callers know as `name`, as far as `conditions` let them exist; each call sees its own."""

    def __init__(self, table: type[R], name: str, *conditions: ColumnElement[bool]) -> None:
        columns = table.table().c
        ours = (columns.id == bindparam("id"), columns.organization_id == bindparam("organization"), *conditions)
        self._name = name
        self.read = Statement[R](select(table.table()).where(*ours), table)
        self.share_row = Statement[R](select(table.table()).where(*ours).with_for_update(read=True), table)
        self.lock_row = Statement[R](select(table.table()).where(*ours).with_for_update(key_share=True), table)

    async def find(self, reader: Reader, organization: str, digits: str | None) -> R | None:
        """The row with this id, written as digits; None where there is none."""
        found: R | None = await reader.one(self.read, id=digits, organization=organization)
        return found

    async def get(self, reader: Reader, call: Call, identifier: str) -> R:
        """The row with this id, in any spelling. Raises NotFound."""
        return self._there(await self.find(reader, call.organization_id, parse_id(self._name, identifier)), identifier)

    async def lock(self, transaction: Transaction, call: Call, identifier: str, *, shared: bool = False) -> R:
        """The same, and nobody else changes it until the transaction ends; others may hold a `shared` one, too.

        Raises NotFound.
        """
        digits = parse_id(self._name, identifier)
        statement = self.share_row if shared else self.lock_row
        found: R | None = await transaction.one(statement, id=digits, organization=call.organization_id)
        return self._there(found, identifier)

    def _there(self, row: R | None, identifier: str) -> R:
        if row is None:
            raise NotFound(self._name, identifier)
        return row

    async def create(self, database: Database, call: Call, make: Callable[[Transaction], Awaitable[R]]) -> R:
        """The row that `make` inserts, or that an earlier arrival of the same request has inserted."""

        async def body(transaction: Transaction) -> R:
            if not call.idempotency_key:
                return await make(transaction)
            if (made := await idempotency.done(transaction, call)) is not None:
                return await self.get(transaction, call, made)
            row = await make(transaction)
            await idempotency.mark(transaction, call, row.values()["id"])
            return row

        return await database.write(body)

    async def once(
        self, database: Database, call: Call, identifier: str, act: Callable[[Transaction, R], Awaitable[R]]
    ) -> R:
        """What `act` makes of the row, which is locked, or the row as it is where the same request has come before.

        Raises NotFound, and VersionMismatch where the call is based on another version.
        """

        async def body(transaction: Transaction) -> R:
            row = await self.lock(transaction, call, identifier)
            if call.idempotency_key and (await idempotency.done(transaction, call)) is not None:
                return row
            check_version(call, row)
            if call.idempotency_key:
                await idempotency.mark(transaction, call, row.values()["id"])
            return await act(transaction, row)

        return await database.write(body)


def check_version(call: Call, row: Record) -> None:
    """Raises VersionMismatch where the call is based on another version of the row."""
    version = row.values()["version"]
    if call.if_match is not None and not call.if_match.holds(version):
        raise VersionMismatch(call.if_match.versions or (), version)


async def change(transaction: Transaction, row: R, **values: Any) -> R:
    """The row with these values, as its next version."""
    return await transaction.update(row, **values, updated_at=transaction.now, version=row.values()["version"] + 1)
