"""orchestrator.v1.EventService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from orchestrator.wire.v1 import event_service_pb2 as pb
from orchestrator.wire.v1.event_pb2 import Event as EventMessage

from server.apis.native.resources import event_message
from server.core.events.stream import EventFilter, EventStreams
from server.core.shared.call_context import Call

PAGE_SIZE = 100
# So large is a page at most, or one event: clients refuse messages over 4 MiB unless told otherwise.
MESSAGE_BYTES = 256 << 10
# What it takes to say that another event comes.
OVERHEAD_BYTES = 8
# How many events are shown in one turn of the loop.
TOGETHER = 50


class EventServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, events: EventStreams) -> None:
        self._events = events

    async def Watch(self, request: pb.WatchRequest, call: Call) -> AsyncIterator[EventMessage]:
        wanted = EventFilter(request.types, request.resource_id)
        after = await self._events.begin(call, request.after if request.HasField("after") else None)
        return self._messages(call, after, wanted)

    async def _messages(self, call: Call, after: int, wanted: EventFilter) -> AsyncIterator[EventMessage]:
        async for events in self._events.follow(call, after, wanted):
            for event in events:
                yield event_message(event)
            if not events:
                heartbeat = EventMessage(type="heartbeat")
                heartbeat.created_at.GetCurrentTime()
                yield heartbeat

    async def ListEvents(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        wanted = EventFilter(request.types, request.resource_id)
        events, cursor, newest = await self._events.page(
            call, request.after, wanted, limit=request.limit or PAGE_SIZE, room=MESSAGE_BYTES
        )
        response = pb.ListEventsResponse(next_after=cursor, newest=newest)
        size = 0
        for count, event in enumerate(events):
            message = event_message(event)
            size += message.ByteSize() + OVERHEAD_BYTES
            if size > MESSAGE_BYTES and count:
                # The next page begins with it.
                response.next_after = event.number - 1
                break
            response.events.append(message)
            if count % TOGETHER == TOGETHER - 1:
                await asyncio.sleep(0)
        return response
