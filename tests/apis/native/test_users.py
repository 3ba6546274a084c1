"""People over native gRPC. On both databases."""

from __future__ import annotations

import grpc
import pytest
from orchestrator.v1 import user_service_pb2 as pb
from orchestrator.v1.user_pb2 import Invitation, User
from orchestrator.v1.user_service_pb2_grpc import UserServiceStub

from server.app import Application
from server.core.identity import api_keys
from server.core.people.registration import ADMIN_EMAIL, ADMIN_PASSWORD, ensure_admin
from server.core.identity.passwords import Passwords


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
