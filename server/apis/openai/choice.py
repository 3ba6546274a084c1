"""OpenAI: who is to answer a request, by the model that it names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from server.apis.openai.errors import ModelNotFound
from server.apis.openai.requests import Asked
from server.core.chat.plans import swarms
from server.core.chat.questions import MAX_MESSAGE_BYTES, MODES, Question
from server.core.models.names import BUILTIN, MODE, SWARM
from server.core.models.port import Models
from server.errors import InvalidRequest

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers, and what it is asked."""

    # As the answer names it: as it was asked for, if it was.
    name: str
    question: Question
    prompt: bytes


def chosen(asked: Asked, models: Models) -> Choice:
    """Raises ModelNotFound, InvalidRequest."""
    name, prompt, message = asked.model, asked.prompt, ""
    named = "" if name in ("", DEFAULT) else name
    plan = _plan(named)
    if plan:
        prompt = replace(prompt, plan=plan)
    elif named and named != BUILTIN and models.known(named) is None:
        raise ModelNotFound(named)
    if plan or named == BUILTIN or not (named or models.default):
        for field, given in (("tools", prompt.tools), ("response_format", prompt.response_format)):
            if given and (field != "tools" or prompt.tool_choice not in (None, "none", "auto")):
                raise InvalidRequest(field, f"is not obeyed by {name or BUILTIN}; name a model of a provider")
        asked_last = prompt.asked.replace("\0", "")
        if not asked_last.strip():
            raise InvalidRequest("messages", "must have a message of the user: this model answers the last one")
        # Whoever quotes what he finds looks for the user's words alone.
        message = prompt.question.replace("\0", "") if plan else asked_last
        if len(asked_last.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
            raise InvalidRequest("messages", f"the user's last one must have at most {MAX_MESSAGE_BYTES >> 10} KiB")
    question = Question(
        message=message,
        model="" if plan else named,
        swarm_type=plan if named.startswith(SWARM) else "",
        optimization_mode=plan if named.startswith(MODE) else "",
        max_tokens=prompt.max_tokens,
    )
    try:
        kept = prompt.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("messages", "has a surrogate without its other half, which is no text") from None
    return Choice(name or models.default or BUILTIN, question, kept)


def _plan(named: str) -> str:
    """The mode or swarm that a model's name stands for; empty for none. Raises ModelNotFound."""
    for prefix, known in ((SWARM, swarms()), (MODE, MODES)):
        if named.startswith(prefix):
            if named.removeprefix(prefix) not in known:
                raise ModelNotFound(named)
            return named.removeprefix(prefix)
    return ""
