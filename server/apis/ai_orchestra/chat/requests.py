"""AI Orchestra: messages as requests and frames have them, as questions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from server import values
from server.core.chat.questions import Question
from server.errors import InvalidRequest

_TEXTS = ("message", "optimization_mode", "swarm_type", "model", "on_conflict")


def question_of(request: Any, message: str | None = None) -> Question:
    """The question of a request of either version; its text, where that stands elsewhere."""
    return Question(
        message=request.message if message is None else message,
        session_id=request.session_id,
        user_context=values.of_struct(request.user_context) if request.HasField("user_context") else None,
        optimization_mode=request.optimization_mode,
        swarm_type=request.swarm_type,
        model=request.model,
        use_memory=request.use_memory,
        on_conflict=request.on_conflict,
        max_tokens=request.max_tokens if request.HasField("max_tokens") else None,
    )


def question_in(named: str, data: Mapping[str, Any], session_id: str, mode: str) -> Question:
    """The question in the object of a frame, whose socket is of a session; `named` is what it says beside that.

    Raises InvalidRequest.
    """
    for name, said in (("session_id", named), *((each, data.get(each)) for each in ("session_id", "sessionId"))):
        if said not in (None, "", session_id):
            raise InvalidRequest(name, "must be that of the socket: another session has another socket")
    given = {name: data[name] for name in _TEXTS if name in data}
    if "message" not in given and "text" in data:
        given["message"] = data["text"]
    for name, value in given.items():
        if not isinstance(value, str):
            raise InvalidRequest(name, "must be a string")
    context = data.get("context", data.get("user_context"))
    if context is not None and not isinstance(context, dict):
        raise InvalidRequest("context", "must be an object")
    try:
        encoded = values.encode(context) if context else None
    except ValueError as error:
        raise InvalidRequest("context", str(error)) from None
    use_memory, most = data.get("use_memory", False), data.get("max_tokens")
    if not isinstance(use_memory, bool):
        raise InvalidRequest("use_memory", "must be true or false")
    if most is not None and (
        isinstance(most, bool) or not isinstance(most, int | float) or not math.isfinite(most) or most != int(most)
    ):
        raise InvalidRequest("max_tokens", "must be a whole number")
    return Question(
        **{"message": "", "optimization_mode": mode, **given},
        session_id=session_id,
        user_context=encoded,
        use_memory=use_memory,
        max_tokens=int(most) if most is not None else None,
    )
