"""A client of the native API and a worker that says what a test wants it to say, over a real channel."""

from __future__ import annotations

import asyncio
import contextlib

import grpc
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
    worker_service_pb2_grpc,
)
from orchestrator.v1 import worker_pb2 as pb

from server.worker.values import to_value
from tests.support.tenants import Tenant
from tests.support.waiting import eventually


class Client:
    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self.channel, self.tenant, self.metadata = channel, tenant, tenant.metadata
        self.agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        self.workers = worker_service_pb2_grpc.WorkerServiceStub(channel)

    async def agent(self, **more):
        given = {"name": "a", "type": "x", "max_concurrent_tasks": 1000, **more}
        return await self.agents.RegisterAgent(agent_service_pb2.RegisterAgentRequest(**given), metadata=self.metadata)

    async def status(self, agent):
        request = agent_service_pb2.GetAgentRequest(id=agent.id)
        return (await self.agents.GetAgent(request, metadata=self.metadata)).status

    async def task(self, agent, value=None, **more):
        request = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value(value or {}), **more)
        return await self.tasks.CreateTask(request, metadata=self.metadata)

    async def get(self, task):
        return await self.tasks.GetTask(task_service_pb2.GetTaskRequest(id=task.id), metadata=self.metadata)

    async def cancel(self, task):
        return await self.tasks.CancelTask(task_service_pb2.CancelTaskRequest(id=task.id), metadata=self.metadata)

    async def ended(self, task):
        last = None
        async for last in self.tasks.WatchTask(task_service_pb2.WatchTaskRequest(id=task.id), metadata=self.metadata):
            pass
        return last


class Raw:
    """A worker that says exactly what a test wants it to say."""

    def __init__(self, client: Client, agent, capacity=1, worker_id="", leases=()) -> None:
        self.call = client.workers.Work(metadata=client.metadata)
        self.hello = pb.Hello(agent_id=agent.id, capacity=capacity, worker_id=worker_id, leases=leases)
        self.heard: list[pb.WorkResponse] = []
        self.held: dict[str, pb.Lease] = {}
        self.lock = asyncio.Lock()
        self.error: grpc.aio.AioRpcError | None = None
        self.over = asyncio.Event()
        self.beating = True

    async def __aenter__(self):
        await self.say(hello=self.hello)
        self.reading = asyncio.create_task(self.read())
        self.welcome = (await self.wait("welcome")).welcome
        self.beats = asyncio.create_task(self.beat())
        return self

    async def __aexit__(self, *_):
        self.drop()

    def drop(self):
        self.beats.cancel()
        self.reading.cancel()
        self.call.cancel()

    async def say(self, **message):
        async with self.lock:
            await self.call.write(pb.WorkRequest(**message))

    async def beat(self):
        while self.beating:
            leases = [ref(lease) for lease in self.held.values()]
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self.say(heartbeat=pb.Heartbeat(leases=leases, cpu_usage=12.5))
            await asyncio.sleep(0.3)

    async def read(self):
        try:
            async for response in self.call:
                self.heard.append(response)
                for lease in response.leases.leases:
                    self.held[lease.task_id] = lease
                for lease in response.accepted.leases:
                    self.held.pop(lease.task_id, None)
                self.held.pop(response.lost.lease.task_id, None)
        except grpc.aio.AioRpcError as error:
            self.error = error
        self.over.set()

    def all(self, kind):
        return [each for each in self.heard if each.WhichOneof("message") == kind]

    async def wait(self, kind, count=1, seconds=5.0):
        await eventually(lambda: len(self.all(kind)) >= count or self.error, seconds)
        if self.error is not None and len(self.all(kind)) < count:
            raise self.error
        return self.all(kind)[count - 1]

    async def leased(self, count=1, seconds=5.0):
        def given():
            return [lease for each in self.all("leases") for lease in each.leases.leases]

        await eventually(lambda: len(given()) >= count, seconds)
        return given()

    async def complete(self, lease, value=1):
        await self.say(complete=pb.Complete(lease=ref(lease), output=to_value(value)))


def ref(lease):
    return pb.LeaseRef(task_id=lease.task_id, attempt=lease.attempt)
