"""OAuth: the page on which somebody sets another password, to which mail leads who has forgotten his."""

from __future__ import annotations

from urllib.parse import parse_qsl

from google.api.httpbody_pb2 import HttpBody

from server.apis.oauth import pages
from server.apis.oauth.forms import form_pairs
from server.core.identity.logins import Logins
from server.core.people.password_reset import PasswordResets
from server.core.shared.call_context import Call
from server.errors import InvalidRequest, TooMany, Unavailable

MAX_QUERY = 1000
_STATUSES = {TooMany: 429, Unavailable: 503}


class PasswordPage:
    """The page, and what it sends."""

    def __init__(self, resets: PasswordResets, logins: Logins) -> None:
        self._resets = resets
        self._logins = logins

    async def show(self, call: Call) -> HttpBody:
        """The form; whether its token is good is found out with the password."""
        query = call.path.partition("?")[2]
        token = dict(parse_qsl(query)).get("token", "") if len(query) <= MAX_QUERY else ""
        call.response_headers = (*call.response_headers, *pages.headers())
        if not token:
            call.http_status = 400
            return pages.problem("The address of this page is not whole. Open the one in the mail.")
        return pages.new_password(token)

    async def set(self, request: HttpBody, call: Call) -> HttpBody:
        """Sets the password. Who logs in with it, and where, is his to say: no login is left of it."""
        fields = dict(form_pairs(request))
        token = fields.get("token", "")
        call.response_headers = (*call.response_headers, *pages.headers())
        try:
            granted = await self._resets.reset(call, token, fields.get("password", ""))
        except (InvalidRequest, TooMany, Unavailable) as error:
            call.http_status = _STATUSES.get(type(error), 400)
            if isinstance(error, InvalidRequest) and error.details["field"] == "token":
                return pages.problem("This link has been used, or is too old. Ask for another one.")
            wrong = f"The password {error.details['issue']}" if isinstance(error, InvalidRequest) else error.message
            return pages.new_password(token, wrong=wrong)
        await self._logins.log_out(call, granted.refresh_token)
        return pages.password_set()
