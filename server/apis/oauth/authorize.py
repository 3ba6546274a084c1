"""OAuth: a person logs in and allows a client to act for him (RFC 6749, section 4.1; RFC 7636; RFC 9207)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from google.api.httpbody_pb2 import HttpBody

from server.apis.oauth import pages
from server.apis.oauth.forms import form_pairs
from server.apis.oauth.issuer import Issuer
from server.apis.oauth.protocol import Client, OAuth2Error, Pairs, Protocol
from server.apis.oauth.redirects import origin_of, with_fields
from server.core.identity.authorization_codes import AuthorizationCodes
from server.core.identity.logins import Logins
from server.core.identity.oauth_clients import OAuthClients
from server.core.people.users import Users
from server.core.shared.call_context import Call
from server.errors import ServiceError, TooMany, Unauthorized
from server.model import OAuthClient

# The cookies of these pages: who has logged in here, for as long as an access token lives, and what forms are known by.
LOGIN, FORM = "orchestrator_login", "orchestrator_form"
ASKED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
LOGIN_SECONDS = 3600
MAX_QUERY = 8192
_PURPOSE = b"orchestrator authorization forms, version 1"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a client asks for: where it wants to be told, and the scopes, with spaces between them."""

    client: OAuthClient
    back_to: str
    scope: str


