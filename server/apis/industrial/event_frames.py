"""Industrial: events as frames, each made once for all the sockets of this process that send it.

A frame shows a resource as it was. What its event does not know, such as how much an agent does, is read when the frame
is made; one reading is good for every event that was there before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

import structlog
from cachetools import FIFOCache
from google.api.httpbody_pb2 import HttpBody

from server.apikit.sockets.frames import alert_payload, event_frame, plain, time_text
from server.apis.industrial.ids import shown_id
from server.apis.industrial.rooms import AGENTS, SESSIONS, Rooms, word_for_agent
from server.apis.industrial.shape import (
    agent_message,
    agent_status,
    checkpoint_message,
    current_load,
    session_message,
    task_message,
)
from server.apis.industrial.views import Views
from server.core.agents.performance import AgentPerformance, AgentSnapshot
from server.core.shared.call_context import Call
from server.errors import NotFound, Unavailable
from server.model import Agent, Alert, Checkpoint, Event, Session, SessionCount, Task, TaskLog, Worker, resource_of

Payload = dict[str, Any]
T = TypeVar("T")
MADE = 1024
READ = 1024
METRICS = "metrics"
# Events after which a session counts its tasks anew.
COUNTED = frozenset(
    {"task.created", "task.completed", "task.failed", "task.cancelled", "task.retrying", "task.reopened"}
)
OFFLINE = "OFFLINE"
log = structlog.get_logger()


class EventFrames:
    """Renders events."""

    def __init__(self, views: Views, performance: AgentPerformance) -> None:
        self._views = views
        self._performance = performance
        self._made: FIFOCache[tuple[str, int, str], asyncio.Task[HttpBody | None]] = FIFOCache(MADE)
        # By organization and id: the newest event that was there before, and what was read then.
        self._read: FIFOCache[tuple[str, str], tuple[int, asyncio.Task[Any]]] = FIFOCache(READ)

    async def render(self, call: Call, events: Sequence[Event], rooms: Rooms) -> list[HttpBody]:
        """The frames of events, in order, as far as they are in `rooms`."""
        newest = events[-1].number if events else 0
        # Metrics are those of now, so one frame after the last event that counts says it all.
        last = {event.session_id: event.number for event in events if event.type in COUNTED}
        shown = [(event, list(rooms.sides(event))) for event in events]
        self._read_relations([event for event, sides in shown if sides], newest)
        frames = []
        for event, sides in shown:
            if SESSIONS in sides and event.type in COUNTED and last[event.session_id] == event.number:
                sides.append(METRICS)
            for side in sides:
                frame = await self._frame(call, event, side, newest)
                if frame is not None:
                    frames.append(frame)
        return frames

    def _read_relations(self, events: Sequence[Event], newest: int) -> None:
        """Begins to read what belongs to the tasks of these events, all of it at once."""
        tasks: dict[tuple[str, str], Task] = {}
        for event in events:
            key = (event.organization_id, event.resource_id)
            if event.type.startswith("task.") and self._read.get(key, (0,))[0] < event.number:
                # What cannot be shown is told of where it is shown.
                with suppress(Exception):
                    tasks[key] = cast("Task", resource_of(event))
        if tasks:
            reading = asyncio.create_task(self._views.related(list(tasks.values())))
            self._read.update(dict.fromkeys(tasks, (newest, reading)))
            reading.add_done_callback(lambda _: self._forget(reading, list(tasks)))

    def _forget(self, reading: asyncio.Task[Any], keys: Sequence[tuple[str, str]]) -> None:
        """Whoever comes again after what has failed reads again."""
        if reading.cancelled() or reading.exception() is not None:
            for key in keys:
                if self._read.get(key, (0, None))[1] is reading:
                    del self._read[key]

    async def _frame(self, call: Call, event: Event, side: str, newest: int) -> HttpBody | None:
        key = (event.organization_id, event.number, side)
        making = self._made.get(key)
        if making is None:
            making = self._made[key] = asyncio.create_task(self._make(call, event, side, newest))
        try:
            # Whoever made it first may go away meanwhile.
            return making.result() if making.done() else await asyncio.shield(making)
        except Unavailable:
            # The store is not there: the stream ends, and whoever comes again is shown the event.
            self._made.pop(key, None)
            raise

    async def _make(self, call: Call, event: Event, side: str, newest: int) -> HttpBody | None:
        try:
            found = await self._shown(call, event, side, newest)
        except Unavailable:
            raise
        except Exception:
            # One event that cannot be shown must not end the stream for all that follow it.
            log.exception("bug", event_type=event.type, number=event.number, side=side)
            return None
        return event_frame(event, *found) if found is not None else None

    async def _shown(self, call: Call, event: Event, side: str, newest: int) -> tuple[str, Payload] | None:
        """The type and the payload of an event's frame; None where there is none."""
        if side == METRICS:
            return await self._metrics(call, event, newest)
        resource = resource_of(event)
        if isinstance(resource, Session):
            return await self._session_of(call, event, resource, newest)
        if isinstance(resource, Checkpoint):
            checkpoint = plain(checkpoint_message(resource))
            return "session.checkpoint_created", {"session_id": checkpoint["session_id"], "checkpoint": checkpoint}
        if isinstance(resource, TaskLog):
            return "session.log", _log(event, resource)
        if isinstance(resource, Task):
            related = await self._known(call, event, resource.id, newest, lambda *_: self._views.related([resource]))
            task = plain(task_message(resource, *([related[resource.id]] if related else [])))
            return _task_of_agent(event, task) if side == AGENTS else _task_of_session(event, task, resource)
        if isinstance(resource, Agent):
            return await self._agent(call, event, resource, newest)
        if isinstance(resource, Worker):
            return await self._heartbeat(call, event, resource, newest)
        return (event.type, _alert(resource)) if isinstance(resource, Alert) else None

    async def _metrics(self, call: Call, event: Event, newest: int) -> tuple[str, Payload] | None:
        identifier = event.session_id or ""
        found = await self._known(call, event, identifier, newest, self._views.found_session)
        if found is None:
            return None
        metrics = plain(session_message(*found))["metrics"]
        return "session.metrics_updated", {"session_id": shown_id(identifier), "metrics": metrics}

    async def _session_of(self, call: Call, event: Event, session: Session, newest: int) -> tuple[str, Payload]:
        found = await self._known(call, event, session.id, newest, self._views.found_session)
        _, count, checkpoints = found if found is not None else (None, SessionCount.new(session_id=session.id), [])
        shown = plain(session_message(session, count, checkpoints, now=event.created_at))
        own = event.type in ("session.created", "session.updated", "session.deleted")
        payload = {"session_id": shown["id"], "status": shown["status"], "session": shown}
        return event.type if own else "session.status_changed", payload

    async def _agent(self, call: Call, event: Event, agent: Agent, newest: int) -> tuple[str, Payload]:
        standing = None
        if event.type != "agent.deleted":
            standing = await self._known(call, event, agent.id, newest, self._performance.get)
        figures = replace(standing, agent=agent) if standing is not None else AgentSnapshot(agent)
        shown = plain(agent_message(figures, event.created_at))
        if standing is None:
            shown["status"] = OFFLINE
        words = {"agent.created": "agent.registered", "agent.deleted": "agent.deregistered"}
        payload = {"agent_id": shown["id"], "status": shown["status"], "agent": shown}
        return words.get(event.type, "agent.status_changed"), payload

    async def _heartbeat(self, call: Call, event: Event, worker: Worker, newest: int) -> tuple[str, Payload]:
        standing = await self._known(call, event, worker.agent_id, newest, self._performance.get)
        status, load = OFFLINE, worker.current_load or 0.0
        if standing is not None:
            then = replace(standing, load=worker.current_load, last_seen_at=worker.last_seen_at)
            status, load = agent_status(then, event.created_at), current_load(then)
        return "agent.heartbeat", {
            "agent_id": shown_id(worker.agent_id),
            "status": status,
            "current_load": int(load) if load.is_integer() else load,
            "last_heartbeat": time_text(worker.last_seen_at),
        }

    async def _known(
        self, call: Call, event: Event, identifier: str, newest: int, read: Callable[[Call, str], Awaitable[T]]
    ) -> T | None:
        """What `read` gives for an id, as it was after `event` or later; None where it is gone."""
        key = (event.organization_id, identifier)
        before, reading = self._read.get(key, (0, None))
        if reading is None or before < event.number:
            reading = asyncio.create_task(_found(read, call, identifier))
            self._read[key] = (newest, reading)
        try:
            found: T | None = await asyncio.shield(reading)
        except Exception:
            self._read.pop(key, None)
            raise
        return found


