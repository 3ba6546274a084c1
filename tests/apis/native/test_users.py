"""People over native gRPC. On both databases."""

from __future__ import annotations

import grpc
import pytest
from orchestrator.v1 import account_service_pb2 as account_pb
from orchestrator.v1 import user_service_pb2 as pb
from orchestrator.v1.account_service_pb2_grpc import AccountServiceStub
from orchestrator.v1.user_pb2 import Invitation, User
from orchestrator.v1.user_service_pb2_grpc import UserServiceStub

from server.app import Application
from server.core.identity import api_keys
from server.core.people.registration import ADMIN_EMAIL, ADMIN_PASSWORD, ensure_admin
from server.core.identity.passwords import Passwords

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc"
    b"\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def code_of(call) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_people_log_in_invite_and_end_their_logins(application: Application) -> None:
    passwords = Passwords()
    await ensure_admin(application.database, passwords, "Development")
    passwords.close()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        users = UserServiceStub(channel)
        wrong = pb.BeginLoginRequest(email=ADMIN_EMAIL, password="wrong")
        assert await code_of(users.BeginLogin(wrong)) == grpc.StatusCode.UNAUTHENTICATED
        login = await users.BeginLogin(pb.BeginLoginRequest(email=ADMIN_EMAIL, password=ADMIN_PASSWORD))
        assert login.expires_in.seconds == 3600 and login.user.role == "admin"
        on = await users.RefreshLogin(pb.RefreshLoginRequest(refresh_token=login.refresh_token))
        me = metadata(on.access_token)
        caller = await users.GetCaller(pb.GetCallerRequest(), metadata=me)
        assert caller.user.email == ADMIN_EMAIL and list(caller.scopes) == ["*"]
        wanted = pb.CreateInvitationRequest(invitation=Invitation(email="new@example.com"), request_id="once")
        made = [await users.CreateInvitation(wanted, metadata=me) for _ in range(2)]
        assert made[0] == made[1] and made[0].token and made[0].invitation.role == "developer"
        listed = await users.ListInvitations(pb.ListInvitationsRequest(), metadata=me)
        assert [each.id for each in listed.invitations] == [made[0].invitation.id]
        revoke = pb.RevokeInvitationRequest(id=made[0].invitation.id)
        await users.RevokeInvitation(revoke, metadata=me)
        assert not (await users.ListInvitations(pb.ListInvitationsRequest(), metadata=me)).invitations
        found = await users.ListUsers(pb.ListUsersRequest(role="admin", page_size=1), metadata=me)
        assert len(found.users) == 1 and found.next_page_token
        change = pb.UpdateUserRequest(user=User(id=caller.user.id, etag=caller.user.etag, name="Chief"))
        changed = await users.UpdateUser(change, metadata=me)
        assert changed.user.name == "Chief" and changed.user.role == "admin"
        assert await code_of(users.UpdateUser(change, metadata=me)) == grpc.StatusCode.ABORTED
        last = pb.UpdateUserRequest(user=User(id=caller.user.id, disabled=True))
        assert await code_of(users.UpdateUser(last, metadata=me)) == grpc.StatusCode.FAILED_PRECONDITION
        logins = (await users.ListLogins(pb.ListLoginsRequest(), metadata=me)).logins
        assert [each.current for each in logins] == [True] and logins[0].address == "127.0.0.1"
        await users.EndLogin(pb.EndLoginRequest(id=logins[0].id), metadata=me)
        ended = users.GetCaller(pb.GetCallerRequest(), metadata=me)
        assert await code_of(ended) == grpc.StatusCode.UNAUTHENTICATED


async def test_a_key_of_another_organization_finds_nobody(application: Application) -> None:
    passwords = Passwords()
    await ensure_admin(application.database, passwords, "Development")
    passwords.close()
    _, ours = await api_keys.create_key(application.database, organization="Development", name="n")
    _, theirs = await api_keys.create_key(application.database, organization="Others", name="n")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        users = UserServiceStub(channel)
        found = (await users.ListUsers(pb.ListUsersRequest(), metadata=metadata(ours))).users
        for user in found:
            request = pb.GetUserRequest(id=user.id)
            await users.GetUser(request, metadata=metadata(ours))
            assert await code_of(users.GetUser(request, metadata=metadata(theirs))) == grpc.StatusCode.NOT_FOUND


