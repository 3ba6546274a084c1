"""orchestrator.v1.WorkflowService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from orchestrator.wire.v1 import workflow_service_pb2 as pb
from orchestrator.wire.v1.workflow_pb2 import Workflow as WorkflowMessage
from orchestrator.wire.v1.workflow_pb2 import WorkflowRun as RunMessage

from server import values
from server.apikit.workflow_steps import step_of
from server.apis.native.workflows.resources import RUN_WORDS, WORDS, run_message, workflow_message
from server.core.shared.call_context import Call
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.model import Priority, WorkflowRun, WorkflowStatus
from server.pace import all_of

PAGE_SIZE = 20


class WorkflowServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, workflows: WorkflowDefinitions, runs: WorkflowRuns, *, heartbeat_seconds: float) -> None:
        self._workflows = workflows
        self._runs = runs
        self._heartbeat_seconds = heartbeat_seconds

    async def CreateWorkflow(self, request: pb.CreateWorkflowRequest, call: Call) -> WorkflowMessage:
        workflow = await self._workflows.create(
            call,
            name=request.name,
            description=request.description,
            steps=[step_of(step) for step in request.steps],
            status=WorkflowStatus(WORDS[request.status]) if request.status else WorkflowStatus.ACTIVE,
        )
        return workflow_message(workflow)

    async def GetWorkflow(self, request: pb.GetWorkflowRequest, call: Call) -> WorkflowMessage:
        return workflow_message(await self._workflows.get(call, request.id))

    async def ListWorkflows(self, request: pb.ListWorkflowsRequest, call: Call) -> pb.ListWorkflowsResponse:
        status = WORDS[request.status] if request.status else None
        size = request.page_size or PAGE_SIZE
        page = await self._workflows.page(call, size=size, token=request.page_token, status=status)
        return pb.ListWorkflowsResponse(
            workflows=await all_of(workflow_message(workflow) for workflow in page.rows),
            next_page_token=page.next_token,
        )

    async def UpdateWorkflow(self, request: pb.UpdateWorkflowRequest, call: Call) -> WorkflowMessage:
        call.require_version(request.version)
        workflow = await self._workflows.update(
            call,
            request.id,
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
            steps=[step_of(step) for step in request.steps] or None,
            status=WorkflowStatus(WORDS[request.status]) if request.status else None,
        )
        return workflow_message(workflow)

    async def DeleteWorkflow(self, request: pb.DeleteWorkflowRequest, call: Call) -> pb.DeleteWorkflowResponse:
        call.require_version(request.version)
        await self._workflows.delete(call, request.id)
        return pb.DeleteWorkflowResponse()

    async def ExecuteWorkflow(self, request: pb.ExecuteWorkflowRequest, call: Call) -> RunMessage:
        run = await self._workflows.execute(
            call,
            request.id,
            parameters=request.parameters if request.HasField("parameters") else values.EMPTY_OBJECT,
            priority=Priority(request.priority - 1) if request.priority else Priority.MEDIUM,
        )
        return await self._answer(run)

    async def GetRun(self, request: pb.GetRunRequest, call: Call) -> RunMessage:
        return await self._answer(await self._runs.get(call, request.id))

    async def ListRuns(self, request: pb.ListRunsRequest, call: Call) -> pb.ListRunsResponse:
        page = await self._runs.page(
            call,
            size=request.page_size or PAGE_SIZE,
            token=request.page_token,
            workflow_id=request.workflow_id,
            status=RUN_WORDS[request.status] if request.status else None,
        )
        return pb.ListRunsResponse(
            runs=await all_of(run_message(run) for run in page.rows), next_page_token=page.next_token
        )

    async def CancelRun(self, request: pb.CancelRunRequest, call: Call) -> RunMessage:
        return await self._answer(await self._runs.cancel(call, request.id))

    async def RetryRun(self, request: pb.RetryRunRequest, call: Call) -> RunMessage:
        return await self._answer(await self._runs.retry(call, request.id))

    async def WatchRun(self, request: pb.WatchRunRequest, call: Call) -> AsyncIterator[RunMessage]:
        await self._runs.get(call, request.id)
        runs = self._runs.watch(call, request.id, heartbeat_seconds=self._heartbeat_seconds)
        return (run_message(run, steps) async for run, steps in runs)

    async def _answer(self, run: WorkflowRun) -> RunMessage:
        return run_message(run, await self._runs.steps_of(run))
