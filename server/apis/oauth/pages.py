"""OAuth: the pages that a person sees, without a script and in no frame."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from google.api.httpbody_pb2 import HttpBody

HTML = "text/html; charset=utf-8"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1c2430;display:grid;place-items:center;"
    "min-height:100vh;margin:0}main{background:#fff;padding:2rem;border-radius:12px;box-shadow:0 2px 16px #0002;"
    "width:min(24rem,calc(100vw - 4rem))}h1{font-size:1.25rem;margin:0 0 1rem}label{display:block;margin:.75rem 0}"
    "input{display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #b8c0cc;"
    "border-radius:6px}button{font:inherit;padding:.5rem 1rem;border-radius:6px;border:1px solid #2451c4;"
    "background:#2451c4;color:#fff;cursor:pointer;margin-right:.5rem}button.no{background:#fff;color:#2451c4}"
    ".wrong{color:#a3201d}small{color:#5b6675}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def headers(*form_targets: str) -> list[tuple[str, str]]:
    """The headers of a page whose form may lead to these origins: browsers look at where a form's answer leads, too."""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {' '.join(form_targets)}"
    )
    return [
        ("content-security-policy", policy.strip()),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ]


def login(client: str, hidden: Mapping[str, str], *, wrong: str = "", email: str = "") -> HttpBody:
    """The page on which a person logs in."""
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    return _page(
        "Log in",
        f"<h1>Log in to go on to {escape(client)}</h1>{told}"
        f'<form method="post" action="/oauth/authorize">{_hidden({**hidden, "do": "login"})}'
        f'<label>E-mail <input name="email" type="email" autocomplete="username" value="{escape(email)}" required '
        'autofocus></label><label>Password <input name="password" type="password" '
        'autocomplete="current-password" required></label><button>Log in</button></form>',
    )


def consent(client: str, user: str, scopes: Iterable[str], back_to: str, hidden: Mapping[str, str]) -> HttpBody:
    """The page on which a person allows a client to act for him, or does not."""
    listed = "".join(f"<li>{escape(_said(each))}</li>" for each in scopes)
    return _page(
        "Allow access?",
        f"<h1>Allow {escape(client)} to act for you?</h1><p>You are {escape(user)}. It will be able to:</p>"
        f'<ul>{listed}</ul><form method="post" action="/oauth/authorize">{_hidden(hidden)}'
        '<button name="do" value="allow">Allow</button><button class="no" name="do" value="deny">Deny</button>'
        '<button class="no" name="do" value="logout">Not you?</button></form>'
        f"<p><small>Then you are sent back to {escape(back_to)}.</small></p>",
    )


def new_password(token: str, *, wrong: str = "") -> HttpBody:
    """The page on which a person sets another password."""
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    return _page(
        "Another password",
        f'<h1>Set another password</h1>{told}<form method="post" action="/oauth/password">{_hidden({"token": token})}'
        '<label>New password <input name="password" type="password" autocomplete="new-password" minlength="8" '
        'maxlength="200" required autofocus></label><button>Set it</button></form>'
        "<p><small>Whatever you are logged in with now ends.</small></p>",
    )


def password_set() -> HttpBody:
    """The page that says so."""
    return _page("Your password is set", "<h1>Your password is set</h1><p>You can log in with it now.</p>")


def problem(message: str) -> HttpBody:
    """The page that says why there is no other one."""
    return _page(
        "This does not work", f'<h1>This does not work</h1><p class="wrong" role="alert">{escape(message)}</p>'
    )


def _said(scope: str) -> str:
    resource, _, action = scope.partition(":")
    if scope == "*":
        return "do everything that you may do"
    what = {"read": "see", "write": "change", "*": "see and change"}.get(action, action)
    return f"{what} {resource.replace('_', ' ')}"


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )


def _page(title: str, body: str) -> HttpBody:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return HttpBody(content_type=HTML, data=text.encode())
