"""AI Orchestra: its WebSocket, what clients may say to it, and what they are told."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.ai_orchestra.v2.chat_socket_service_pb2 import SocketRequest

from server import values
from server.apikit.errors import ErrorContext
from server.apikit.projection import shown_message
from server.apikit.sockets.frames import Name, name_of, time_text
from server.apikit.sockets.socket_protocol import SocketDependencies, SocketProtocol, Subscriptions
from server.apikit.sockets.subscriber import Subscriber
from server.apis.ai_orchestra.chat.requests import question_in
from server.apis.ai_orchestra.chat.shape import answer_message, error_of, session_message, shown_id
from server.apis.ai_orchestra.chat.sse import told_of
from server.apis.ai_orchestra.errors import render_error
from server.core.chat.answers import ChatAnswers
from server.core.chat.conversations import Conversations
from server.core.chat.following import AnswerStreams
from server.core.chat.questions import BALANCED, MODES, check_session
from server.core.chat.rows import Piece
from server.core.models.port import Models
from server.core.shared.call_context import Call
from server.errors import InvalidRequest, NotFound, ServiceError, TooMany
from server.model import Answer, Event
from server.store.transaction import in_pieces

Socket = Subscriber[SocketRequest]
FRAMES, WINDOW_SECONDS = 100, 60.0
CHAT, STREAM = "chat", "stream"
COMMANDS = {
    "help": "what commands there are",
    "clear": "forget this session and all that was said in it",
    "status": "how this session is, and what is being answered",
    "mode": "answer in another mode from now on: data.mode is lite, balanced or quality",
    "cancel": "end what is being answered",
}
# By which names clients say what a command, or a control frame, is.
_COMMAND = ("command", "name", "action")
_ACTION = ("action", "control", "command", "type", "name")
# What older clients of this system read beside `data`.
_BESIDE = ("response", "session_id", "execution_time", "token", "done", "message", "status", "mode", "action", "error")


class ChatSocketServicer:
    """Holds conversations."""

    def __init__(
        self,
        shared: SocketDependencies,
        answers: ChatAnswers,
        streams: AnswerStreams,
        conversations: Conversations,
        models: Models,
    ) -> None:
        self._shared = shared
        self._answers = answers
        self._streams = streams
        self._conversations = conversations
        self._models = models

    async def Connect(self, requests: AsyncIterator[SocketRequest], call: Call) -> AsyncIterator[HttpBody]:
        protocol = ChatSocket(self._answers, self._streams, self._conversations, self._models)
        return Subscriber(protocol, self._shared, call).frames(_named(requests))


async def _named(requests: AsyncIterator[SocketRequest]) -> AsyncIterator[SocketRequest]:
    """Requests with their types: what has a message and no type is a chat."""
    async for request in requests:
        if not request.type and not request.invalid_frame and (request.message or _message_in(request)):
            request.type = CHAT
        yield request


def _message_in(request: SocketRequest) -> bool:
    data = _value(request)
    return bool(data) and values.is_object(data) and "message" in values.parts(data)


def _value(request: SocketRequest) -> bytes:
    """What `data` is, as bytes: the bridge has it as a message."""
    data: Any = request.data
    return data if isinstance(data, bytes) else cast("bytes", data.SerializeToString())


class ChatSocket(SocketProtocol[SocketRequest]):
    """One socket's: what it asks in one session, by whoever it is of."""

    open_to_all = frozenset({"auth", "control"})
    unknown = "say who you are first, in a frame of type auth"

    def __init__(
        self, answers: ChatAnswers, streams: AnswerStreams, conversations: Conversations, models: Models
    ) -> None:
        self._answers = answers
        self._streams = streams
        self._conversations = conversations
        self._models = models
        self._opening = SocketRequest()
        self._mode = BALANCED
        # When the last frames came, and which answers are told of already.
        self._frames: deque[float] = deque(maxlen=FRAMES)
        self._told: set[str] = set()
        self._refused = 0
        self._known = False
        self.commands = {
            CHAT: self._chat,
            STREAM: self._chat,
            "command": self._command,
            "control": self._control,
            "auth": self._authenticate,
        }

    def topics(self, call: Call) -> Subscriptions:
        return Subscriptions()

    def said(self, type: str, payload: dict[str, Any], reply_to: Name = "") -> HttpBody:
        beside = {name: payload[name] for name in _BESIDE if name in payload}
        tokens = payload.get("metadata", {}).get("tokens_used")
        if tokens is not None:
            beside["tokens_used"] = tokens
        if type == "error":
            beside["error"] = payload
        body = {**beside, "type": type, "data": payload, "timestamp": time_text(time.time_ns() // 1000)}
        return _frame({**body, "reply_to": reply_to} if reply_to != "" else body)

    async def opened(self, socket: Socket, request: SocketRequest) -> None:
        check_session(request.session_id)
        self._opening = request
        if self._known:
            await self._resume(socket)

    async def heard(self, socket: Socket, request: SocketRequest) -> None:
        """Counts frames. Raises TooMany where a minute has had its hundred; who goes on and on is hung up on."""
        now = time.monotonic()
        if len(self._frames) < FRAMES or now - self._frames[0] >= WINDOW_SECONDS:
            self._frames.append(now)
            self._refused = 0
            return
        wait = int(WINDOW_SECONDS - (now - self._frames[0])) + 1
        error = TooMany(f"a socket may say {FRAMES} things a minute", details={"retry_after": wait}, retry_after=wait)
        self._refused += 1
        raise error if self._refused <= FRAMES else socket.over(error)

    async def admitted(self, socket: Socket, request: SocketRequest | None) -> None:
        self._known = True
        if request is not None:
            await socket.say("control", {"action": "auth_ok"}, name_of(request))
        if self._opening.session_id:
            await self._resume(socket)

    async def render(self, socket: Socket, events: Sequence[Event]) -> Sequence[HttpBody]:
        # It is told of answers alone, which it follows one by one.
        return ()

    def explained(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        told: dict[str, Any] = render_error(error, ErrorContext(request_id, "")).body["error"]
        return told

    async def _resume(self, socket: Socket) -> None:
        """Tells what this client has asked and not heard to its end, or what it names."""
        session = self._opening.session_id
        if self._opening.answer_id:
            answer = await self._answers.get(socket.call, self._opening.answer_id)
            self._follow(socket, answer, STREAM, after=self._opening.after)
        for answer in await self._answers.awaited(socket.call, session):
            self._follow(socket, answer, answer.awaited_as)

    async def _chat(self, socket: Socket, request: SocketRequest) -> None:
        # As a request over REST is counted.
        await socket.call.meter()
        question = question_in(request.session_id, _data(request), self._opening.session_id, self._mode)
        answer = await self._answers.ask(socket.call, question, awaited_as=request.type)
        self._follow(socket, answer, request.type, name_of(request))

    def _follow(self, socket: Socket, answer: Answer, as_type: str, reply_to: Name = "", after: int = 0) -> None:
        if answer.id not in self._told:
            self._told.add(answer.id)
            socket.start(self._tell, socket, answer, as_type, reply_to, after)

    async def _tell(self, socket: Socket, answer: Answer, as_type: str, reply_to: Name, after: int) -> None:
        """Tells an answer: each token where it is streamed, and at last all of it."""
        named = {"answer_id": shown_id(answer.id), "session_id": answer.session_name, "done": False}
        async for heard in self._streams.follow(answer, after):
            if heard.ended is not None:
                await self._end(socket, heard.ended, as_type, reply_to)
                self._told.discard(answer.id)
                return
            if as_type == STREAM:
                for some in in_pieces(list(heard.pieces)):
                    await socket.send([self._frame(number, piece, named, reply_to) for number, piece in some])

    def _frame(self, number: int, piece: Piece, named: Mapping[str, Any], reply_to: Name) -> HttpBody:
        kind, told = told_of(number, piece)
        more = {} if kind == "token" else {"event": kind}
        return self.said(STREAM, {**told, **more, **named}, reply_to)

    async def _end(self, socket: Socket, answer: Answer, as_type: str, reply_to: Name) -> None:
        error = error_of(answer)
        if error is None:
            shown = shown_message(answer_message(answer))
            last = self.said(as_type, {**shown, "done": True} if as_type == STREAM else shown, reply_to)
        else:
            last = self.said("error", self.explained(error, socket.call.request_id), reply_to)

        async def told() -> None:
            await self._answers.told(answer)

        await socket.send_last(last, told)

    async def _command(self, socket: Socket, request: SocketRequest) -> None:
        data, session = _data(request), self._opening.session_id
        name = _word(data, _COMMAND, "command").removeprefix("/")
        told: dict[str, Any] = {"command": name}
        if name == "help":
            told["commands"] = COMMANDS
        elif name == "clear":
            # Where nothing was said in it, nothing is there to be forgotten.
            with suppress(NotFound):
                await self._conversations.delete(socket.call, session)
            told["session_id"] = session
        elif name == "status":
            told.update(await self._status(socket))
        elif name == "mode":
            told["mode"] = self._mode = _mode(data)
        elif name == "cancel":
            told["cancelled"] = await self._answers.cancel_open(socket.call, session)
        else:
            raise InvalidRequest("command", f"must be one of {', '.join(COMMANDS)}")
        await socket.say("command", told, name_of(request))

    async def _control(self, socket: Socket, request: SocketRequest) -> None:
        action = _word(_data(request), _ACTION, "action")
        if action == "ping":
            await socket.say("control", {"action": "pong"}, name_of(request))
        elif action == "status":
            told = await self._status(socket) if self._known else {"session_id": self._opening.session_id}
            await socket.say("control", {"action": "status", **told}, name_of(request))
        elif action != "pong":
            raise InvalidRequest("action", "must be one of ping, pong, status")

    async def _authenticate(self, socket: Socket, request: SocketRequest) -> None:
        await socket.authenticate(request.token or str(_data(request).get("token", "")), request)

    async def _status(self, socket: Socket) -> dict[str, Any]:
        """How the session is, and what of it is being answered."""
        told: dict[str, Any] = {
            "client_id": self._opening.client_id,
            "session_id": self._opening.session_id,
            "mode": self._mode,
            "model": self._models.default,
            "status": "new",
        }
        try:
            conversation = await self._conversations.get(socket.call, self._opening.session_id)
        except NotFound:
            return told
        told.update(shown_message(session_message(conversation)))
        turns = await self._conversations.turns(socket.call, conversation.name, limit=20)
        told["answering"] = [shown_id(turn.id) for turn in turns if turn.is_open]
        return told


def _data(request: SocketRequest) -> dict[str, Any]:
    """The object of a frame. Raises InvalidRequest where it is none."""
    given = _value(request)
    if not given:
        return {"message": request.message} if request.message else {}
    if not values.is_object(given):
        raise InvalidRequest("data", "must be an object")
    data: dict[str, Any] = values.decode(given)
    return {"message": request.message, **data} if request.message else data


def _word(data: Mapping[str, Any], names: Sequence[str], field: str) -> str:
    """What a frame wants, by whichever name it says that."""
    for name in names:
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name]).strip().lower()
    raise InvalidRequest(field, "Required field missing")


def _mode(data: Mapping[str, Any]) -> str:
    found = next((data[name] for name in ("mode", "optimization_mode", "value") if data.get(name)), BALANCED)
    if found not in MODES:
        raise InvalidRequest("mode", f"must be one of {', '.join(MODES)}")
    return str(found)


def _frame(body: Mapping[str, Any]) -> HttpBody:
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return HttpBody(content_type="application/json", data=data)