async def test_a_person_does_natively_what_is_about_himself(application: Application) -> None:
    address = f"127.0.0.1:{application.port}"
    async with grpc.aio.insecure_channel(address) as channel:
        account, users = AccountServiceStub(channel), UserServiceStub(channel)
        asked = account_pb.RegisterRequest(email="Ada@Example.com", password="kX9-lamp-river", name="Ada")
        began = await account.Register(asked)
        me = metadata(began.access_token)
        assert began.user.email == "ada@example.com" and began.user.role == "admin"
        assert await code_of(account.Register(asked)) == grpc.StatusCode.FAILED_PRECONDITION
        profile = account_pb.UpdateProfileRequest(user=User(name="Ada L", etag=began.user.etag))
        profile.user.preferences.update({"theme": "dark", "notifications": {"email": False}})
        changed = (await account.UpdateProfile(profile, metadata=me)).user
        assert changed.name == "Ada L" and changed.preferences["theme"] == "dark"
        assert await code_of(account.UpdateProfile(profile, metadata=me)) == grpc.StatusCode.ABORTED
        profile.user.etag, profile.user.preferences["theme"] = "", 3
        assert await code_of(account.UpdateProfile(profile, metadata=me)) == grpc.StatusCode.INVALID_ARGUMENT
        pieces = [account_pb.UploadAvatarRequest(data=PNG[:50]), account_pb.UploadAvatarRequest(data=PNG[50:])]
        drawn = await account.UploadAvatar(iter(pieces), metadata=me)
        assert drawn.user.avatar_path.startswith("/api/v1/avatars/")
        no_picture = account.UploadAvatar(iter([account_pb.UploadAvatarRequest(data=b"no picture")]), metadata=me)
        assert await code_of(no_picture) == grpc.StatusCode.INVALID_ARGUMENT
        made = await account.CreateApiKey(account_pb.CreateApiKeyRequest(name="ci", scopes=["keys:read"]), metadata=me)
        own = metadata(made.key)
        listed = await account.ListApiKeys(account_pb.ListApiKeysRequest(), metadata=own)
        assert [each.id for each in listed.api_keys] == [made.api_key.id] and made.key not in str(listed)
        another = account_pb.CreateApiKeyRequest(name="more", scopes=["*"])
        assert await code_of(account.CreateApiKey(another, metadata=own)) == grpc.StatusCode.PERMISSION_DENIED
        for field, value in (("scopes", ["no:such"]), ("expire_time", {"seconds": 1})):
            refused = account_pb.CreateApiKeyRequest(**{"name": "odd", "scopes": ["keys:read"], field: value})
            with pytest.raises(grpc.aio.AioRpcError, match=f"{field}: "):
                await account.CreateApiKey(refused, metadata=me)
        await account.RevokeApiKey(account_pb.RevokeApiKeyRequest(id=made.api_key.id), metadata=me)
        assert not (await account.ListApiKeys(account_pb.ListApiKeysRequest(), metadata=me)).api_keys
        # Another password, by whoever knows the present one, and by who has a token.
        wrong = account_pb.ChangePasswordRequest(current_password="wrong", new_password="another-lamp-7")
        assert await code_of(account.ChangePassword(wrong, metadata=me)) == grpc.StatusCode.UNAUTHENTICATED
        right = account_pb.ChangePasswordRequest(current_password="kX9-lamp-river", new_password="another-lamp-7")
        second = metadata((await account.ChangePassword(right, metadata=me)).access_token)
        offered = await users.CreatePasswordReset(pb.CreatePasswordResetRequest(user_id=began.user.id), metadata=second)
        reset = account_pb.ResetPasswordRequest(token=offered.token, new_password="a-third-lamp-8")
        third = metadata((await account.ResetPassword(reset)).access_token)
        assert await code_of(account.ResetPassword(reset)) == grpc.StatusCode.INVALID_ARGUMENT
        assert await code_of(users.GetCaller(pb.GetCallerRequest(), metadata=second)) == grpc.StatusCode.UNAUTHENTICATED
        assert (await users.GetCaller(pb.GetCallerRequest(), metadata=third)).user.name == "Ada L"
        # This server sends no mail.
        forgotten = account.RequestPasswordReset(account_pb.RequestPasswordResetRequest(email="ada@example.com"))
        assert await code_of(forgotten) == grpc.StatusCode.UNAVAILABLE
