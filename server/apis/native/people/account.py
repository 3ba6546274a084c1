"""orchestrator.v1.AccountService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from orchestrator.wire.v1 import account_service_pb2 as pb

from server import values
from server.apis.native.people.messages import user_message
from server.apis.native.people.resources import key_message
from server.apis.native.requests import changed_fields, once, require_etag
from server.core.identity.logins import Granted
from server.core.people.avatars import MAX_BYTES
from server.core.shared.call_context import Call
from server.core.use_cases import UseCases
from server.errors import InvalidRequest

M = TypeVar("M", bound=Message)
PAGE_SIZE, LARGEST_PAGE = 20, 100
# Keys with figures of their own are made at the CoordinAItor API, whose tiers bound them.
NO_FIGURES = (0, 0)


class AccountServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, cases: UseCases) -> None:
        self._registration = cases.registration
        self._password_change = cases.password_change
        self._password_resets = cases.password_resets
        self._users = cases.users
        self._avatars = cases.avatars
        self._keys = cases.personal_keys

    async def Register(self, request: pb.RegisterRequest, call: Call) -> pb.RegisterResponse:
        granted = await self._registration.register(
            call,
            email=request.email,
            password=request.password,
            name=request.name,
            organization=request.organization_name,
            invitation=request.invitation_token,
        )
        return given(pb.RegisterResponse, granted)

    async def ChangePassword(self, request: pb.ChangePasswordRequest, call: Call) -> pb.ChangePasswordResponse:
        granted = await self._password_change.change(call, request.current_password, request.new_password)
        return given(pb.ChangePasswordResponse, granted)

    async def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, call: Call
    ) -> pb.RequestPasswordResetResponse:
        await self._password_resets.request(call, request.email)
        return pb.RequestPasswordResetResponse()

    async def ResetPassword(self, request: pb.ResetPasswordRequest, call: Call) -> pb.ResetPasswordResponse:
        granted = await self._password_resets.reset(call, request.token, request.new_password)
        return given(pb.ResetPasswordResponse, granted)

    async def UpdateProfile(self, request: pb.UpdateProfileRequest, call: Call) -> pb.UpdateProfileResponse:
        once(request, call)
        require_etag(call, request.user.etag, "user.etag")
        named = changed_fields(request.user, request.update_mask.paths, ("name", "preferences"))
        preferences = values.decode(values.of_struct(request.user.preferences)) if "preferences" in named else None
        user = await self._users.update_me(
            call, name=request.user.name if "name" in named else None, preferences=preferences
        )
        call.etag = user.version
        return pb.UpdateProfileResponse(user=user_message(user))

    async def UploadAvatar(
        self, requests: AsyncIterator[pb.UploadAvatarRequest], call: Call
    ) -> pb.UploadAvatarResponse:
        picture = bytearray()
        async for request in requests:
            picture += request.data
            if len(picture) > MAX_BYTES:
                raise InvalidRequest("data", f"must have at most {MAX_BYTES} bytes in all")
        return pb.UploadAvatarResponse(user=user_message(await self._avatars.replace(call, bytes(picture))))

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, call: Call) -> pb.CreateApiKeyResponse:
        key, secret = await self._keys.create(
            call,
            name=request.name,
            permissions=request.scopes,
            expires_at=request.expire_time.ToMicroseconds() if request.HasField("expire_time") else None,
            projects=request.project_ids,
            allowed=NO_FIGURES,
        )
        return pb.CreateApiKeyResponse(api_key=key_message(key), key=secret)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
        size = min(request.page_size or PAGE_SIZE, LARGEST_PAGE)
        page = await self._keys.page(call, size=size, token=request.page_token)
        return pb.ListApiKeysResponse(
            api_keys=[key_message(each) for each in page.rows], next_page_token=page.next_token
        )

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, call: Call) -> pb.RevokeApiKeyResponse:
        await self._keys.revoke(call, request.id)
        return pb.RevokeApiKeyResponse()


def given(message: type[M], granted: Granted) -> M:
    """What a login gives."""
    return message(
        access_token=granted.access_token,
        refresh_token=granted.refresh_token,
        expires_in=Duration(seconds=granted.expires_in),
        user=user_message(granted.user),
    )
