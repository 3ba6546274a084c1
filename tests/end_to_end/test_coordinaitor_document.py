"""Every example of the CoordinAItor document, replayed in its order through a real Envoy, with its snippets run in node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from websockets.sync.client import connect

from server.core.identity import organizations
from tests.support.examples import HAS, TIME, differs, filled
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("stack")

# The document's administrator, in the organization that other tests use as well. All but the first examples are asked
# in one of their own.
EMAIL, PASSWORD = "admin@orchestrator.com", "admin123"
OWN_PASSWORD = "kX9-lamp-river"
META = {"requestId": str, "timestamp": TIME, "version": "1.0.0"}
USER = {"id": re.compile("user-.+"), "email": "{email}", "name": str}
TOKENS = {"accessToken": re.compile(r".+\..+\..+"), "refreshToken": str, "expiresIn": 3600, "user": USER}
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc"
    b"\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)
NUMBER = (int, float)


@dataclass(frozen=True)
class Example:
    """A request, and what its answer must have."""

    name: str
    method: str
    path: str
    status: int
    has: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    files: dict[str, Any] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    # What of the answer's `data` later examples name in braces: a name, and the way to it.
    keep: dict[str, str] = field(default_factory=dict)
    # Who asks: by `token`, by `key` in either header, as `john`, or nobody.
    by: str = "token"
    # Headers that it has besides.
    headers: dict[str, str] = field(default_factory=dict)
    # Whether what must be there comes a moment later.
    soon: bool = False


def ok(data: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "meta": META, **more}


def page(**more: Any) -> dict[str, Any]:
    return {"page": 1, "limit": 20, "total": int, "pages": int, "hasNext": bool, "hasPrev": False, **more}


TASK = {
    "id": re.compile("task-.+"),
    "title": str,
    "description": str,
    "status": re.compile("pending|active|completed|failed|cancelled"),
    "priority": re.compile("low|medium|high"),
    "tags": list,
    "actualHours": NUMBER,
    "progress": NUMBER,
    "createdAt": TIME,
    "updatedAt": TIME,
    "createdBy": "{user}",
}
# One of the project, as lists have it.
LISTED = {
    **TASK,
    "id": "{task}",
    "projectId": "{project}",
    "agentId": "{agent}",
    "estimatedHours": 12,
    "dueDate": re.compile("2024-02-20T00:00:00.*Z"),
    "assignedAgent": {"id": "{agent}", "name": "Full Stack Developer Bot", "type": "coding"},
    "project": {"id": "{project}", "name": "Mobile Application"},
}
AGENT = {
    "id": re.compile("agent-.+"),
    "name": str,
    "type": str,
    "status": re.compile("available|busy|offline|error"),
    "model": str,
    "provider": str,
    "capabilities": list,
    "specializations": list,
    "maxConcurrentTasks": int,
    "currentTasks": int,
    "totalTasksCompleted": int,
    "createdAt": TIME,
}
PROJECT = {
    "id": re.compile("proj-.+"),
    "name": str,
    "description": str,
    "status": "active",
    "priority": re.compile("low|medium|high"),
    "progress": NUMBER,
    "taskCount": {"total": int, "completed": int, "active": int, "pending": int},
    "teamSize": int,
    "assignedAgents": int,
    "createdAt": TIME,
    "updatedAt": TIME,
}

DOCUMENTED = sorted(
    "task.created task.updated task.completed task.failed task.assigned agent.created agent.status_changed "
    "project.created project.completed user.registered".split()
)


EXAMPLES = [
    Example(
        "login, as the beginning of the document has it",
        "POST",
        "/api/auth/login",
        200,
        {**TOKENS, "token": str, "user": {**USER, "email": EMAIL}},
        body={"email": EMAIL, "password": PASSWORD},
        by="nobody",
    ),
    Example(
        "login",
        "POST",
        "/api/v1/auth/login",
        200,
        ok({**TOKENS, "user": {**USER, "organizationId": re.compile("org-.+")}}),
        body={"email": "{email}", "password": OWN_PASSWORD},
        keep={"token": "accessToken", "refresh": "refreshToken", "user": "user.id"},
        by="nobody",
    ),
    Example("the token in a request", "GET", "/api/tasks", 200, {"success": True, "tasks": list}),
    Example(
        "an API key",
        "POST",
        "/api/auth/api-keys",
        201,
        {"success": True},
        body={"name": "My Integration", "permissions": ["tasks:read", "tasks:write", "agents:read"]},
        keep={"key": "key"},
    ),
    Example("the key in a request", "GET", "/api/tasks", 200, {"success": True}, by="key"),
    Example("the key as the cURL examples send it", "GET", "/api/v1/tasks", 200, {"success": True}, by="key as bearer"),
    Example(
        "what the key may not",
        "POST",
        "/api/v1/agents",
        403,
        {"success": False, "error": {"code": "AUTHORIZATION_ERROR", "details": {"scope": "agents:write"}}},
        body={"name": "a", "type": "coding"},
        by="key",
    ),
    Example("no credential", "GET", "/api/v1/tasks", 401, {"error": {"code": "AUTHENTICATION_ERROR"}}, by="nobody"),
    Example(
        "refresh, as the beginning of the document has it",
        "POST",
        "/api/auth/refresh",
        200,
        {"accessToken": str, "refreshToken": str, "expiresIn": 3600},
        body={"refreshToken": "{refresh}"},
        keep={"refresh": "refreshToken", "token": "accessToken"},
        by="nobody",
    ),
    Example(
        "refresh",
        "POST",
        "/api/v1/auth/refresh",
        200,
        ok({"accessToken": str, "refreshToken": str, "expiresIn": 3600}, accessToken=str),
        body={"refreshToken": "{refresh}"},
        keep={"refresh": "refreshToken", "token": "accessToken"},
        by="nobody",
    ),
    Example(
        "the standard request",
        "POST",
        "/api/v1/tasks",
        201,
        ok({**TASK, "title": "Task title", "description": "Task description", "status": "pending"}),
        body={"title": "Task title", "description": "Task description", "priority": "high"},
        keep={"first": "id"},
    ),
    Example(
        "the pagination format",
        "GET",
        "/api/v1/tasks?page=1&limit=20",
        200,
        {
            "success": True,
            "data": list,
            "pagination": page(),
            "links": {"first": "/api/v1/tasks?page=1&limit=20", "last": str, "prev": None},
        },
    ),
    Example(
        "the error format",
        "POST",
        "/api/v1/tasks",
        422,
        {
            "success": False,
            "error": {"code": "VALIDATION_ERROR", "message": "Validation failed", "details": {"title": list, "priority": list}},
            "meta": {"requestId": str, "timestamp": TIME},
        },
        body={"description": "without a title", "priority": "urgent"},
    ),
    Example(
        "create an agent",
        "POST",
        "/api/v1/agents",
        201,
        ok(
            {
                **AGENT,
                "name": "Full Stack Developer Bot",
                "type": "coding",
                "model": "gpt-4",
                "provider": "openai",
                "maxConcurrentTasks": 2,
                "workingHours": {"timezone": "America/New_York", "start": "09:00", "end": "17:00", "days": list},
            }
        ),
        body={
            "name": "Full Stack Developer Bot",
            "type": "coding",
            "model": "gpt-4",
            "provider": "openai",
            "capabilities": ["react", "nodejs", "python", "postgresql", "aws"],
            "specializations": ["full-stack", "microservices", "devops"],
            "maxConcurrentTasks": 2,
            "workingHours": {
                "timezone": "America/New_York",
                "start": "09:00",
                "end": "17:00",
                "days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            },
            # With everything that the document has.
            "configuration": {
                "temperature": 0.7,
                "maxTokens": 4000,
                "codeStyle": "clean-code",
                "testingFramework": "jest",
                "documentationLevel": "comprehensive",
            },
        },
        keep={"agent": "id"},
    ),
    Example(
        "create a project",
        "POST",
        "/api/v1/projects",
        201,
        ok({**PROJECT, "name": "Mobile Application", "startDate": TIME, "endDate": TIME, "budget": {"hours": 500, "cost": 75000}}),
        body={
            "name": "Mobile Application",
            "description": "Cross-platform mobile app for iOS and Android",
            "startDate": "2024-02-01T00:00:00Z",
            "endDate": "2024-06-30T23:59:59Z",
            "priority": "medium",
            "budget": {"hours": 500, "cost": 75000},
            "teamMembers": [{"userId": "{user}", "role": "project-manager"}],
            "agents": ["{agent}"],
            "tags": ["mobile", "react-native", "ios", "android"],
        },
        keep={"project": "id"},
    ),
    Example("all tasks", "GET", "/api/v1/tasks", 200, {"success": True, "data": list, "pagination": page()}),
    Example("high and active", "GET", "/api/v1/tasks?status=active&priority=high", 200, {"data": []}),
    Example(
        "create a task",
        "POST",
        "/api/v1/tasks",
        201,
        ok(
            {
                **TASK,
                "title": "Build user dashboard",
                "priority": "medium",
                "projectId": "{project}",
                "agentId": "{agent}",
                "tags": ["analytics", "dashboard", "frontend"],
                "estimatedHours": 12,
                "actualHours": 0,
                "progress": 0,
                "dueDate": re.compile("2024-02-20T00:00:00.*Z"),
                "createdBy": "{user}",
                "requirements": ["Responsive design", "Real-time data updates", "Export functionality"],
                "acceptanceCriteria": list,
            }
        ),
        body={
            "title": "Build user dashboard",
            "description": "Create a comprehensive user dashboard with analytics and controls for authentication",
            "priority": "medium",
            "projectId": "{project}",
            "agentId": "{agent}",
            "tags": ["frontend", "dashboard", "analytics"],
            "estimatedHours": 12,
            "dueDate": "2024-02-20T00:00:00Z",
            "requirements": ["Responsive design", "Real-time data updates", "Export functionality"],
            "acceptanceCriteria": [
                "Dashboard loads within 2 seconds",
                "All data is real-time",
                "Export works for all data formats",
            ],
        },
        keep={"task": "id"},
    ),
    Example(
        "search with pages",
        "GET",
        "/api/v1/tasks?search=authentication&page=1&limit=10",
        200,
        {"data": [LISTED], "pagination": page(limit=10, total=1, pages=1)},
    ),
    Example(
        "a page behind the last one",
        "GET",
        "/api/v1/tasks?search=authentication&page=2&limit=10",
        200,
        {
            "data": [],
            "pagination": {"page": 2, "limit": 10, "total": 1, "pages": 1, "hasNext": False, "hasPrev": True},
            "links": {"prev": "/api/v1/tasks?page=1&limit=10&search=authentication", "next": None},
        },
    ),
    *(
        Example(f"tasks by {query.partition('=')[0]}", "GET", f"/api/v1/tasks?{query}", status, has)
        for query, status, has in (
            ("agentId={agent}", 200, {"data": [LISTED]}),
            ("createdAfter=2024-01-01T00:00:00Z&createdBefore=2124-01-01", 200, {"data": [LISTED, TASK]}),
            ("createdBefore=2024-01-01", 200, {"data": [], "pagination": page(total=0, pages=0)}),
            ("sortBy=createdAt&sortOrder=asc", 200, {"data": [TASK, LISTED]}),
            ("sortBy=priority&sortOrder=desc", 200, {"data": [{"priority": "high"}, {"priority": "medium"}]}),
            ("sortBy=dueDate", 200, {"data": [LISTED, TASK]}),
            ("sortBy=updatedAt&status=pending", 200, {"data": [LISTED, TASK]}),
            ("sortBy=colour", 422, {"error": {"code": "VALIDATION_ERROR", "details": {"sortBy": list}}}),
            ("createdAfter=soon", 422, {"error": {"details": {"createdAfter": list}}}),
            ("colour=red", 400, {"error": {"code": "VALIDATION_ERROR"}}),
        )
    ),
    Example(
        "by project and tags",
        "GET",
        "/api/v1/tasks?projectId={project}&tags=frontend,dashboard",
        200,
        {"data": [LISTED]},
    ),
    Example("one task", "GET", "/api/v1/tasks/{task}", 200, ok({**TASK, "id": "{task}"})),
    Example(
        "add a comment",
        "POST",
        "/api/v1/tasks/{task}/comments",
        201,
        {"success": True, "data": {"id": re.compile("comment-.+"), "content": str, "author": "{user}", "createdAt": TIME}},
        body={"content": "Great progress on the authentication system!", "mentions": ["{user}"]},
    ),
    Example(
        "upload a file",
        "POST",
        "/api/v1/tasks/{task}/files",
        201,
        {
            "success": True,
            "data": {"id": re.compile("file-.+"), "name": "design-mockup.png", "size": int, "mimeType": "image/png", "uploadedAt": TIME},
        },
        files={"file": ("design-mockup.png", PNG)},
        form={"description": "UI mockup for authentication screen"},
    ),
    Example(
        "one task with all that belongs to it",
        "GET",
        "/api/v1/tasks/{task}?include=comments,files,history,metrics",
        200,
        ok(
            {
                **TASK,
                "comments": [{"id": str, "content": str, "author": str, "createdAt": TIME}],
                "files": [{"id": str, "name": "design-mockup.png", "size": int, "mimeType": str, "uploadedAt": TIME}],
                "history": HAS({"id": str, "action": "created", "user": "{user}", "timestamp": TIME}),
                "metrics": {"timeSpent": NUMBER, "completionRate": NUMBER, "changeRequests": 0},
            }
        ),
    ),
    Example(
        "assign",
        "POST",
        "/api/v1/tasks/{first}/assign",
        200,
        ok({"id": "{first}", "agentId": "{agent}", "priority": "high", "dueDate": re.compile("2024-02-20.+")}),
        body={"agentId": "{agent}", "priority": "high", "dueDate": "2024-02-20T00:00:00Z"},
    ),
    Example(
        "put",
        "PUT",
        "/api/v1/tasks/{task}",
        200,
        ok({"title": "Updated task title", "status": "active", "priority": "high", "tags": ["priority", "updated"]}),
        body={
            "title": "Updated task title",
            "description": "Updated description",
            "priority": "high",
            "status": "active",
            "dueDate": "2024-02-25T00:00:00Z",
            "tags": ["updated", "priority"],
        },
    ),
    Example(
        "patch",
        "PATCH",
        "/api/v1/tasks/{task}",
        200,
        ok({"title": "Updated task title", "status": "completed", "actualHours": 7.5, "progress": 1}),
        body={"status": "completed", "actualHours": 7.5, "progress": 1.0},
    ),
    Example(
        "what it was worth",
        "POST",
        "/api/v1/tasks/{task}/rating",
        201,
        {"success": True},
        body={"quality": 0.85},
    ),
    Example(
        "its history and its figures",
        "GET",
        "/api/v1/tasks/{task}?include=history,metrics",
        200,
        ok(
            {
                "metrics": {"timeSpent": 7.5, "completionRate": 1, "qualityScore": 0.85, "changeRequests": 0},
                "history": HAS({"action": "status_changed", "from": "pending", "to": "active", "user": "{user}"}),
            }
        ),
    ),
    Example(
        "a change of another version",
        "PUT",
        "/api/v1/tasks/{task}",
        409,
        {"error": {"code": "CONFLICT_ERROR"}},
        body={"title": "Late"},
        headers={"if-match": '"1"'},
    ),
    Example("delete a task", "DELETE", "/api/v1/tasks/{first}?reason=twice", 204),
    Example("it is gone", "GET", "/api/v1/tasks/{first}", 404, {"success": False, "error": {"code": "NOT_FOUND"}}),
    Example(
        "coding agents", "GET", "/api/v1/agents?type=coding", 200, {"success": True, "data": [AGENT], "pagination": page(total=1)}
    ),
    Example("available agents with React", "GET", "/api/v1/agents?available=true&capabilities=react", 200, {"data": list}),
    Example("available coding agents", "GET", "/api/v1/agents?type=coding&available=true", 200, {"data": list}),
    Example("no agent is so", "GET", "/api/v1/agents?capabilities=react,cobol", 200, {"data": []}),
    *(
        Example(f"agents that are {word}", "GET", f"/api/v1/agents?status={word}&limit=5", 200, {"data": list})
        for word in ("available", "busy", "offline", "error")
    ),
    Example(
        "one agent",
        "GET",
        "/api/v1/agents/{agent}?include=tasks,metrics,logs",
        200,
        ok({**AGENT, "id": "{agent}", "tasks": list, "metrics": dict, "logs": list}),
    ),
    Example("update an agent", "PUT", "/api/v1/agents/{agent}", 200, ok({"maxConcurrentTasks": 3}), body={"maxConcurrentTasks": 3}),
    Example(
        "disable an agent", "POST", "/api/v1/agents/{agent}/disable", 200, ok({"status": "offline"}), body={"reason": "Maintenance required"}
    ),
    Example("enable an agent", "POST", "/api/v1/agents/{agent}/enable", 200, {"success": True}, body={}),
    Example("tasks of an agent", "GET", "/api/v1/agents/{agent}/tasks", 200, {"success": True, "data": list}),
    Example(
        "metrics of an agent",
        "GET",
        "/api/v1/agents/{agent}/metrics",
        200,
        ok(
            {
                "agentId": "{agent}",
                "period": {"start": TIME, "end": TIME},
                "taskMetrics": {"totalTasks": int, "completedTasks": int, "failedTasks": int, "cancelledTasks": int},
                "performanceMetrics": dict,
                "utilizationMetrics": dict,
            }
        ),
    ),
    Example(
        "projects",
        "GET",
        "/api/v1/projects",
        200,
        {"success": True, "data": [{**PROJECT, "startDate": TIME, "endDate": TIME, "teamSize": 1}], "pagination": page(total=1)},
    ),
    *(
        Example(f"projects by {query}", "GET", f"/api/v1/projects?{query}", 200, {"data": [{"id": "{project}"}] if found else []})
        for query, found in (
            ("status=active&limit=5", True),
            ("status=completed", False),
            ("status=archived", False),
            ("status=on-hold", False),
            ("search=CROSS-platform", True),
            ("search=desktop", False),
            ("memberId={user}", True),
        )
    ),
    Example("one project", "GET", "/api/v1/projects/{project}", 200, ok({"id": "{project}", "name": "Mobile Application"})),
    Example(
        "update a project", "PUT", "/api/v1/projects/{project}", 200, ok({"name": "Mobile App"}), body={"name": "Mobile App"}
    ),
    Example("tasks of a project", "GET", "/api/v1/projects/{project}/tasks", 200, {"success": True, "data": [{"id": "{task}"}]}),
    Example(
        "invite somebody",
        "POST",
        "/api/v1/invitations",
        201,
        {"success": True},
        body={"email": "john.{name}@example.com", "role": "developer"},
        keep={"invitation": "token"},
    ),
    Example(
        "who joins",
        "POST",
        "/api/v1/auth/register",
        201,
        {"success": True},
        body={
            "email": "john.{name}@example.com",
            "password": "correct horse battery staple",
            "name": "John Doe",
            "invitationToken": "{invitation}",
        },
        keep={"john": "user.id", "johns": "accessToken"},
        by="nobody",
    ),
    Example(
        "he mentions me",
        "POST",
        "/api/v1/tasks/{task}/comments",
        201,
        {"success": True},
        body={"content": "Look!", "mentions": ["{user}"]},
        by="john",
    ),
    Example("users are for administrators alone", "GET", "/api/v1/users", 403, {"error": {"code": "AUTHORIZATION_ERROR"}}, by="john"),
    Example("logs, too", "GET", "/api/v1/system/logs", 403, {"error": {"code": "AUTHORIZATION_ERROR"}}, by="john"),
    Example(
        "add a member",
        "POST",
        "/api/v1/projects/{project}/members",
        201,
        {"success": True},
        body={"userId": "{john}", "role": "developer", "permissions": ["tasks:read", "tasks:write"]},
    ),
    Example("remove a member", "DELETE", "/api/v1/projects/{project}/members/{john}", 204),
    Example("users", "GET", "/api/v1/users", 200, {"success": True, "data": list, "pagination": page()}),
    Example(
        "me",
        "GET",
        "/api/v1/users/me",
        200,
        ok(
            {
                **USER,
                "role": "admin",
                "organizationId": re.compile("org-.+"),
                "preferences": dict,
                "stats": {"tasksCreated": int, "tasksCompleted": int, "projectsActive": int},
                "createdAt": TIME,
                "lastLoginAt": TIME,
            }
        ),
    ),
    Example(
        "change me",
        "PUT",
        "/api/v1/users/me",
        200,
        ok({"name": "John D", "preferences": {"theme": "dark", "notifications": {"email": True, "push": True, "desktop": False}}}),
        body={
            "name": "John D",
            "preferences": {
                "theme": "dark",
                "language": "en",
                "timezone": "America/New_York",
                "notifications": {"email": True, "push": True, "desktop": False},
            },
        },
    ),
    Example("my picture", "POST", "/api/v1/users/me/avatar", 200, {"success": True}, files={"file": ("me.png", PNG)}),
    Example(
        "what I am told",
        "GET",
        "/api/v1/users/me/notifications",
        200,
        {"success": True, "data": [{"id": str, "type": "task.mentioned", "read": False}], "pagination": page(total=1)},
        keep={"told": "0.id"},
        soon=True,
    ),
    Example("I have read it", "PUT", "/api/v1/users/me/notifications/{told}/read", 200, ok({"id": "{told}", "read": True}), body={}),
    Example(
        "health",
        "GET",
        "/api/v1/system/health",
        200,
        ok(
            {
                "status": re.compile("healthy|degraded"),
                "timestamp": TIME,
                "uptime": NUMBER,
                "version": str,
                "environment": "development",
                "services": {
                    "database": {"status": "healthy", "latency": NUMBER, "connections": int},
                    "agents": {"status": str, "total": int, "available": int, "busy": int},
                },
                "metrics": {"activeTasks": int, "completedToday": int, "errorRate": NUMBER},
            }
        ),
    ),
    Example("metrics", "GET", "/api/v1/system/metrics", 200, {"success": True, "data": dict}),
    Example("logs", "GET", "/api/v1/system/logs?level=error&limit=10", 200, {"success": True, "data": list}),
    Example(
        "logs of a service since a time",
        "GET",
        "/api/v1/system/logs?level=info&service=server&since=2024-01-16T00:00:00Z",
        200,
        {"success": True, "data": list},
    ),
    Example("status", "GET", "/api/v1/system/status", 200, {"success": True, "data": dict}),
    Example(
        "a webhook",
        "POST",
        "/api/v1/webhooks",
        201,
        {"success": True, "data": {"id": str, "events": list, "active": True}},
        body={
            # The document's host is one of those that have no address here.
            "url": "https://127.0.0.1/webhook/orchestrator",
            "events": ["task.created", "task.completed", "task.failed", "agent.status_changed"],
            "secret": "your-webhook-secret",
            "active": True,
            "headers": {"User-Agent": "Orchestrator-Webhook/1.0"},
        },
    ),
    Example(
        "a webhook for every event of the document",
        "POST",
        "/api/v1/webhooks",
        201,
        {"success": True, "data": {"events": DOCUMENTED, "active": True, "url": str}},
        body={"url": "https://127.0.0.1/webhook/orchestrator", "events": DOCUMENTED},
    ),
    Example(
        "delete a project with its tasks in it", "DELETE", "/api/v1/projects/{project}", 204
    ),
    Example("logout", "POST", "/api/v1/auth/logout", 204, body={"refreshToken": "{refresh}"}),
    Example(
        "the token has ended with it",
        "GET",
        "/api/v1/tasks",
        401,
        {"success": False, "error": {"code": "AUTHENTICATION_ERROR"}},
    ),
]


def at(value: Any, way: str) -> Any:
    for name in way.split("."):
        value = value[int(name) if isinstance(value, list) else name]
    return value


@pytest.fixture
def known(stack: Stack) -> dict[str, str]:
    """Who asks: the administrator of an organization that no other test knows."""
    name = uuid.uuid4().hex[:8]
    who = {"email": f"admin.{name}@example.com", "password": OWN_PASSWORD, "name": "Administrator"}
    made = httpx.post(f"http://localhost:{stack.operations_port}/api/v1/auth/register", json=who, timeout=30)
    owner = made.json()["data"]["user"]["organizationId"].removeprefix("org-")
    # Whoever asks so much in a minute has another tier.
    stack._with_database(lambda database: organizations.set_tier(database, owner, "enterprise"))
    return {"name": name, "email": who["email"]}


def test_every_example_of_the_document_is_answered_as_it_says(stack: Stack, known: dict[str, str]) -> None:
    with httpx.Client(base_url=f"http://localhost:{stack.operations_port}", timeout=30) as client:
        for example in EXAMPLES:
            answer = asked(client, example, known)
            if example.soon:
                until(lambda: not differs(filled(example.has, known), asked(client, example, known).json()))
                answer = asked(client, example, known)
            assert answer.status_code == example.status, (example.name, answer.text)
            if example.by != "nobody" and example.status not in (400, 401):
                window = {name: int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset", "window")}
                assert 0 <= window["remaining"] < window["limit"] and window["window"] in (60, 3600), example.name
            if example.status == 204:
                assert answer.content == b"", example.name
                continue
            said = answer.json()
            assert not differs(filled(example.has, known), said), (example.name, differs(filled(example.has, known), said), said)
            for name, way in example.keep.items():
                known[name] = at(said.get("data", said), way)


def asked(client: httpx.Client, example: Example, known: dict[str, str]) -> httpx.Response:
    bearers = {"token": "token", "john": "johns", "key as bearer": "key"}
    headers = dict(example.headers)
    if example.by in bearers:
        headers["authorization"] = f"Bearer {known[bearers[example.by]]}"
    elif example.by == "key":
        headers["x-api-key"] = known["key"]
    path = filled(example.path, known)
    if example.files:
        return client.request(example.method, path, headers=headers, files=example.files, data=example.form)
    more = {} if example.body is None else {"json": filled(example.body, known)}
    return client.request(example.method, path, headers=headers, **more)


NODE = """
const BASE = process.argv[2] + '/api/v1';
class AuthenticatedClient {
  constructor(credentials) { this.credentials = credentials; this.token = null; this.refreshToken = null; }
  isTokenExpired() { return true; }
  async post(path, body) {
    const answer = await fetch(BASE + path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
    return answer.json();
  }
  async ensureAuthenticated() { if (!this.token || this.isTokenExpired()) { await this.refreshAuth(); } }
  async refreshAuth() {
    if (this.refreshToken) {
      const response = await this.post('/auth/refresh', {refreshToken: this.refreshToken});
      this.token = response.accessToken;
    } else {
      const response = await this.post('/auth/login', this.credentials);
      this.token = response.accessToken;
      this.refreshToken = response.refreshToken;
    }
  }
}
async function apiCallWithRetry(apiCall, maxRetries = 3) {
  let lastError;
  for (let attempt = 1; attempt <= maxRetries; attempt++) {
    try { return await apiCall(); } catch (error) {
      lastError = error;
      if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
      if (attempt === maxRetries) throw lastError;
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }
}
async function main() {
  const auth = new AuthenticatedClient({email: 'EMAIL', password: 'PASSWORD'});
  await auth.ensureAuthenticated();
  const first = auth.token;
  await auth.ensureAuthenticated();
  const call = async (path) => {
    const answer = await fetch(BASE + path, {headers: {Authorization: `Bearer ${auth.token}`}});
    if (!answer.ok) { const error = new Error(await answer.text()); error.status = answer.status; throw error; }
    return answer.json();
  };
  const client = {tasks: {list: ({page, limit}) => apiCallWithRetry(() => call(`/tasks?page=${page}&limit=${limit}`))}};
  const allTasks = [];
  let page = 1, hasMore = true;
  while (hasMore) {
    const response = await client.tasks.list({page, limit: 2});
    allTasks.push(...response.data);
    hasMore = response.pagination.hasNext;
    page++;
  }
  let thrown = 0;
  await apiCallWithRetry(() => call('/tasks/task-1')).catch(error => { thrown = error.status; });
  console.log(JSON.stringify({refreshed: first !== auth.token, tasks: allTasks.length, distinct: new Set(allTasks.map(t => t.id)).size, pages: page - 1, thrown}));
}
main();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_the_snippets_of_the_document_run_in_node(stack: Stack, known: dict[str, str], tmp_path: Any) -> None:
    base = f"http://localhost:{stack.operations_port}"
    with httpx.Client(base_url=base, timeout=30) as client:
        who = {"email": known["email"], "password": OWN_PASSWORD}
        token = client.post("/api/auth/login", json=who).json()["accessToken"]
        for n in range(3):
            made = client.post("/api/v1/tasks", json={"title": f"t{n}"}, headers={"authorization": f"Bearer {token}"})
            assert made.status_code == 201, made.text
    program = tmp_path / "snippets.mjs"
    program.write_text(NODE.replace("EMAIL", known["email"]).replace("PASSWORD", OWN_PASSWORD))
    ran = subprocess.run(["node", str(program), base], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["refreshed"] and said["tasks"] == said["distinct"] == 3 and said["pages"] == 2 and said["thrown"] == 404


def test_the_socket_of_the_document_needs_no_credential_here(stack: Stack) -> None:
    base = f"http://localhost:{stack.operations_port}"
    with (
        connect(f"ws://localhost:{stack.operations_port}/ws") as socket,
        httpx.Client(base_url=base, timeout=30) as client,
    ):
        token = client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD}).json()["accessToken"]
        client.headers["authorization"] = f"Bearer {token}"
        project = client.post("/api/v1/projects", json={"name": "p"}).json()["data"]["id"]
        socket.send(json.dumps({"type": "subscribe", "channel": "tasks", "filters": {"projectId": project}}))
        heard: list[dict[str, Any]] = [json.loads(socket.recv(10))]
        other = client.post("/api/v1/tasks", json={"title": "elsewhere"}).json()["data"]["id"]
        task = client.post("/api/v1/tasks", json={"title": "here", "projectId": project}).json()["data"]["id"]
        client.patch(f"/api/v1/tasks/{task}", json={"title": "renamed"})
        while not any(frame["type"] == "task.updated" for frame in heard):
            heard.append(json.loads(socket.recv(10)))
        updates = [frame for frame in heard if frame["type"].startswith("task.")]
        assert {frame["data"]["id"] for frame in updates} == {task} and other != task
        assert updates[-1]["data"]["title"] == "renamed"