async def _found(read: Callable[[Call, str], Awaitable[T]], call: Call, identifier: str) -> T | None:
    try:
        return await read(call, identifier)
    except NotFound:
        return None


def _task_of_session(event: Event, shown: Payload, task: Task) -> tuple[str, Payload]:
    payload: Payload = {"session_id": shown["session_id"], "task_id": shown["id"]}
    if event.type == "task.created":
        return "session.task_added", {**payload, "task": shown}
    if event.type == "task.progress":
        return "task.progress", {**payload, "progress": shown["progress"], "message": task.progress_message}
    return "task.status_changed", {**payload, "status": shown["status"], "task": shown}


def _task_of_agent(event: Event, shown: Payload) -> tuple[str, Payload]:
    return word_for_agent(event) or event.type, {
        "agent_id": shown["assigned_agent_id"],
        "task_id": shown["id"],
        "session_id": shown["session_id"],
        "status": shown["status"],
        "task": shown,
    }


def _log(event: Event, line: TaskLog) -> Payload:
    return {
        "session_id": shown_id(event.session_id or ""),
        "task_id": shown_id(line.task_id),
        "level": line.level,
        "message": line.message,
        "timestamp": time_text(line.created_at),
    }


def _alert(alert: Alert) -> Payload:
    shown = {"resolved_at": None, "agent_id": None, **alert_payload(alert, shown_id(alert.id))}
    return {**shown, "agent_id": shown_id(alert.subject)} if alert.kind == "agent_lost" else shown
