"""Invitations: administrators offer somebody to join, and he does by the token that is shown once."""

from __future__ import annotations

import base64
import hmac
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, select

from server.core.identity.access_tokens import digest_of
from server.core.identity.logins import normal_email
from server.core.identity.organizations import BY_EMAIL, LOCK_ORGANIZATION, USER
from server.core.identity.roles import covers, scopes_of
from server.core.people.users import check_may_give, check_role
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource
from server.errors import Conflict, InvalidRequest, TooMany
from server.model import Invitation, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How long one is good.
GOOD = 7 * 24 * 3600 * 1_000_000
# How many of an organization may wait to be accepted.
MOST = 1000
# How long those are kept that are good no more, and how many are removed at a time.
KEPT, REMOVED = 30 * 24 * 3600 * 1_000_000, 1000
_PURPOSE = b"orchestrator invitations, version 1"
_table = Invitation.table()
_invitations = _table.c
_OPEN = (_invitations.accepted_at.is_(None), _invitations.revoked_at.is_(None))
INVITATIONS = Resource(Invitation, "invitation")
_LIST = Listing(Invitation, [*_OPEN], [])
_COUNT = Statement[tuple[int]](
    select(func.count()).select_from(_table).where(_invitations.organization_id == bindparam("organization"), *_OPEN)
)
_old = select(_invitations.id).where(_invitations.expires_at < bindparam("before", type_=BigInteger)).limit(REMOVED)
_FORGET = Statement[Any](delete(_table).where(_invitations.id.in_(_old)))
_BY_DIGEST = Statement[Invitation](
    select(_table).where(_invitations.digest == bindparam("digest")).with_for_update(key_share=True), Invitation
)


class Invitations:
    """Makes, lists and takes back invitations."""

    def __init__(self, database: Database, counts: CountCache, secret: str) -> None:
        self._database = database
        self._counts = counts
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    async def create(self, call: Call, *, email: str, role: str) -> tuple[Invitation, str]:
        """An invitation and its token, which is shown once. Raises InvalidRequest, Conflict, TooMany."""
        address = check_email(email)
        check_role("role", role)
        check_may_give(call.caller, role)

        async def make(transaction: Transaction) -> Invitation:
            await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
            found = await transaction.one(BY_EMAIL, email=address)
            if found is not None and found.organization_id == call.organization_id:
                raise Conflict("there is a user with this e-mail address already", reason="EMAIL_TAKEN")
            row = await transaction.one(_COUNT, organization=call.organization_id)
            if row is not None and row[0] >= MOST:
                words = f"{MOST} invitations wait to be accepted, which is as many as may"
                raise TooMany(words, details={"limit": MOST})
            identifier = new_id()
            invitation = Invitation.new(
                id=identifier,
                organization_id=call.organization_id,
                email=address,
                role=role,
                digest=digest_of(self._token(identifier)),
                invited_by=call.caller.user_id,
                created_at=transaction.now,
                expires_at=transaction.now + GOOD,
            )
            await transaction.insert(invitation)
            transaction.emit("invitation.created", invitation)
            return invitation

        # The token must not lie about with answers: a repeated request shows it again, because it is made of the id.
        call.keep_answer = False
        invitation = await INVITATIONS.create(self._database, call, make)
        return invitation, self._token(invitation.id)

    async def slice(self, call: Call, *, limit: int, offset: int) -> Page[Invitation]:
        """Those that nobody has accepted or taken back, newest first, from an offset, with their number."""
        return await _LIST.slice(self._database, self._counts, call.organization_id, limit=limit, offset=offset)

    async def page(self, call: Call, *, size: int, token: str) -> Page[Invitation]:
        """The same by page token."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token)

    async def revoke(self, call: Call, identifier: str) -> None:
        """Takes one back. Raises NotFound, and Conflict where it has been accepted."""

        async def act(transaction: Transaction, invitation: Invitation) -> Invitation:
            if invitation.accepted_at is not None:
                raise Conflict("this invitation has been accepted", reason="INVITATION_ACCEPTED")
            if invitation.revoked_at is not None:
                return invitation
            invitation = await transaction.update(invitation, revoked_at=transaction.now)
            transaction.emit("invitation.revoked", invitation)
            return invitation

        async def body(transaction: Transaction) -> None:
            await act(transaction, await INVITATIONS.lock(transaction, call, identifier))

        await self._database.write(body)

    async def forget(self, now: int) -> None:
        """Removes those that were good long ago, whatever has become of them."""

        async def body(transaction: Transaction) -> int:
            return await transaction.run(_FORGET, before=now - KEPT)

        while await self._database.write(body) == REMOVED:
            pass

    def _token(self, identifier: str) -> str:
        made = hmac.digest(self._key, identifier.encode(), "sha256")
        return f"inv_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


async def _may_still(transaction: Transaction, invitation: Invitation) -> bool:
    """Whether whoever has made it could make it now."""
    inviter = await transaction.one(USER, id=invitation.invited_by)
    if inviter is None or inviter.disabled_at is not None:
        return False
    held = scopes_of(inviter.role)
    return all(covers(held, scope) for scope in (*scopes_of(invitation.role), "invitations:write"))


async def accepted(transaction: Transaction, token: str, email: str) -> Invitation:
    """The invitation of this token, which is used up now. Raises InvalidRequest where it is not for this address."""
    invitation = await transaction.one(_BY_DIGEST, digest=digest_of(token))
    if (
        invitation is None
        or invitation.accepted_at is not None
        or invitation.revoked_at is not None
        or invitation.expires_at <= transaction.now
        or invitation.email != email
        or not await _may_still(transaction, invitation)
    ):
        raise InvalidRequest("invitation_token", "is none that is good for this e-mail address")
    return await transaction.update(invitation, accepted_at=transaction.now)


def check_email(email: str) -> str:
    """An e-mail address as it is kept. Raises InvalidRequest where it is none."""
    address = normal_email(email)
    name, at, domain = address.partition("@")
    good = name and at and "." in domain.strip(".") and "@" not in domain and len(address) <= 254
    if not good or any(each.isspace() or not each.isprintable() or each in '<>(),;:"[]\\' for each in address):
        raise InvalidRequest("email", "must be an e-mail address")
    return address
