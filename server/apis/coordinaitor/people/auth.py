"""CoordinAItor: how people get in, and out."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.wire.coordinaitor.v1 import auth_service_pb2 as pb

from server.apis.coordinaitor.envelope import answer, listed, meta, page_of
from server.apis.coordinaitor.people.shape import (
    NOT_STORED,
    base_of,
    granted_message,
    key_message,
    login_message,
    user_message,
)
from server.core.shared.call_context import Call
from server.core.use_cases import UseCases
from server.errors import ServiceError

# What an hour and a minute have, by an organization's tier.
Tiers = Mapping[str, tuple[int, int]]
# Whether or not there is such a user.
MAILED = "if this is the address of a user, mail to it is on its way"


class AuthServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, cases: UseCases, tiers: Tiers, scheme: str) -> None:
        self._logins = cases.logins
        self._users = cases.users
        self._registration = cases.registration
        self._password_change = cases.password_change
        self._password_resets = cases.password_resets
        self._keys = cases.personal_keys
        self._tiers = tiers
        self._scheme = scheme

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
        call.etag, base = user.version, base_of(call, self._scheme)
        return answer(pb.GetCallerResponse, call, user_message(user, permissions=call.caller.scopes, base=base), "user")

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
        granted = await self._password_change.change(call, request.current_password, request.new_password)
        return granted_message(pb.ChangePasswordResponse, call, granted)

    async def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, call: Call
    ) -> pb.RequestPasswordResetResponse:
        await self._password_resets.request(call, request.email)
        return answer(pb.RequestPasswordResetResponse, call, pb.RequestedPasswordReset(message=MAILED))

    async def ResetPassword(self, request: pb.ResetPasswordRequest, call: Call) -> pb.ResetPasswordResponse:
        granted = await self._password_resets.reset(call, request.token, request.new_password)
        return granted_message(pb.ResetPasswordResponse, call, granted)

    async def ListLogins(self, request: pb.ListLoginsRequest, call: Call) -> pb.ListLoginsResponse:
        found = await self._logins.list(call)
        return pb.ListLoginsResponse(success=True, data=[login_message(each, call) for each in found], meta=meta(call))

    async def EndLogin(self, request: pb.EndLoginRequest, call: Call) -> pb.EndLoginResponse:
        await self._logins.end(call, request.login_id)
        return pb.EndLoginResponse()

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, call: Call) -> pb.CreateApiKeyResponse:
        expires = request.expires_at
        key, secret = await self._keys.create(
            call,
            name=request.name,
            permissions=request.permissions,
            expires_at=expires.ToMicroseconds() if request.HasField("expires_at") else None,
            hourly_limit=request.requests_per_hour if request.HasField("requests_per_hour") else None,
            minute_limit=request.requests_per_minute if request.HasField("requests_per_minute") else None,
            projects=request.project_ids,
            allowed=self._tiers[call.caller.tier],
        )
        call.response_headers = (*call.response_headers, *NOT_STORED)
        return answer(pb.CreateApiKeyResponse, call, key_message(key, secret), "api_key")

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
        _, limit, offset = page_of(request)
        found = await self._keys.slice(call, limit=limit, offset=offset, everybodys=request.all)
        data = [key_message(each) for each in found.rows]
        return listed(pb.ListApiKeysResponse, call, request, data, found.total, "api_keys")

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, call: Call) -> pb.RevokeApiKeyResponse:
        await self._keys.revoke(call, request.key_id)
        return pb.RevokeApiKeyResponse()
