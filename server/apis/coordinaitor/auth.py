"""CoordinAItor: how people get in, and out."""

from __future__ import annotations

from orchestrator.wire.coordinaitor.v1 import auth_service_pb2 as pb

from server.apis.coordinaitor.envelope import answer, meta
from server.apis.coordinaitor.user_shape import granted_message, login_message, user_message
from server.core.identity.logins import Logins
from server.core.people.registration import Registration
from server.core.people.users import Users
from server.core.shared.call_context import Call
from server.errors import ServiceError


class AuthServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, logins: Logins, users: Users, registration: Registration) -> None:
        self._logins = logins
        self._users = users
        self._registration = registration

    async def Login(self, request: pb.LoginRequest, call: Call) -> pb.LoginResponse:
        return granted_message(pb.LoginResponse, call, await self._logins.log_in(call, request.email, request.password))

    async def Refresh(self, request: pb.RefreshRequest, call: Call) -> pb.RefreshResponse:
        return granted_message(pb.RefreshResponse, call, await self._logins.refresh(request.refresh_token))

    async def Logout(self, request: pb.LogoutRequest, call: Call) -> pb.LogoutResponse:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            try:
                await call.authenticate(token.strip())
            except ServiceError:
                # It may have expired, and the refresh token says which login is meant.
                if not request.refresh_token:
                    raise
        await self._logins.log_out(call, request.refresh_token)
        return pb.LogoutResponse()

    async def GetCaller(self, request: pb.GetCallerRequest, call: Call) -> pb.GetCallerResponse:
        user = await self._users.me(call)
        call.etag = user.version
        return answer(pb.GetCallerResponse, call, user_message(user, permissions=call.caller.scopes), "user")

    async def Register(self, request: pb.RegisterRequest, call: Call) -> pb.RegisterResponse:
        granted = await self._registration.register(
            call,
            email=request.email,
            password=request.password,
            name=request.name,
            organization=request.organization_name,
            invitation=request.invitation_token,
        )
        return granted_message(pb.RegisterResponse, call, granted)

    async def ChangePassword(self, request: pb.ChangePasswordRequest, call: Call) -> pb.ChangePasswordResponse:
        granted = await self._logins.change_password(call, request.current_password, request.new_password)
        return granted_message(pb.ChangePasswordResponse, call, granted)

    async def ListLogins(self, request: pb.ListLoginsRequest, call: Call) -> pb.ListLoginsResponse:
        found = await self._logins.list(call)
        return pb.ListLoginsResponse(success=True, data=[login_message(each, call) for each in found], meta=meta(call))

    async def EndLogin(self, request: pb.EndLoginRequest, call: Call) -> pb.EndLoginResponse:
        await self._logins.end(call, request.login_id)
        return pb.EndLoginResponse()