class AuthorizationPages:
    """The two pages, and what they send."""

    def __init__(
        self,
        clients: OAuthClients,
        codes: AuthorizationCodes,
        logins: Logins,
        users: Users,
        *,
        issuer: Issuer,
        secret: str,
    ) -> None:
        self._clients = clients
        self._codes = codes
        self._logins = logins
        self._users = users
        self._issuer = issuer
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    async def show(self, call: Call) -> HttpBody:
        """The page that comes next: the login, or what is asked for."""
        query = call.path.partition("?")[2]
        if len(query) > MAX_QUERY:
            return self._problem(call, "The address of this page is too long.")
        return await self._next(call, [each for each in parse_qsl(query) if each[0] in ASKED])

    async def decide(self, request: HttpBody, call: Call) -> HttpBody:
        """What a page sends: a login, or what its person has decided."""
        pairs = form_pairs(request)
        fields, asked = dict(pairs), [each for each in pairs if each[0] in ASKED]
        if not self._is_own_form(call, fields):
            return self._problem(call, "This page has been open for too long, or is not ours. Go back and try again.")
        if fields.get("do") == "login":
            return await self._log_in(call, asked, fields)
        if fields.get("do") == "logout":
            client = await self._client(asked)
            if client is not None and await self._is_logged_in(call, client):
                await self._logins.end(call, call.caller.login_id)
            self._set_cookie(call, LOGIN, "", 0)
            return self._login_page(call, asked, client)
        return await self._answer(call, asked, allowed=fields.get("do") == "allow")

    async def _next(self, call: Call, asked: Pairs) -> HttpBody:
        wish = await self._wish(call, asked)
        if isinstance(wish, HttpBody):
            return wish
        person = await self._users.me(call)
        token = self._form_token(call)
        self._headers(call, pages.headers(origin_of(wish.back_to)))
        hidden = {**dict(asked), "form": token}
        return pages.consent(wish.client.name, person.email, wish.scope.split(), wish.back_to, hidden)

    async def _wish(self, call: Call, asked: Pairs) -> _Wish | HttpBody:
        """What a client asks of whoever has logged in here, or what the person sees first."""
        client = await self._client(asked)
        try:
            back_to, scope = Protocol(client.stored if client is not None else None).asked(asked)
        except OAuth2Error as error:
            return self._refused(call, asked, error)
        assert client is not None
        if not await self._is_logged_in(call, client):
            return self._login_page(call, asked, client)
        return _Wish(client.stored, back_to, scope)

    async def _log_in(self, call: Call, asked: Pairs, fields: dict[str, str]) -> HttpBody:
        # What no text can be is nobody's.
        email = fields.get("email", "").replace("\0", "").encode("utf-8", "replace").decode()
        try:
            granted = await self._logins.log_in(call, email, fields.get("password", ""))
        except (Unauthorized, TooMany) as error:
            call.http_status = 429 if isinstance(error, TooMany) else 401
            if isinstance(error, TooMany) and error.retry_after is not None:
                self._headers(call, [("retry-after", str(error.retry_after))])
            return self._login_page(call, asked, await self._client(asked), wrong=error.message, email=email)
        self._set_cookie(call, LOGIN, granted.access_token, LOGIN_SECONDS)
        # A form that was made for nobody is not good for somebody.
        return self._redirect(call, f"/oauth/authorize?{urlencode(asked)}", status=303)

    async def _answer(self, call: Call, asked: Pairs, *, allowed: bool) -> HttpBody:
        wish = await self._wish(call, asked)
        if isinstance(wish, HttpBody):
            return wish
        fields = dict(asked)
        if not allowed:
            return self._tell(call, asked, wish.back_to, {"error": "access_denied"})
        code = await self._codes.give(
            wish.client,
            call.caller,
            scopes=wish.scope,
            redirect_uri=wish.back_to,
            redirect_named="redirect_uri" in fields,
            challenge=fields.get("code_challenge", ""),
        )
        return self._tell(call, asked, wish.back_to, {"code": code})

    def _refused(self, call: Call, asked: Pairs, error: OAuth2Error) -> HttpBody:
        """Tells the client, where it is one and the address is its own; otherwise the person."""
        description = error.get_error_description() or error.error
        if getattr(error, "redirect_uri", None):
            return self._tell(call, asked, error.redirect_uri, {"error": error.error, "error_description": description})
        return self._problem(call, description)

    def _tell(self, call: Call, asked: Pairs, back_to: str, fields: dict[str, str]) -> HttpBody:
        state = dict(asked).get("state")
        told = {**fields, **({"state": state} if state is not None else {}), "iss": self._issuer.of(call)}
        return self._redirect(call, with_fields(back_to, told), status=303)

    async def _client(self, asked: Pairs) -> Client | None:
        found = await self._clients.find(dict(asked).get("client_id", ""))
        return Client(found) if found is not None and found.revoked_at is None else None

    async def _is_logged_in(self, call: Call, client: Client) -> bool:
        """Whether somebody of the client's organization has logged in here; then the call is his."""
        token = self._cookie(call, LOGIN)
        if not token:
            return False
        try:
            await call.authenticate(token)
        except ServiceError:
            return False
        caller = call.caller
        # A credential that a program holds may be less than the person, and must not consent in his name.
        himself = bool(caller.login_id) and not caller.delegated
        return himself and caller.organization_id == client.stored.organization_id

    def _login_page(
        self, call: Call, asked: Pairs, client: Client | None, *, wrong: str = "", email: str = ""
    ) -> HttpBody:
        token = self._form_token(call)
        self._headers(call, pages.headers())
        name = client.stored.name if client is not None else "the program that has sent you here"
        return pages.login(name, {**dict(asked), "form": token}, wrong=wrong, email=email)

    def _problem(self, call: Call, message: str) -> HttpBody:
        call.http_status = 400
        self._headers(call, pages.headers())
        return pages.problem(message)

    def _redirect(self, call: Call, address: str, *, status: int) -> HttpBody:
        call.http_status = status
        self._headers(call, [("location", address), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")])
        return HttpBody(content_type=pages.HTML)

    def _form_token(self, call: Call) -> str:
        """What a form is known by: made of a cookie that no other site reads, and of who has logged in here."""
        secret = self._cookie(call, FORM)
        if not 20 <= len(secret) <= 100:
            secret = secrets.token_urlsafe(32)
            self._set_cookie(call, FORM, secret, None)
        return self._signed(secret, self._cookie(call, LOGIN))

    def _is_own_form(self, call: Call, fields: dict[str, str]) -> bool:
        secret = self._cookie(call, FORM)
        wanted = self._signed(secret, self._cookie(call, LOGIN))
        return bool(secret) and hmac.compare_digest(wanted.encode(), fields.get("form", "").encode("utf-8", "replace"))

    def _signed(self, secret: str, login: str) -> str:
        return hmac.new(self._key, f"{secret}\n{login}".encode("utf-8", "replace"), "sha256").hexdigest()

    @staticmethod
    def _cookie(call: Call, name: str) -> str:
        try:
            found = SimpleCookie(call.headers.get("x-requested-cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found is not None else ""

    def _set_cookie(self, call: Call, name: str, value: str, seconds: int | None) -> None:
        lives = f"; Max-Age={seconds}" if seconds is not None else ""
        secure = "; Secure" if self._issuer.of(call).startswith("https:") else ""
        text = f"{name}={value}; Path=/oauth; HttpOnly; SameSite=Lax{lives}{secure}"
        self._headers(call, [("set-cookie", text)])

    @staticmethod
    def _headers(call: Call, more: list[tuple[str, str]]) -> None:
        call.response_headers = (*call.response_headers, *more)
