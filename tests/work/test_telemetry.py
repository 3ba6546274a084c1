"""Traces: what a collector is told, as the protobuf of OTLP, of one request and all that comes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from orchestrator.agent_operations.v1 import task_service_pb2, task_service_pb2_grpc

from server.app import Application
from server.core.agents.profile import AgentProfile
from server.core.chat.questions import Question
from server.core.models.port import ModelRefused
from server.core.queue.completion import Result
from server.core.queue.creation import NewTask
from server.errors import Misconfigured
from server.model import TaskStatus
from server.settings import Settings
from server.store.feed import Feeds
from server.store.opened import open_bus, open_database
from server.work.telemetry import Telemetry, traced
from tests.support.ports import free_port
from tests.support.receiver import Receiver
from tests.support.scripted_agents import ScriptedAgents
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually

TRACE, PARENT = "a" * 32, "b" * 16
PATH = ("x-envoy-original-path", "/v1/tasks?source=test")


def told(collector: Receiver) -> list[Span]:
    """Every span that the collector has been told of."""
    spans: list[Span] = []
    for each in collector.received:
        assert each.path == "/v1/traces" and each.headers["content-type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(each.body).resource_spans:
            assert attributes(resource.resource)["service.name"] == "orchestrator"
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    return spans


def attributes(of) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{listening.port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield listening


async def test_a_request_its_run_its_models_and_its_deliveries_are_one_trace(
    collector: Receiver, sqlite_settings: Settings
) -> None:
    models = ScriptedAgents(lambda request: ModelRefused("no") if "fail" in request.messages[1].content else "done")
    settings = sqlite_settings.model_copy(update={"webhook_allow_private": True, "sandbox_prewarmed": 0})
    application = Application(settings, models)
    (port,) = await application.start(["127.0.0.1:0"])
    tenant, cases = await make_tenant(application.database), application.use_cases
    profile = AgentProfile(type="coding", model="one", provider="scripted")
    agent = await cases.agents.register(tenant.call(), name="Ada", profile=profile)
    metadata = (*tenant.metadata, PATH, ("traceparent", f"00-{TRACE}-{PARENT}-01"))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, Receiver() as receiver:
        await cases.webhooks.create(tenant.call(), api="native", url=receiver.url, events=["task.completed"])
        tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        for title in ("do", "fail"):
            request = task_service_pb2.CreateTaskRequest(agent_id=f"agent_{agent.id}", type=title)
            await tasks.CreateTask(request, metadata=metadata)
        await receiver.until(1)
        await eventually(lambda: len([each for each in told(collector) if each.trace_id.hex() == TRACE]) == 7)
        with pytest.raises(grpc.aio.AioRpcError):
            await tasks.GetTask(task_service_pb2.GetTaskRequest(task_id="task_" + "0" * 32), metadata=tenant.metadata)
        await eventually(lambda: "orchestrator.agent_operations.v1.TaskService/GetTask" in {s.name for s in told(collector)})
    await application.stop()
    spans = told(collector)
    ours = [each for each in spans if each.trace_id.hex() == TRACE]
    by_name: dict[str, list[Span]] = {}
    for each in ours:
        by_name.setdefault(each.name, []).append(each)
    assert {name: len(some) for name, some in by_name.items()} == {
        "POST /v1/tasks": 2, "run execution": 2, "chat one": 2, "POST webhook": 1,
    }
    asked = by_name["POST /v1/tasks"]
    assert all(each.parent_span_id.hex() == PARENT and each.kind == Span.SPAN_KIND_SERVER for each in asked)
    known = attributes(asked[0])
    assert known["http.route"] == "/v1/tasks" and known["http.response.status_code"] == 201
    assert known["orchestrator.organization.id"] == tenant.caller.organization_id
    ids = {each.span_id for each in asked}
    assert {each.parent_span_id for each in by_name["run execution"]} == ids
    assert by_name["POST webhook"][0].parent_span_id in ids
    runs = {each.span_id: each for each in by_name["run execution"]}
    for call in by_name["chat one"]:
        run = runs[call.parent_span_id]
        failed = attributes(run)["orchestrator.task.type"] == "fail"
        assert {(each.status.code == Status.STATUS_CODE_ERROR) for each in (run, call)} == {failed}
        known = attributes(call)
        assert known["gen_ai.operation.name"] == "chat" and known["gen_ai.provider.name"] == "scripted"
        if failed:
            assert known["error.type"] == "MODEL_REFUSED" == attributes(run)["error.type"]
        else:
            assert (known["gen_ai.usage.input_tokens"], known["gen_ai.usage.output_tokens"]) == (10, 2)
    # What the model and the receiver were told of is the span of their call.
    assert {each.traceparent.split("-")[2] for each in models.requests} == {s.span_id.hex() for s in by_name["chat one"]}
    assert receiver.received[0].headers["traceparent"].split("-")[2] == by_name["POST webhook"][0].span_id.hex()
    (missing,) = [each for each in spans if each.name.endswith("/GetTask")]
    assert attributes(missing)["rpc.grpc.status_code"] == 5 and missing.status.code == Status.STATUS_CODE_UNSET
    said = b"".join(each.body for each in collector.received)
    assert tenant.key.encode() not in said and b"Ada" not in said


async def test_what_an_answer_asks_is_of_its_run(collector: Receiver, sqlite_settings: Settings) -> None:
    models = ScriptedAgents(lambda _: "Otters swim.")
    application = Application(sqlite_settings.model_copy(update={"sandbox_prewarmed": 0}), models)
    await application.start(["127.0.0.1:0"])
    call, answers = (await make_tenant(application.database)).call(), application.use_cases.chat_answers
    call.headers["traceparent"] = f"00-{TRACE}-{PARENT}-01"
    answer = await answers.wait(await answers.ask(call, Question(message="hi", optimization_mode="lite")), 10)
    assert answer.text == "Otters swim."
    await application.stop()
    by_name = {each.name: each for each in told(collector)}
    assert by_name["run answer"].parent_span_id.hex() == PARENT
    assert by_name["chat one"].parent_span_id == by_name["run answer"].span_id
    assert models.requests[0].traceparent.split("-")[2] == by_name["chat one"].span_id.hex()


async def test_what_a_worker_has_done_is_told_when_it_has_ended(collector: Receiver, sqlite_settings: Settings) -> None:
    application = Application(sqlite_settings.model_copy(update={"sandbox_prewarmed": 0}))
    await application.start(["127.0.0.1:0"])
    tenant, cases = await make_tenant(application.database), application.use_cases
    agent = await cases.agents.register(tenant.call(), name="x", profile=AgentProfile(type="x"))
    worker, _ = await cases.workers.connect(tenant.call(), agent_id=agent.id, capacity=1)
    await cases.tasks.create(tenant.call(), NewTask(agent_id=agent.id, type="digging"))
    (task,) = await application.claims.claim_of(agent.id, worker.holder, 1)
    ended = await application.leases.finish(task.id, task.attempt, Result(status=TaskStatus.COMPLETED))
    # Stopping sends what is left.
    await application.stop()
    (run,) = [each for each in told(collector) if each.name == "run execution"]
    assert attributes(run)["orchestrator.task.type"] == "digging" and not run.parent_span_id
    assert (run.start_time_unix_nano, run.end_time_unix_nano) == (task.started_at * 1000, ended.completed_at * 1000)


async def test_a_collector_that_is_away_holds_up_nobody(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64")
    monkeypatch.setattr("server.work.telemetry.exporter.CLOSE_SECONDS", 0.2)
    spans = Telemetry.of(_feeds(sqlite_settings)).spans
    began = time.perf_counter()
    for _ in range(2000):
        spans.begin("s", "server", f"00-{TRACE}-{PARENT}-01", {"a": 1}).end()
    assert time.perf_counter() - began < 2
    began = time.perf_counter()
    await spans.close()
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("variables", "installed", "told"),
    [
        ({}, True, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, True, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, True, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, False, 1),
    ],
    ids=["unset", "disabled", "none", "missing"],
)
def test_without_a_collector_or_the_extra_nothing_is_traced(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, variables, installed, told
) -> None:
    if not installed:
        monkeypatch.delitem(sys.modules, "server.work.telemetry.exporter", raising=False)
        monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    lines: list[str] = []
    monkeypatch.setattr(traced, "log", SimpleNamespace(warning=lambda line, **_: lines.append(line)))
    telemetry, models = Telemetry.of(_feeds(sqlite_settings), variables), ScriptedAgents(lambda _: "")
    assert telemetry.spans is None and telemetry.models(models) is models
    assert len(lines) == told and all("orchestrator[opentelemetry]" in line for line in lines)


def test_variables_that_cannot_be_keep_a_server_from_starting(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
    with pytest.raises(Misconfigured, match="OTEL_"):
        Telemetry.of(_feeds(sqlite_settings))


def _feeds(settings: Settings) -> Feeds:
    return Feeds(open_database(settings), open_bus(settings))
