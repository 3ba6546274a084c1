"""Estimates of tokens, where nobody has counted: what a call took, and what one may take at most."""

from __future__ import annotations

import json

from server.core.models.port import ModelRequest, Usage

# Characters of a token: of an estimate of what was used, and of one that is not to be too low.
_CHARACTERS, _FEWEST = 4, 3
# Tokens that each message takes beside its text.
_BESIDE = 8


def estimated(request: ModelRequest, written: int) -> Usage:
    """About what a call took whose answer has so many characters."""
    return Usage(_tokens(_length(request)), _tokens(written), estimated=True)


def most_input(request: ModelRequest) -> int:
    """How many tokens the prompt has at most: a third of its characters, and each that is not ASCII."""
    texts = [message.content for message in request.messages]
    wide = sum(0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore")) for text in texts)
    return -(-(_length(request) - wide) // _FEWEST) + wide + _BESIDE * len(request.messages)


def _length(request: ModelRequest) -> int:
    """How many characters the prompt has."""
    called = sum(len(call.name) + len(call.arguments) for message in request.messages for call in message.tool_calls)
    beside = [*request.tools, *([request.response_format] if request.response_format else [])]
    written = sum(len(json.dumps(each, default=str)) for each in beside)
    return sum(len(message.content) for message in request.messages) + called + written


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS)
