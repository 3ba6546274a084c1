"""A worker: connects, takes tasks, runs functions for them and says what came of it, whatever the network does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from orchestrator.v1 import worker_pb2 as pb
from orchestrator.v1.agent_service_pb2 import RegisterAgentRequest
from orchestrator.v1.worker_service_pb2_grpc import WorkerServiceStub

from server.worker.context import Context
from server.worker.finding import find_agent
from server.worker.handling import Handler, outcome

F = TypeVar("F", bound=Callable[..., Any])
MAX_PAUSE_SECONDS = 5.0
# How long a server may take to let a worker in.
WELCOME_SECONDS = 20.0
# Progress and lines that wait to be sent; the oldest go first when the network is slower than the tasks.
MAX_WORDS = 1000
# Connecting again does not help with these.
_FATAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
Name = tuple[str, int]


# A server that was away for long is found within seconds, and one that has gone silent is given up: by default gRPC
# waits up to two minutes before it tries again, and for ever for an answer.
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class Worker:
    """Does the tasks of one agent: that of `agent_id`, or of `agent_type` and `name`, registered where missing.

    Where the server speaks TLS, `credentials` are what `grpc.ssl_channel_credentials` makes.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str,
        agent_id: str = "",
        agent_type: str = "",
        name: str = "",
        capacity: int = 1,
        capabilities: list[str] | None = None,
        channel: grpc.aio.Channel | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        if bool(agent_id) == bool(agent_type):
            raise ValueError("give either agent_id or agent_type")
        self.worker_id = ""
        self.agent_id = agent_id
        self.capacity = capacity
        self._address = address
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._name = name or agent_type
        # What is registered where there is no such agent.
        self._wanted = RegisterAgentRequest(name=self._name, type=agent_type, max_concurrent_tasks=max(10, capacity))
        self._wanted.capabilities.words.extend(capabilities or [])
        self._channel = channel
        self._credentials = credentials
        self._handlers: dict[str, Handler] = {}
        self._running: dict[Name, tuple[Context, asyncio.Task[None]]] = {}
        # What must arrive and be answered, and what may be lost.
        self._results: dict[Name, pb.WorkRequest] = {}
        self._first: deque[pb.WorkRequest] = deque()
        self._words: deque[pb.WorkRequest] = deque(maxlen=MAX_WORDS)
        self._news = asyncio.Event()
        self._draining = False
        self._interval = 1.0

    def task(self, kind: F | str = "") -> Any:
        """Makes a function do tasks: those of a type, `@worker.task("report")`, or all others, `@worker.task`."""
        if callable(kind):
            self._handlers[""] = Handler(kind)
            return kind

        def register(function: F) -> F:
            self._handlers[kind] = Handler(function)
            return function

        return register

    def run(self) -> None:
        """Works until SIGTERM or SIGINT, then finishes what it has."""
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._until_told())

    async def _until_told(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.drain)
        await self.work()

    def drain(self) -> None:
        """Takes no more tasks; `work` returns when those at hand are done."""
        self._draining = True
        self._put(pb.WorkRequest(drain=pb.Drain()))

    def _opened(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
        return grpc.aio.secure_channel(self._address, self._credentials, options=CHANNEL_OPTIONS)

    async def work(self) -> None:
        """Works until `drain`. Raises grpc.aio.AioRpcError where connecting again would not help."""
        own = self._channel is None
        channel = self._channel or self._opened()
        pause = 0.1
        try:
            while True:
                try:
                    if not self.agent_id:
                        self.agent_id = await find_agent(channel, self._metadata, self._wanted)
                    welcomed = await self._connect(WorkerServiceStub(channel))  # type: ignore[no-untyped-call]
                    pause = 0.1 if welcomed else pause
                except grpc.aio.AioRpcError as error:
                    if error.code() == grpc.StatusCode.NOT_FOUND and self.worker_id:
                        # A server forgets who has been away for a day. Where it is the agent that is gone, the next
                        # try says so.
                        self.worker_id = ""
                    elif error.code() in _FATAL:
                        raise
                if self._draining and not self._running and not self._results:
                    return
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
        finally:
            for _, work in self._running.values():
                work.cancel()
            if own:
                await channel.close()

    async def _connect(self, stub: WorkerServiceStub) -> bool:
        """One connection, until it ends. Whether the server let us in. Raises AioRpcError where it did not."""
        leases = [context.lease for context, _ in self._running.values()]
        hello = pb.Hello(
            agent_id=self.agent_id,
            capacity=self.capacity,
            name=self._name,
            worker_id=self.worker_id,
            leases=leases,
        )
        call = stub.Work(metadata=self._metadata)
        sides: list[asyncio.Task[None]] = []
        welcomed = False
        try:
            async with asyncio.timeout(WELCOME_SECONDS) as patience:
                await call.write(pb.WorkRequest(hello=hello))
                async for response in call:
                    if response.HasField("welcome"):
                        welcomed = True
                        patience.reschedule(None)
                        self._welcome(response.welcome)
                        sides = [asyncio.create_task(self._send(call)), asyncio.create_task(self._beat())]
                    else:
                        self._hear(response)
        except TimeoutError:
            # Whoever is there takes connections and answers nothing.
            pass
        except grpc.aio.AioRpcError as error:
            if error.code() in _FATAL or not welcomed:
                raise
        except asyncio.InvalidStateError:
            # The stream ended while something was being written: the status says no more than that.
            pass
        finally:
            for side in sides:
                side.cancel()
            call.cancel()
        return welcomed

    def _welcome(self, welcome: pb.Welcome) -> None:
        self.worker_id = welcome.worker_id
        self._interval = welcome.heartbeat_interval_seconds
        for lease in welcome.lost:
            self._stop(_name(lease))
        # What was said before and not answered is said again.
        self._first.clear()
        self._first.extend(self._results.values())
        if self._draining:
            self._first.append(pb.WorkRequest(drain=pb.Drain()))
        self._news.set()

    async def _send(self, call: Any) -> None:
        try:
            while True:
                while self._first or self._words:
                    await call.write((self._first or self._words).popleft())
                self._news.clear()
                await self._news.wait()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # Whoever reads finds out too, and connects again.
            return

    async def _beat(self) -> None:
        while True:
            named = {name: context.lease for name, (context, _) in self._running.items()}
            named.update({name: pb.LeaseRef(task_id=name[0], attempt=name[1]) for name in self._results})
            self._put(pb.WorkRequest(heartbeat=pb.Heartbeat(leases=list(named.values()))), now=True)
            await asyncio.sleep(self._interval * 0.8)

    def _put(self, request: pb.WorkRequest, *, now: bool = False) -> None:
        if now:
            self._first.appendleft(request)
        else:
            self._first.append(request)
        self._news.set()

    def _say(self, request: pb.WorkRequest) -> None:
        self._words.append(request)
        self._news.set()

    def _hear(self, response: pb.WorkResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "leases":
            for lease in response.leases.leases:
                self._begin(lease)
        elif kind == "cancel":
            self._cancel(response.cancel.lease)
        elif kind == "accepted":
            for each in response.accepted.leases:
                self._results.pop(_name(each), None)
        elif kind == "refused":
            self._results.pop(_name(response.refused.lease), None)
        elif kind == "lost":
            self._stop(_name(response.lost.lease))

    def _begin(self, lease: pb.Lease) -> None:
        name = (lease.task_id, lease.attempt)
        if name in self._running or name in self._results:
            return
        ref = pb.LeaseRef(task_id=lease.task_id, attempt=lease.attempt)
        context = Context(lease.task, ref, self._say)
        self._running[name] = (context, asyncio.create_task(self._do(name, context)))

    async def _do(self, name: Name, context: Context) -> None:
        handler = self._handlers.get(context.task.type) or self._handlers.get("")
        said = await outcome(handler, context)
        # Where the lease is lost, nobody wants to hear of it.
        if self._running.pop(name, None) is not None:
            self._results[name] = said
            # A result comes after what was said of its task before.
            self._first.extend(self._words)
            self._words.clear()
            self._put(said)

    def _cancel(self, lease: pb.LeaseRef) -> None:
        running = self._running.get(_name(lease))
        if running is not None and not running[0].cancelled.is_set():
            self._put(pb.WorkRequest(acknowledge_cancel=pb.AcknowledgeCancel(lease=lease)))
            running[0].cancelled.set()
            running[1].cancel()

    def _stop(self, name: Name) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            running[0].cancelled.set()
            running[1].cancel()


def _name(lease: pb.LeaseRef) -> Name:
    return lease.task_id, lease.attempt
