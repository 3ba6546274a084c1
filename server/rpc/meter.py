"""The meter of calls: how many came to which documented path, how they ended, and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sized
from typing import Protocol

from server.core.monitoring.metrics import BOUNDS, Family, Labels, Metrics
from server.core.shared.call_context import Call
from server.rpc.method import Endpoint, Method

# As the line of the log has it; and what HTTP knows as a client that has not waited for the answer.
CANCELLED, GONE = "CANCELLED", 499
# What a stream both of whose sides go on has answered over HTTP: it is a WebSocket there.
SWITCHED = 101
_NONE = len(BOUNDS) + 1


class _Counted:
    """Of one path: answers by their status, and how long they took, by bucket."""

    __slots__ = ("buckets", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.buckets = [0] * _NONE
        self.seconds = 0.0


class RequestMeter:
    """Counts into plain numbers: 5,000 calls a second come by here, in one loop, and who asks comes once in a while."""

    def __init__(self, metrics: Metrics) -> None:
        self._http: dict[Endpoint, _Counted] = {}
        self._native: dict[Labels, int] = {}
        metrics.collectors.append(self._families)

    def note(self, method: Method, call: Call, code: str, status: int, seconds: float, *, streams: bool) -> None:
        """Counts a call that has ended; of streams not how long they took. Costs a microsecond."""
        endpoint = method.endpoint(call.path) if call.path else None
        if endpoint is None:
            key = method.name, code
            self._native[key] = self._native.get(key, 0) + 1
            return
        counted = self._http.get(endpoint)
        if counted is None:
            counted = self._http[endpoint] = _Counted()
        counted.statuses[status] = counted.statuses.get(status, 0) + 1
        if not streams:
            counted.buckets[bisect_left(BOUNDS, seconds)] += 1
            counted.seconds += seconds

    def _families(self) -> Iterable[Family]:
        requests: dict[Labels, int] = {}
        responses: dict[Labels, int] = {}
        durations: dict[Labels, list[float]] = {}
        for endpoint, counted in self._http.items():
            labels = endpoint.verb, endpoint.template
            # Two methods may share a path.
            requests[labels] = requests.get(labels, 0) + sum(counted.statuses.values())
            for status, number in counted.statuses.items():
                answered = *labels, str(status)
                responses[answered] = responses.get(answered, 0) + number
            if any(counted.buckets):
                before = durations.get(labels, [0.0] * (_NONE + 1))
                now = [*counted.buckets, counted.seconds]
                durations[labels] = [one + other for one, other in zip(before, now, strict=True)]
        by_path: Labels = ("method", "endpoint")
        yield Family("http_requests_total", "counter", "Total HTTP requests", by_path, requests)
        yield Family("http_responses_total", "counter", "HTTP responses by status code", (*by_path, "code"), responses)
        yield Family("http_request_duration_seconds", "histogram", "Duration of HTTP requests", by_path, durations)
        native = dict(self._native)
        yield Family("grpc_requests_total", "counter", "Native gRPC calls by status", ("method", "code"), native)


class _Sockets(Protocol):
    conversing: int


class _Connected(Protocol):
    def connections(self) -> int: ...


class _Starting(Protocol):
    starts: int


def measure(metrics: Metrics, sockets: _Sockets, streams: Sized, database: _Connected, sandboxes: _Starting) -> None:
    """Adds what a server process has beside its calls."""
    metrics.gauge("websocket_connections", "Active WebSocket connections", lambda: sockets.conversing)
    metrics.gauge("open_streams", "Open streams, those of WebSockets and workers included", lambda: len(streams))
    metrics.gauge("database_connections", "Connections to the database", database.connections)
    metrics.gauge("server_processes", "Server processes of this machine", lambda: 1)

    def started() -> Iterable[Family]:
        yield Family("sandbox_starts_total", "counter", "Sandboxes started", (), {(): sandboxes.starts})

    metrics.collectors.append(started)
