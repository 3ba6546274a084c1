"""orchestrator.v1.UserService."""

from __future__ import annotations

from typing import Any

from orchestrator.wire.v1 import user_service_pb2 as pb

from server.apikit.projection import timestamp
from server.apis.native.people.account import given
from server.apis.native.people.messages import user_message
from server.apis.native.people.resources import invitation_message, login_message
from server.apis.native.requests import changed_fields, once, require_etag
from server.core.identity.logins import Logins
from server.core.people.invitations import Invitations
from server.core.people.password_reset import PasswordResets
from server.core.people.users import Users
from server.core.shared.call_context import Call
from server.model import Role, User

PAGE_SIZE, LARGEST_PAGE = 20, 100
CHANGEABLE = ("name", "role", "disabled")


class UserServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, users: Users, logins: Logins, invitations: Invitations, resets: PasswordResets) -> None:
        self._users = users
        self._logins = logins
        self._invitations = invitations
        self._resets = resets

    async def BeginLogin(self, request: pb.BeginLoginRequest, call: Call) -> pb.BeginLoginResponse:
        return given(pb.BeginLoginResponse, await self._logins.log_in(call, request.email, request.password))

    async def RefreshLogin(self, request: pb.RefreshLoginRequest, call: Call) -> pb.RefreshLoginResponse:
        return given(pb.RefreshLoginResponse, await self._logins.refresh(request.refresh_token))

    async def ListLogins(self, request: pb.ListLoginsRequest, call: Call) -> pb.ListLoginsResponse:
        return pb.ListLoginsResponse(logins=[login_message(each, call) for each in await self._logins.list(call)])

    async def EndLogin(self, request: pb.EndLoginRequest, call: Call) -> pb.EndLoginResponse:
        await self._logins.end(call, request.id)
        return pb.EndLoginResponse()

    async def GetCaller(self, request: pb.GetCallerRequest, call: Call) -> pb.GetCallerResponse:
        user = await self._users.me(call)
        return pb.GetCallerResponse(user=_shown(user, call), scopes=sorted(call.caller.scopes))

    async def GetUser(self, request: pb.GetUserRequest, call: Call) -> pb.GetUserResponse:
        return pb.GetUserResponse(user=_shown(await self._users.get(call, request.id), call))

    async def ListUsers(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        page = await self._users.page(call, size=_size(request), token=request.page_token, role=request.role)
        return pb.ListUsersResponse(users=[user_message(each) for each in page.rows], next_page_token=page.next_token)

    async def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> pb.UpdateUserResponse:
        once(request, call)
        require_etag(call, request.user.etag, "user.etag")
        changes = {
            name: getattr(request.user, name)
            for name in changed_fields(request.user, request.update_mask.paths, CHANGEABLE)
        }
        return pb.UpdateUserResponse(user=_shown(await self._users.update(call, request.user.id, **changes), call))

    async def CreatePasswordReset(
        self, request: pb.CreatePasswordResetRequest, call: Call
    ) -> pb.CreatePasswordResetResponse:
        reset, token = await self._resets.offer(call, request.user_id)
        return pb.CreatePasswordResetResponse(token=token, expire_time=timestamp(reset.expires_at))

    async def CreateInvitation(self, request: pb.CreateInvitationRequest, call: Call) -> pb.CreateInvitationResponse:
        once(request, call)
        wanted = request.invitation
        role = wanted.role or Role.DEVELOPER.value
        invitation, token = await self._invitations.create(call, email=wanted.email, role=role)
        return pb.CreateInvitationResponse(invitation=invitation_message(invitation), token=token)

    async def ListInvitations(self, request: pb.ListInvitationsRequest, call: Call) -> pb.ListInvitationsResponse:
        page = await self._invitations.page(call, size=_size(request), token=request.page_token)
        return pb.ListInvitationsResponse(
            invitations=[invitation_message(each) for each in page.rows], next_page_token=page.next_token
        )

    async def RevokeInvitation(self, request: pb.RevokeInvitationRequest, call: Call) -> pb.RevokeInvitationResponse:
        await self._invitations.revoke(call, request.id)
        return pb.RevokeInvitationResponse()


def _shown(user: User, call: Call) -> Any:
    call.etag = user.version
    return user_message(user)


def _size(request: Any) -> int:
    return min(request.page_size or PAGE_SIZE, LARGEST_PAGE)
