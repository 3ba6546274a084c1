"""The meter of calls: documented paths, and next to no time."""

from __future__ import annotations

import time

import pytest
from orchestrator.agent_orchestration.v1 import knowledge_service_pb2, session_service_pb2
from orchestrator.coordinaitor.v1 import webhook_service_pb2

from server.apikit.api import Api
from server.apikit.declaration import Limits
from server.apis.ai_orchestra.declaration import DECLARATION
from server.core.monitoring.metrics import Metrics
from server.core.shared.call_context import Call
from server.rpc.access import NOBODY
from server.rpc.meter import RequestMeter
from server.rpc.method import Method, method_of

API = Api(DECLARATION, [], Limits())
SESSIONS = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]
WEBHOOKS = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]
KNOWLEDGE = knowledge_service_pb2.DESCRIPTOR.services_by_name["KnowledgeService"]


def method(service, name: str) -> Method:
    return method_of(service.methods_by_name[name], API)


def call(path: str) -> Call:
    return Call(NOBODY, "r", "m", path)


@pytest.mark.parametrize(
    ("service", "name", "path", "expected"),
    [
        (SESSIONS, "GetSession", "/v1/sessions/session_1", ("GET", "/v1/sessions/{session_id}")),
        (SESSIONS, "GetSession", "/whatever/a/caller/says", ("GET", "/v1/sessions/{session_id}")),
        (WEBHOOKS, "ListWebhooks", "/api/v1/webhooks?page=2", ("GET", "/api/v1/webhooks")),
        (WEBHOOKS, "ListWebhooks", "/api/webhooks?page=/api/v1/webhooks", ("GET", "/api/webhooks")),
        (WEBHOOKS, "UpdateWebhook", "/api/webhooks/webhook-1", ("PUT", "/api/webhooks/{webhook_id}")),
        (WEBHOOKS, "UpdateWebhook", "/nothing/like/it", ("PUT", "/api/v1/webhooks/{webhook_id}")),
    ],
)
def test_a_call_counts_at_a_documented_path_and_never_at_what_was_sent(
    service, name: str, path: str, expected: tuple[str, str]
) -> None:
    metrics = Metrics()
    RequestMeter(metrics).note(method(service, name), call(path), "OK", 200, 0.02, streams=False)
    found = {family.name: family.samples for family in metrics.families()}
    assert found["http_requests_total"] == {expected: 1}
    assert found["http_responses_total"] == {(*expected, "200"): 1}
    assert sum(found["http_request_duration_seconds"][expected][:-1]) == 1
    assert found["grpc_requests_total"] == {}


def test_streams_have_no_duration_and_native_calls_no_path() -> None:
    metrics = Metrics()
    meter = RequestMeter(metrics)
    meter.note(method(SESSIONS, "ListSessions"), call("/v1/sessions"), "OK", 200, 60.0, streams=True)
    meter.note(method(SESSIONS, "ListSessions"), call(""), "NOT_FOUND", 0, 1.0, streams=False)
    found = {family.name: family.samples for family in metrics.families()}
    assert found["http_requests_total"] == {("GET", "/v1/sessions"): 1}
    assert found["http_request_duration_seconds"] == {}
    name = "orchestrator.agent_orchestration.v1.SessionService/ListSessions"
    assert found["grpc_requests_total"] == {(name, "NOT_FOUND"): 1}


def test_counting_a_call_takes_less_than_three_microseconds() -> None:
    meter, many = RequestMeter(Metrics()), 20_000
    several, path = method(WEBHOOKS, "UpdateWebhook"), call("/api/webhooks/webhook-1")

    def took() -> float:
        began = time.process_time()
        for _ in range(many):
            meter.note(several, path, "OK", 200, 0.003, streams=False)
        return (time.process_time() - began) / many

    assert min(took() for _ in range(5)) < 3e-6
