"""orchestrator.v1.NotificationService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

from orchestrator.wire.v1 import notification_service_pb2 as pb

from server.apis.native.people.messages import notification_message
from server.apis.native.requests import once
from server.core.events.stream import EventFilter, EventStreams
from server.core.notifications.inbox import Inbox
from server.core.shared.call_context import Call
from server.model import Notification, resource_of

PAGE_SIZE, MOST = 20, 100
TOLD = "notification.created"


class NotificationServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, inbox: Inbox, events: EventStreams) -> None:
        self._inbox = inbox
        self._events = events

    async def ListNotifications(self, request: pb.ListNotificationsRequest, call: Call) -> pb.ListNotificationsResponse:
        size = min(request.page_size or PAGE_SIZE, MOST)
        told = await self._inbox.page(call, size=size, token=request.page_token, unread=request.unread)
        return pb.ListNotificationsResponse(
            notifications=map(notification_message, told.rows),
            next_page_token=told.next_token,
            unread_count=told.unread,
        )

    async def MarkNotificationRead(
        self, request: pb.MarkNotificationReadRequest, call: Call
    ) -> pb.MarkNotificationReadResponse:
        once(request, call)
        read = await self._inbox.read(call, request.id)
        return pb.MarkNotificationReadResponse(notification=notification_message(read))

    async def MarkAllNotificationsRead(
        self, request: pb.MarkAllNotificationsReadRequest, call: Call
    ) -> pb.MarkAllNotificationsReadResponse:
        once(request, call)
        return pb.MarkAllNotificationsReadResponse(read_count=await self._inbox.read_all(call))

    async def WatchNotifications(
        self, request: pb.WatchNotificationsRequest, call: Call
    ) -> AsyncIterator[pb.WatchNotificationsResponse]:
        after = await self._events.begin(call, request.after if request.HasField("after") else None)
        return self._messages(call, after)

    async def _messages(self, call: Call, after: int) -> AsyncIterator[pb.WatchNotificationsResponse]:
        yield pb.WatchNotificationsResponse(cursor=after)
        async for events in self._events.follow(call, after, EventFilter([TOLD])):
            for event in events:
                row = cast("Notification", resource_of(event))
                yield pb.WatchNotificationsResponse(notification=notification_message(row), cursor=event.number)
            if not events:
                yield pb.WatchNotificationsResponse()
