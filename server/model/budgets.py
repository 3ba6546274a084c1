"""Tokens and costs of language models: what was used, what may be used, and what calls under way may still use."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from server.model.record import Record, finish


class UsageScope(StrEnum):
    """Of what something is counted; budgets are of all but models."""

    ORGANIZATION = "organization"
    KEY = "key"
    AGENT = "agent"
    MODEL = "model"


class Period(StrEnum):
    """A stretch of time for which something is counted, UTC."""

    DAY = "day"
    MONTH = "month"


class ModelUsage(Record):
    """What calls of language models took that ended in one day or one month."""

    __tablename__ = "model_usage"

    organization_id: str = Field(primary_key=True, foreign_key="organizations.id")
    # A `UsageScope`, and the id of the organization, the key or the agent, or the model as `provider/model`.
    scope: str = Field(primary_key=True)
    subject_id: str = Field(primary_key=True)
    # A `Period`, and when it began; microseconds since 1970.
    period: str = Field(primary_key=True)
    began_at: int = Field(primary_key=True, sa_type=BigInteger)
    calls: int = 0
    # Calls of whose tokens the provider has said nothing.
    estimated_calls: int = 0
    # Calls of models without a price: `cost` has nothing of them.
    unpriced_calls: int = 0
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    # Billionths of the currency's unit; null where no call had a price.
    cost: int | None = Field(default=None, sa_type=BigInteger)


class ModelBudget(Record):
    """How much an organization, a key or an agent may use in a day or a month. Whoever reserves of it locks the row."""

    __tablename__ = "model_budgets"
    __table_args__ = (
        Index("model_budgets_by_subject", "organization_id", "scope", "subject_id", "period", unique=True),
    )

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    # As those of `ModelUsage`.
    scope: str
    subject_id: str
    period: str
    # Tokens of prompts and answers together, and billionths of the currency's unit; null for any number.
    max_tokens: int | None = Field(default=None, sa_type=BigInteger)
    max_cost: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)


class ModelReservation(Record):
    """The most that a call may take which is under way, and of whose subjects one has a budget."""

    __tablename__ = "model_reservations"
    __table_args__ = (Index("model_reservations_by_organization", "organization_id"),)

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    key_id: str = ""
    agent_id: str = ""
    # It is over with this attempt at a task, where there is one, and at this time in any case.
    task_id: str = ""
    attempt: int = 0
    expires_at: int = Field(sa_type=BigInteger)
    tokens: int = Field(default=0, sa_type=BigInteger)
    # Billionths of the currency's unit; 0 where the model has no price.
    cost: int = Field(default=0, sa_type=BigInteger)


finish(ModelUsage, ModelBudget, ModelReservation)
