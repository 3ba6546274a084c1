"""CoordinAItor: users, their pictures, and invitations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from orchestrator.wire.coordinaitor.v1 import user_pb2 as users
from orchestrator.wire.coordinaitor.v1 import user_service_pb2 as pb

from server.apikit.projection import timestamp
from server.apikit.refusals import PayloadTooLarge
from server.apikit.uploads import form_parts
from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.people.shape import NOT_STORED, base_of, invitation_message, user_message
from server.apis.coordinaitor.shape import shown_id
from server.core.people.avatars import CONTENT_TYPE, MAX_BYTES, Avatars
from server.core.people.invitations import Invitations
from server.core.people.password_reset import PasswordResets
from server.core.people.users import Users
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import Role, User

M = TypeVar("M", bound=Message)
# The address of a picture is another one for each, so nobody need ever ask again.
CACHED = (
    ("cache-control", "public, max-age=31536000, immutable"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "sandbox; default-src 'none'"),
    ("cross-origin-resource-policy", "cross-origin"),
)


class UserServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self, cases: Users, avatars: Avatars, invitations: Invitations, resets: PasswordResets, scheme: str
    ) -> None:
        self._users = cases
        self._avatars = avatars
        self._invitations = invitations
        self._resets = resets
        self._scheme = scheme

    async def ListUsers(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        _, limit, offset = page_of(request)
        found = await self._users.slice(call, limit=limit, offset=offset, role=request.role, search=request.search)
        base = base_of(call, self._scheme)
        data = [user_message(each, base=base) for each in found.rows]
        return listed(pb.ListUsersResponse, call, request, data, found.total, "users")

    async def GetMe(self, request: pb.GetMeRequest, call: Call) -> pb.GetMeResponse:
        return await self._with_stats(pb.GetMeResponse, call, await self._users.me(call))

    async def UpdateMe(self, request: pb.UpdateMeRequest, call: Call) -> pb.UpdateMeResponse:
        name = request.name if request.HasField("name") else None
        user = await self._users.update_me(call, name=name, preferences=_preferences(request))
        return await self._with_stats(pb.UpdateMeResponse, call, user)

    async def UploadAvatar(
        self, requests: AsyncIterator[pb.UploadAvatarRequest], call: Call
    ) -> pb.UploadAvatarResponse:
        user = await self._avatars.replace(call, await _file(requests))
        return await self._with_stats(pb.UploadAvatarResponse, call, user)

    async def GetAvatar(self, request: pb.GetAvatarRequest, call: Call) -> HttpBody:
        picture = await self._avatars.get(request.token)
        call.response_headers = (*call.response_headers, *CACHED)
        return HttpBody(content_type=CONTENT_TYPE, data=picture)

    async def GetUser(self, request: pb.GetUserRequest, call: Call) -> pb.GetUserResponse:
        return self._one(pb.GetUserResponse, call, await self._users.get(call, request.user_id))

    async def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> pb.UpdateUserResponse:
        given = {name: getattr(request, name) for name in ("name", "role", "disabled") if request.HasField(name)}
        user = await self._users.update(call, request.user_id, **given)
        return self._one(pb.UpdateUserResponse, call, user)

    async def CreatePasswordReset(
        self, request: pb.CreatePasswordResetRequest, call: Call
    ) -> pb.CreatePasswordResetResponse:
        reset, token = await self._resets.offer(call, request.user_id)
        call.response_headers = (*call.response_headers, *NOT_STORED)
        shown = pb.PasswordReset(
            user_id=shown_id("user", reset.user_id or ""), token=token, expires_at=timestamp(reset.expires_at)
        )
        return answer(pb.CreatePasswordResetResponse, call, shown)

    async def CreateInvitation(self, request: pb.CreateInvitationRequest, call: Call) -> pb.CreateInvitationResponse:
        role = request.role or Role.DEVELOPER.value
        invitation, token = await self._invitations.create(call, email=request.email, role=role)
        return answer(pb.CreateInvitationResponse, call, invitation_message(invitation, token), "invitation")

    async def ListInvitations(self, request: pb.ListInvitationsRequest, call: Call) -> pb.ListInvitationsResponse:
        _, limit, offset = page_of(request)
        found = await self._invitations.slice(call, limit=limit, offset=offset)
        data = [invitation_message(each) for each in found.rows]
        return listed(pb.ListInvitationsResponse, call, request, data, found.total, "invitations")

    async def RevokeInvitation(self, request: pb.RevokeInvitationRequest, call: Call) -> pb.RevokeInvitationResponse:
        await self._invitations.revoke(call, request.invitation_id)
        return pb.RevokeInvitationResponse()

    def _one(self, message: type[M], call: Call, user: User, **more: Any) -> M:
        call.etag = user.version
        return answer(message, call, user_message(user, base=base_of(call, self._scheme), **more), "user")

    async def _with_stats(self, message: type[M], call: Call, user: User) -> M:
        stats = await self._users.stats(call)
        counted = users.UserStats(
            tasks_created=stats.tasks_created,
            tasks_completed=stats.tasks_completed,
            projects_active=stats.projects_active,
        )
        return self._one(message, call, user, stats=counted)


def _preferences(request: pb.UpdateMeRequest) -> dict[str, Any]:
    given = request.preferences
    named = {name: getattr(given, name) for name in ("theme", "language", "timezone") if given.HasField(name)}
    heard = {
        name: getattr(given.notifications, name)
        for name in ("email", "push", "desktop")
        if given.notifications.HasField(name)
    }
    return {**named, "notifications": heard} if heard else named


async def _file(requests: AsyncIterator[pb.UploadAvatarRequest]) -> bytes:
    """The picture that a form brings. Raises InvalidRequest, PayloadTooLarge."""

    async def forms() -> AsyncIterator[HttpBody]:
        async for request in requests:
            yield request.form

    found: bytearray | None = None
    async for part in form_parts(forms()):
        if part.name not in ("file", "avatar"):
            continue
        if found is not None:
            raise InvalidRequest("file", "must be one file")
        found = bytearray()
        async for piece in part.pieces:
            found += piece
            if len(found) > MAX_BYTES:
                raise PayloadTooLarge(MAX_BYTES)
    if not found:
        raise InvalidRequest("file", "is missing: the form must have a file of that name")
    return bytes(found)
