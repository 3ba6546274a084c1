"""The tasks that people and agents share, over native gRPC, with a worker on its stream."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from orchestrator.v1 import task_board_service_pb2 as pb
from orchestrator.v1 import task_board_service_pb2_grpc, task_service_pb2
from orchestrator.v1.task_pb2 import (
    TASK_PRIORITY_HIGH,
    TASK_STATUS_COMPLETED,
    TASK_STATUS_PENDING,
    TASK_STATUS_RUNNING,
    Task,
)

from server.app import Application
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant
from tests.support.waiting import eventually
from tests.support.workers import Client, Raw


class Board(Client):
    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        super().__init__(channel, tenant)
        self.board = task_board_service_pb2_grpc.TaskBoardServiceStub(channel)

    async def ask(self, name: str, **given):
        request = getattr(pb, f"{name}Request")(**given)
        return await getattr(self.board, name)(request, metadata=self.metadata)

    async def make(self, title: str, **given):
        request = task_service_pb2.CreateTaskRequest(title=title, **given)
        return await self.tasks.CreateTask(request, metadata=self.metadata)


@pytest.fixture
async def board(application: Application, tenant: Tenant):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield Board(opened, tenant)


async def test_a_worker_is_told_at_once_that_its_task_was_taken(board: Board) -> None:
    agent = await board.agent()
    async with Raw(board, agent) as worker:
        task = await board.make("Dashboard", agent_id=agent.id)
        (lease,) = await worker.leased()
        held = await refused(board.ask("MoveTask", id=task.id, status=TASK_STATUS_COMPLETED))
        assert held.code() == grpc.StatusCode.FAILED_PRECONDITION and reason(held).reason == "HELD_BY_WORKER"
        # Silent from now on, so that no heartbeat is what it is answered to.
        worker.beats.cancel()
        taken = (await board.ask("TakeTask", id=task.id)).task
        assert taken.status == TASK_STATUS_RUNNING and taken.taken_by and not taken.agent_id and not taken.lease_holder
        lost = (await worker.wait("lost", seconds=1)).lost.lease
        assert (lost.task_id, lost.attempt) == (task.id, lease.attempt)
        # It has room for another one now.
        other = await board.make("Other", agent_id=agent.id)
        await eventually(lambda: other.id in worker.held)
        await worker.complete(lease)
        assert (await board.get(task)).status == TASK_STATUS_RUNNING
        back = (await board.ask("ReleaseTask", id=task.id, etag=str(taken.version))).task
        assert back.status == TASK_STATUS_PENDING and back.agent_id == agent.id


async def test_deployed_code_is_ended_where_a_person_takes_its_task(board: Board, application: Application) -> None:
    from orchestrator.v1 import agent_service_pb2

    code = "import time\ndef f(x): time.sleep(60)"
    request = agent_service_pb2.CreateAgentRequest(name="slow", code=code)
    agent = await board.agents.CreateAgent(request, metadata=board.metadata)
    task = await board.task(agent, {"x": 1}, timeout_seconds=100)
    running = application.dispatcher._running

    async def begun() -> bool:
        return (await board.get(task)).status == TASK_STATUS_RUNNING and bool(running)

    while not await begun():
        await asyncio.sleep(0.05)
    await board.ask("TakeTask", id=task.id)
    await eventually(lambda: not running)
    done = (await board.ask("MoveTask", id=task.id, status=TASK_STATUS_COMPLETED)).task
    assert done.status == TASK_STATUS_COMPLETED and done.taken_by


async def test_tasks_are_found_changed_explained_and_deleted(board: Board) -> None:
    task = await board.make("Login form", by_hand=True, tags=["web"], description="authenticates", estimated_hours=2)
    assert task.created_by.startswith("user_") and list(task.tags) == ["web"]
    await board.make("Other", by_hand=True)
    found = await board.ask("SearchTasks", query="authenticate", tags=["web"], page_size=1)
    assert [each.id for each in found.tasks] == [task.id] and (found.total_size, found.next_page_token) == (1, "")
    first = await board.ask("SearchTasks", page_size=1)
    second = await board.ask("SearchTasks", page_size=1, page_token=first.next_page_token)
    assert [each.title for each in (*first.tasks, *second.tasks)] == ["Other", "Login form"]
    given = Task(id=task.id, title="Sign in", priority=TASK_PRIORITY_HIGH)
    changed = (await board.ask("UpdateTask", task=given, etag="1")).task
    assert (changed.title, changed.priority, changed.estimated_hours) == ("Sign in", TASK_PRIORITY_HIGH, 2)
    stale = await refused(board.ask("UpdateTask", task=given, etag="1"))
    assert stale.code() == grpc.StatusCode.ABORTED
    mask = FieldMask(paths=["estimated_hours", "tags"])
    emptied = (await board.ask("UpdateTask", task=Task(id=task.id), update_mask=mask)).task
    assert not emptied.HasField("estimated_hours") and not emptied.tags and emptied.title == "Sign in"
    why = await board.ask("ExplainTask", id=task.id)
    assert why.waits and [each.rule for each in why.reasons] == ["unassigned"]
    agent = await board.agent()
    await board.ask("AssignTask", id=task.id, agent_id=agent.id)
    why = await board.ask("ExplainTask", id=task.id)
    assert [(each.agent_id, each.rule) for each in why.agents] == [(agent.id, "offline")]
    history = await board.ask("ListTaskHistory", id=task.id, page_size=2)
    assert [each.action for each in history.changes] == ["assigned", "updated"] and history.next_page_token == "2"
    assert history.changes[0].via == "native" and history.changes[0].after == f'"{agent.id.removeprefix("agent_")}"'
    await board.ask("DeleteTask", id=task.id, reason="done elsewhere", request_id="once")
    await board.ask("DeleteTask", id=task.id, reason="done elsewhere", request_id="once")
    assert (await refused(board.get(task))).code() == grpc.StatusCode.NOT_FOUND
