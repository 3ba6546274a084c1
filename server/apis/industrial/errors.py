"""Industrial: `{error: {code, message, request_id}}`."""

from __future__ import annotations

from typing import Any

from server.apikit.errors import HTTP_STATUS, ErrorContext, Rendered
from server.apikit.refusals import Refusal
from server.apis.industrial.ids import shown_id
from server.errors import NotFound, ServiceError

# Moves of sessions and tasks that there are not, which this API's document answers with 400.
INVALID_TRANSITION = "INVALID_TRANSITION"


def render_error(error: ServiceError, context: ErrorContext) -> Rendered:
    """As the document says: a code, a message and the id of the request; with details where there are any."""
    status, code, message = HTTP_STATUS[error.kind], error.reason, error.message
    details = {name: value for name, value in error.details.items() if name not in ("resource", "id")}
    if isinstance(error, Refusal):
        # What a refusal is about is in its message; it has the three fields that the document names, and no more.
        details = {}
    if isinstance(error, NotFound):
        code = f"{error.resource.upper().replace(' ', '_')}_NOT_FOUND"
        message = f"{error.resource.capitalize()} with ID {_spelled(str(error.details['id']))} not found"
    elif code == INVALID_TRANSITION:
        status = 400
        move = _move(error)
        allowed = ", ".join(move["allowed"]) or "nothing, it has ended"
        message = f"{move['resource']} is {move['from']} and cannot become {move['to']}; allowed: {allowed}"
        details = dict(move)
    elif "tasks" in details:
        details["tasks"] = [_spelled(each) for each in error.details["tasks"]]  # type: ignore[attr-defined]
    elif "agent_id" in details:
        details["agent_id"] = _spelled(str(details["agent_id"]))
    body: dict[str, Any] = {"code": code, "message": message, "request_id": context.request_id}
    return Rendered(status, {"error": {**body, "details": details} if details else body})


def _move(error: ServiceError) -> dict[str, Any]:
    """What cannot move, from where to where, and where it could go, in the words of this API."""
    # Declarations are read without a server, and whoever has such an error has these.
    from server.apis.industrial.words import SESSION_WORDS, TASK_MOVES, TASK_WORDS, task_status  # noqa: PLC0415
    from server.core.coding.assignments import NoMove  # noqa: PLC0415

    if isinstance(error, NoMove):
        now = task_status(error.task)
        to = "QUEUED" if error.to == "queued" else TASK_WORDS.get(error.to, error.to)
        return {"resource": "task", "from": now, "to": to, "allowed": list(TASK_MOVES.get(now, ()))}
    words = error.details
    allowed = [SESSION_WORDS[each] for each in words["allowed"]]  # type: ignore[attr-defined]
    return {
        "resource": "session",
        "from": SESSION_WORDS[str(words["from"])],
        "to": SESSION_WORDS[str(words["to"])],
        "allowed": sorted(allowed),
    }


def _spelled(identifier: str) -> str:
    """An id out of an error as this API prints it, whatever precedes its digits; anything else as it is."""
    digits = identifier.rpartition("_")[2]
    return shown_id(digits) if len(digits) == 32 and digits.isalnum() else identifier
