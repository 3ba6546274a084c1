"""Chat over native gRPC, with the whole server behind it, and chat's events in the native feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from orchestrator.v1 import chat_service_pb2 as pb
from orchestrator.v1 import chat_service_pb2_grpc, event_service_pb2, event_service_pb2_grpc
from orchestrator.v1.chat_pb2 import Answer, AnswerEvent, AnswerMode, Conversation

from server.apis.native.resources import event_message
from server.app import Application
from server.core.models.port import ModelFailed
from server.model import AnswerPieces, Event
from server.model import Answer as AnswerRow
from server.model import Conversation as ConversationRow
from server.settings import Settings
from tests.support.refusals import reason, refused
from tests.support.scripted_models import ScriptedModels
from tests.support.tenants import Tenant, make_tenant


class Served:
    """A server with a scripted model, and its stubs for one caller at a time."""

    def __init__(self, application: Application, models: ScriptedModels, channel: grpc.aio.Channel) -> None:
        self.application, self.models = application, models
        self.chat = chat_service_pb2_grpc.ChatServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.tenant: Tenant

    async def call(self, name: str, request, tenant: Tenant | None = None):
        return await getattr(self.chat, name)(request, metadata=(tenant or self.tenant).metadata)

    def stream(self, name: str, request):
        return getattr(self.chat, name)(request, metadata=self.tenant.metadata)

    async def send(self, text: str, request_id: str = "", **fields) -> Answer:
        message = pb.ChatMessage(**{"text": text, "mode": AnswerMode.ANSWER_MODE_LITE, **fields})
        return (await self.call("SendMessage", pb.SendMessageRequest(message=message, request_id=request_id))).answer


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    models = ScriptedModels(lambda _: ["Hel", "lo", "!"])
    application = Application(settings, models)
    (port,) = await application.start(["127.0.0.1:0"])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        running = Served(application, models, channel)
        running.tenant = await make_tenant(application.database)
        yield running
    await application.stop()


def kinds(events: list[AnswerEvent]) -> list[str]:
    return [str(event.WhichOneof("event")) for event in events if event.WhichOneof("event") != "heartbeat"]


async def test_a_message_has_its_whole_answer(served: Served) -> None:
    context = Struct()
    context["name"] = "Ada"
    answer = await served.send("Say hello", conversation_id="c", user_context=context)
    assert (answer.text, answer.state, answer.stop_reason) == ("Hello!", Answer.STATE_COMPLETED, Answer.STOP_REASON_STOP)
    assert (answer.conversation_id, answer.turn, answer.message) == ("c", 1, "Say hello")
    assert (answer.execution_mode, answer.model, answer.user_context["name"]) == ("lite", "scripted/one", "Ada")
    assert (answer.input_tokens, answer.output_tokens, answer.tokens_estimated) == (10, 3, False)
    assert [step.name for step in answer.steps] == ["answer"] and answer.steps[0].tokens == 13
    assert not answer.HasField("quality_score") and not answer.HasField("failure")
    assert (await served.call("GetAnswer", pb.GetAnswerRequest(id=answer.id))).answer == answer


async def test_a_stream_tells_every_piece_and_goes_on_from_any(served: Served) -> None:
    request = pb.StreamMessageRequest(message=pb.ChatMessage(text="Say hello", mode=AnswerMode.ANSWER_MODE_LITE))
    events = [each.event async for each in served.stream("StreamMessage", request)]
    assert kinds(events) == ["started", "step", "token", "token", "token", "step", "ended"]
    assert "".join(event.token.text for event in events) == "Hello!"
    assert events[1].step.state == AnswerEvent.Step.STATE_STARTED and not events[1].step.HasField("duration")
    assert events[5].step.state == AnswerEvent.Step.STATE_COMPLETED and events[5].step.HasField("duration")
    assert [event.sequence for event in events] == [0, 1, 2, 3, 4, 5, 0]
    ended = events[-1].ended
    assert ended.text == "Hello!" and ended.last_sequence == 5 and ended.id == events[0].started.answer.id
    for after in (0, 3, 5):
        request = pb.WatchAnswerRequest(answer_id=ended.id, after=after)
        again = [each.event async for each in served.stream("WatchAnswer", request)]
        assert again[1:] == events[1 + after :]


async def test_an_idle_stream_has_a_sign_of_life_and_a_cancelled_answer_ends_it(served: Served) -> None:
    served.models.go.clear()
    request = pb.StreamMessageRequest(message=pb.ChatMessage(text="Say hello", mode=AnswerMode.ANSWER_MODE_LITE))
    events: list[AnswerEvent] = []
    async for each in served.stream("StreamMessage", request):
        events.append(each.event)
        if each.event.WhichOneof("event") == "heartbeat":
            asked = pb.CancelAnswerRequest(id=events[0].started.answer.id)
            assert (await served.call("CancelAnswer", asked)).answer.id == asked.id
    assert kinds(events) == ["started", "step", "token", "ended"]
    ended = events[-1].ended
    assert (ended.state, ended.text, ended.stop_reason) == (Answer.STATE_CANCELLED, "Hel", Answer.STOP_REASON_CANCELLED)


async def test_an_answer_that_fails_is_an_error_for_who_waits_and_an_end_for_who_follows(served: Served) -> None:
    served.models.reply = lambda _: ["Half a", ModelFailed("the stream broke off")]
    error = await refused(served.send("Say hello", conversation_id="c"))
    told = reason(error)
    assert (error.code(), told.reason) == (grpc.StatusCode.UNAVAILABLE, "MODEL_FAILED")
    assert told.metadata["partial_response"] == "Half a" and told.metadata["conversation_id"] == "c"
    request = pb.WatchAnswerRequest(answer_id=told.metadata["answer_id"])
    ended = [each.event async for each in served.stream("WatchAnswer", request)][-1].ended
    assert (ended.state, ended.text, ended.failure.reason) == (Answer.STATE_FAILED, "Half a", "MODEL_FAILED")


async def test_a_request_with_an_id_is_asked_once(served: Served) -> None:
    first, again = [await served.send("Say hello", request_id="once") for _ in range(2)]
    assert first == again and len(served.models.requests) == 1
    error = await refused(served.send("Say something else", request_id="once"))
    assert reason(error).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_conversations_and_turns_come_in_pages_newest_first(served: Served) -> None:
    for number in range(3):
        await served.send(f"question {number}", conversation_id="first")
    await served.send("elsewhere", conversation_id="second")
    page = await served.call("ListConversations", pb.ListConversationsRequest(page_size=1))
    assert [each.id for each in page.conversations] == ["second"]
    rest = await served.call("ListConversations", pb.ListConversationsRequest(page_token=page.next_page_token))
    assert [(each.id, each.turn_count, each.state) for each in rest.conversations] == [
        ("first", 3, Conversation.STATE_ACTIVE)
    ]
    assert rest.next_page_token == ""
    turns = await served.call("ListTurns", pb.ListTurnsRequest(conversation_id="first", page_size=2))
    assert [(each.turn, each.message) for each in turns.turns] == [(3, "question 2"), (2, "question 1")]
    request = pb.ListTurnsRequest(conversation_id="first", page_token=turns.next_page_token)
    turns = await served.call("ListTurns", request)
    assert [each.turn for each in turns.turns] == [1] and turns.next_page_token == ""
    wrong = await refused(served.call("ListTurns", pb.ListTurnsRequest(conversation_id="first", page_token="x")))
    assert wrong.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_what_is_deleted_is_gone_also_for_who_asks_twice(served: Served) -> None:
    answer = await served.send("Say hello", conversation_id="c")
    request = pb.DeleteConversationRequest(id="c", request_id="once")
    for _ in range(2):
        await served.call("DeleteConversation", request)
    for name, gone in (
        ("GetConversation", pb.GetConversationRequest(id="c")),
        ("GetAnswer", pb.GetAnswerRequest(id=answer.id)),
        ("DeleteConversation", pb.DeleteConversationRequest(id="c")),
    ):
        assert (await refused(served.call(name, gone))).code() == grpc.StatusCode.NOT_FOUND


async def test_another_caller_has_no_part_in_it(served: Served) -> None:
    answer = await served.send("Say hello", conversation_id="c")
    other = await make_tenant(served.application.database)
    for name, request in (
        ("GetAnswer", pb.GetAnswerRequest(id=answer.id)),
        ("CancelAnswer", pb.CancelAnswerRequest(id=answer.id)),
        ("GetConversation", pb.GetConversationRequest(id="c")),
        ("ListTurns", pb.ListTurnsRequest(conversation_id="c")),
        ("DeleteConversation", pb.DeleteConversationRequest(id="c")),
    ):
        assert (await refused(served.call(name, request, other))).code() == grpc.StatusCode.NOT_FOUND
    assert not (await served.call("ListConversations", pb.ListConversationsRequest(), other)).conversations
    reader = await make_tenant(served.application.database, scopes="chat:read")
    asked = pb.SendMessageRequest(message=pb.ChatMessage(text="hi"))
    assert (await refused(served.call("SendMessage", asked, reader))).code() == grpc.StatusCode.PERMISSION_DENIED


async def test_what_cannot_be_asked_is_refused(served: Served) -> None:
    for fields in ({"text": " "}, {"conversation_id": "a/b"}, {"swarm": "none"}, {"max_tokens": 0}, {"model": "x/y"}):
        error = await refused(served.send(fields.pop("text", "hi"), **fields))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_who_watches_the_feed_sees_what_becomes_of_a_message(served: Served) -> None:
    watched = served.events.Watch(
        event_service_pb2.WatchRequest(after=0, types=["chat.*", "conversation.*"]), metadata=served.tenant.metadata
    )
    seen = []

    async def watch() -> None:
        async for event in watched:
            if event.type != "heartbeat":
                seen.append(event)
            if event.type == "conversation.deleted":
                return

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watch())
        answer = await served.send("Say hello", conversation_id="c")
        await served.call("DeleteConversation", pb.DeleteConversationRequest(id="c"))
    by_type = {event.type: event for event in seen}
    assert by_type["conversation.created"].conversation.id == "c"
    assert by_type["chat.queued"].answer.state == Answer.STATE_QUEUED
    # What was said is in no event any more.
    assert all(event.answer.text in ("", "Hello!") for event in seen)
    assert {event.answer.id for event in seen if event.WhichOneof("resource") == "answer"} == {answer.id}
    events = await served.events.ListEvents(
        event_service_pb2.ListEventsRequest(types=["chat.*", "conversation.*"]), metadata=served.tenant.metadata
    )
    assert "Hello!" not in str(events) and "Say hello" not in str(events)


@pytest.mark.parametrize(
    ("type", "row", "field"),
    [
        ("chat.failed", AnswerRow.new(id="1" * 32, error='{"type":"TIMEOUT","message":"late"}'), "answer"),
        ("chat.tokens", AnswerPieces.new(id="1" * 32, sequence=4, pieces='["a",{"restarted":2}]'), "answer_pieces"),
        ("chat.tokens", AnswerRow.new(id="1" * 32, status="cancelled"), "answer_pieces"),
        ("conversation.ended", ConversationRow.new(id="1" * 32, name="c", ended_at=1, turns=2), "conversation"),
        ("conversation.created", ConversationRow.new(id="1" * 32), "conversation"),
    ],
)
def test_every_event_of_chat_can_be_shown_also_where_nothing_is_left_of_it(type: str, row, field: str) -> None:
    told = event_message(Event.new(type=type, number=1, resource_id="1" * 32, payload=row.snapshot(), created_at=1))
    assert told.WhichOneof("resource") == field
    if field == "answer_pieces":
        assert [piece.WhichOneof("event") for piece in told.answer_pieces.pieces] in ([], ["token", "restarted"])
