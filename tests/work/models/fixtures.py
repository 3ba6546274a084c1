"""What aimock answers."""

from __future__ import annotations

from typing import Any


def _on(word: str, response: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"match": {"userMessage": word, **more.pop("match", {})}, "response": response, **more}


def _error(status: int, message: str = "No", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error"}, "status": status, **more}


FIXTURES = [
    _on("greet", {"content": "Hello, how are you?", "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}}),
    _on("weather", {
        "content": "Let me look.",
        "toolCalls": [
            {"id": "call_w", "name": "get_weather", "arguments": {"city": "San Francisco", "units": "celsius"}},
            {"id": "call_t", "name": "get_time", "arguments": {"city": "Paris"}},
        ],
    }),
    _on("long", {"content": "As far as it goes", "finishReason": "length"}),
    _on("filtered", {"content": "Well", "finishReason": "content_filter"}),
    _on("busy once", _error(429, retryAfter=7), match={"sequenceIndex": 0}),
    _on("busy once", {"content": "at last"}, match={"sequenceIndex": 1}),
    _on("busy for an hour", _error(429, retryAfter=3600)),
    _on("always busy", _error(429, retryAfter=1)),
    _on("down once", _error(503), match={"sequenceIndex": 0}),
    _on("down once", {"content": "up again"}, match={"sequenceIndex": 1}),
    _on("always down", _error(503, "overloaded")),
    _on("bad request", _error(400, "temperature must be below 2")),
    _on("forbidden", _error(403, "your key sk-secret-of-this-test may not")),
    _on("no such model", _error(404, "there is no such model")),
    _on("unprocessable", _error(422, "x" * 5000)),
    _on("unauthorized", _error(401, "Incorrect API key provided: sk-secret-of-this-test")),
    _on("cut short", {"content": "This will be cut short before its end."}, truncateAfterChunks=4, latency=20),
    _on("cut at once", {"content": "This will not even begin."}, truncateAfterChunks=1, latency=20),
    _on("malformed", {"content": "never"}, chaos={"malformedRate": 1}),
    _on("dripping", {"content": "one two three four five six"}, latency=700),
    _on("slow to begin", {"content": "at length"}, streamingProfile={"ttft": 60_000, "tps": 100}),
]
