"""Agent Operations: workflows and their runs."""

from __future__ import annotations

from orchestrator.wire.agent_operations.v1 import workflow_service_pb2 as pb

from server import values
from server.apikit.projection import timestamp
from server.apikit.workflow_steps import step_of
from server.apis.agent_operations.shape import page_of, pagination
from server.apis.agent_operations.workflow_shape import run_message, workflow_message
from server.core.shared.call_context import Call
from server.core.shared.pagination import left_out
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.model import Priority, Workflow, WorkflowRun, WorkflowStatus
from server.pace import all_of


class WorkflowServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, workflows: WorkflowDefinitions, runs: WorkflowRuns) -> None:
        self._workflows = workflows
        self._runs = runs

    async def ListWorkflows(self, request: pb.ListWorkflowsRequest, call: Call) -> pb.ListWorkflowsResponse:
        number, limit, offset = page_of(request.page, request.limit)
        page = await self._workflows.slice(call, limit=limit, offset=offset, status=request.status or None)
        return pb.ListWorkflowsResponse(
            data=await all_of(workflow_message(workflow) for workflow in page.rows),
            pagination=pagination(number, limit, page.total, left_out(page.rows, ["steps"])),
        )

    async def CreateWorkflow(self, request: pb.CreateWorkflowRequest, call: Call) -> pb.WorkflowResponse:
        workflow = await self._workflows.create(
            call,
            name=request.name,
            description=request.description,
            steps=[step_of(step) for step in request.steps],
            status=WorkflowStatus(request.status or "active"),
        )
        return _answer(workflow, call)

    async def GetWorkflow(self, request: pb.GetWorkflowRequest, call: Call) -> pb.WorkflowResponse:
        return _answer(await self._workflows.get(call, request.workflow_id), call)

    async def UpdateWorkflow(self, request: pb.UpdateWorkflowRequest, call: Call) -> pb.WorkflowResponse:
        workflow = await self._workflows.update(
            call,
            request.workflow_id,
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
            steps=[step_of(step) for step in request.steps] or None,
            status=WorkflowStatus(request.status) if request.status else None,
        )
        return _answer(workflow, call)

    async def DeleteWorkflow(self, request: pb.DeleteWorkflowRequest, call: Call) -> pb.DeleteWorkflowResponse:
        workflow = await self._workflows.delete(call, request.workflow_id)
        return pb.DeleteWorkflowResponse(
            message="Workflow deleted successfully", deleted_at=timestamp(workflow.deleted_at or 0)
        )

    async def ExecuteWorkflow(self, request: pb.ExecuteWorkflowRequest, call: Call) -> pb.WorkflowRunResponse:
        run = await self._workflows.execute(
            call,
            request.workflow_id,
            parameters=request.parameters if request.HasField("parameters") else values.EMPTY_OBJECT,
            priority=Priority[request.priority.upper()] if request.priority else Priority.MEDIUM,
        )
        return await self._run(run, call)

    async def ListRuns(self, request: pb.ListRunsRequest, call: Call) -> pb.ListRunsResponse:
        if request.workflow_id:
            await self._workflows.get(call, request.workflow_id)
        number, limit, offset = page_of(request.page, request.limit)
        page = await self._runs.slice(
            call, limit=limit, offset=offset, workflow_id=request.workflow_id, status=request.status or None
        )
        return pb.ListRunsResponse(
            data=await all_of(run_message(run) for run in page.rows),
            pagination=pagination(number, limit, page.total),
        )

    async def GetRun(self, request: pb.GetRunRequest, call: Call) -> pb.WorkflowRunResponse:
        return await self._run(await self._runs.get(call, request.run_id, request.workflow_id), call)

    async def CancelRun(self, request: pb.CancelRunRequest, call: Call) -> pb.WorkflowRunResponse:
        return await self._run(await self._runs.cancel(call, request.run_id, request.workflow_id), call)

    async def RetryRun(self, request: pb.RetryRunRequest, call: Call) -> pb.WorkflowRunResponse:
        return await self._run(await self._runs.retry(call, request.run_id, request.workflow_id), call)

    async def _run(self, run: WorkflowRun, call: Call) -> pb.WorkflowRunResponse:
        call.etag = run.version
        return pb.WorkflowRunResponse(data=run_message(run, await self._runs.steps_of(run)))


def _answer(workflow: Workflow, call: Call) -> pb.WorkflowResponse:
    call.etag = workflow.version
    return pb.WorkflowResponse(data=workflow_message(workflow))
