"""What is kept beside tasks: whom they wait for, by which words they are found, and what was done and said of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field

from server.model.record import Record, finish


class Dependency(Record):
    """A task that waits for another one to complete."""

    __tablename__ = "dependencies"

    task_id: str = Field(primary_key=True, foreign_key="tasks.id")
    depends_on: str = Field(primary_key=True, foreign_key="tasks.id", index=True)
    # Whether the waiting task knows how the other one ended.
    told: bool = False


class TaskTag(Record):
    """A tag of a task, for those who look for it."""

    __tablename__ = "task_tags"
    __table_args__ = (Index("task_tags_by_task", "task_id"),)

    organization_id: str = Field(primary_key=True)
    tag: str = Field(primary_key=True)
    task_id: str = Field(primary_key=True)


class TaskLanguage(Record):
    """A language that texts of an organization's tasks are in: what is looked for is looked for in each of them."""

    __tablename__ = "task_languages"

    organization_id: str = Field(primary_key=True)
    language: str = Field(primary_key=True)


class UnindexedTask(Record):
    """A task from before tasks were found by their texts, until it is."""

    __tablename__ = "unindexed_tasks"

    task_id: str = Field(primary_key=True)


class PastChange(Record):
    """What is kept of an event of a task with a title once the event itself is not kept any more."""

    __tablename__ = "past_changes"
    __table_args__ = (Index("past_changes_by_task", "task_id", "number"),)

    organization_id: str = Field(primary_key=True)
    # The number that the event had.
    number: int = Field(primary_key=True, sa_type=BigInteger)
    task_id: str
    type: str
    # What a history tells of the task, or of what the event was about, as JSON.
    payload: str = Field(sa_column=Column(Text, nullable=False))
    actor: str = ""
    via: str = ""
    created_at: int = Field(sa_type=BigInteger)


class Attempt(Record):
    """One attempt that has ended: always where it did not complete the task, and then the completing one too."""

    __tablename__ = "attempts"
    __table_args__ = (Index("attempts_by_agent", "agent_id", "ended_at"),)

    task_id: str = Field(primary_key=True, foreign_key="tasks.id")
    number: int = Field(primary_key=True)
    agent_id: str | None = None
    holder: str = ""
    # completed, failed, timed_out, lost, cancelled or released.
    outcome: str
    error: str | None = Field(default=None, sa_column=Column(Text))
    started_at: int = Field(sa_type=BigInteger)
    ended_at: int = Field(sa_type=BigInteger)


class ModelTurn(Record):
    """What was said, or done, in the conversation with the model that does a task. It outlives whoever leads it."""

    __tablename__ = "model_turns"

    task_id: str = Field(primary_key=True, foreign_key="tasks.id")
    # Counted from 1, whichever attempt it was in.
    number: int = Field(primary_key=True)
    attempt: int
    # assistant: what the model said, and which tools it calls. asked: whom a call has given a task. tool: what a call
    # gave. user: what the model was told.
    role: str
    # A JSON object, in ASCII.
    content: str = Field(sa_column=Column(Text, nullable=False))
    # What the model's answer took.
    input_tokens: int = 0
    output_tokens: int = 0
    created_at: int = Field(sa_type=BigInteger)


class TaskLog(Record):
    """A line that whoever does a task wrote about it."""

    __tablename__ = "task_logs"

    task_id: str = Field(primary_key=True, foreign_key="tasks.id")
    number: int = Field(primary_key=True)
    level: str
    message: str = Field(sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_type=BigInteger)


finish(TaskTag, TaskLanguage, UnindexedTask, PastChange, Dependency, Attempt, ModelTurn, TaskLog)
