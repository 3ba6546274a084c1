"""CoordinAItor: what the caller is told."""

from __future__ import annotations

from orchestrator.wire.coordinaitor.v1 import notification_service_pb2 as pb

from server.apikit.projection import project
from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.shape import nullable_time, shown_id
from server.apis.coordinaitor.wording import resource_id
from server.core.notifications.inbox import Inbox
from server.core.shared.call_context import Call
from server.model import Notification


class NotificationServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def ListNotifications(self, request: pb.ListNotificationsRequest, call: Call) -> pb.ListNotificationsResponse:
        _, limit, offset = page_of(request)
        told = await self._inbox.slice(call, limit=limit, offset=offset, unread=request.unread)
        shown = [_message(row) for row in told.rows]
        response = listed(pb.ListNotificationsResponse, call, request, shown, told.total, "notifications")
        response.unread_count = told.unread
        return response

    async def MarkNotificationRead(
        self, request: pb.MarkNotificationReadRequest, call: Call
    ) -> pb.MarkNotificationReadResponse:
        read = await self._inbox.read(call, request.notification_id)
        return answer(pb.MarkNotificationReadResponse, call, _message(read), "notification")

    async def MarkAllNotificationsRead(
        self, request: pb.MarkAllNotificationsReadRequest, call: Call
    ) -> pb.MarkAllNotificationsReadResponse:
        count = await self._inbox.read_all(call)
        return answer(pb.MarkAllNotificationsReadResponse, call, pb.ReadNotifications(read=count))


def _message(notification: Notification) -> pb.Notification:
    return project(
        notification,
        pb.Notification,
        id=shown_id("notification", notification.id),
        resource_id=resource_id(notification),
        read=notification.read_at is not None,
        read_at=nullable_time(notification.read_at),
    )
