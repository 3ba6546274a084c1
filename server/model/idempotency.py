"""What was answered to a request that carried an idempotency key."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field

from server.model.record import Record, finish


class IdempotencyKey(Record, table=True):
    """The mark of one request: the key, what was asked, which resource came of it, and the answer once it was given."""

    __tablename__ = "idempotency_keys"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    key: str = Field(primary_key=True)
    # SHA-256 of the method and the request.
    digest: str
    resource_id: str
    http_status: int | None = None
    # The version of the resource that was answered; 0 for none.
    etag: int = 0
    response: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    created_at: int = Field(sa_type=BigInteger, index=True)


finish(IdempotencyKey)
