"""Preferences: how people like to be told, as far as they have said."""

from __future__ import annotations

import json

from server.model import User

# Over mail, and in frames over a WebSocket. There is a third, `push`, for which nothing is sent.
EMAIL, DESKTOP = "email", "desktop"


def wants(user: User, way: str) -> bool:
    """Whether a person wants to be told this way: yes, unless he has said no."""
    try:
        given = json.loads(user.preferences).get("notifications")
    except (ValueError, AttributeError):
        return True
    return not isinstance(given, dict) or given.get(way) is not False
