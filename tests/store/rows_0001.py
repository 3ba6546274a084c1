"""Rows of every table as schema 0001 has them, in plain values: later changes of the models do not change them."""

from __future__ import annotations

import hashlib
from typing import Any

Row = dict[str, Any]

# 2026-11-27, 09:00 UTC, in microseconds.
NOW = 1_795_770_000_000_000
SECOND = 1_000_000

ACME, GLOBEX = "0" * 31 + "1", "0" * 31 + "2"
ADA = "1" * 32
CODED, EXTERNAL = "2" * 31 + "1", "2" * 31 + "2"
PLAIN, CODING = "3" * 31 + "1", "3" * 31 + "2"
WORKFLOW, RUN = "4" * 31 + "1", "4" * 31 + "2"
WORKER = "5" * 32
# A key of Acme that is good for everything.
SECRET = "ak_" + "a" * 43
ENTRY = (
    '{"function": "process_data", "style": "sole", "parameters": ["data"], "required": ["data"], "any_key": false, '
    '"by_name": "always"}'
)
ERROR = '{"type": "ValueError", "message": "no", "traceback": ""}'
CRON = '{"type":"cron","expression":"0 * * * *","timezone":"UTC"}'
RETRY = '{"max_retries":3,"initial_delay":1.0,"multiplier":2.0,"max_delay":300.0,"jitter":0.2}'
STEPS = '[{"id":"extract","name":"","agent_type":"extractor","order":1,"input":{"from":"${parameters.from}"}}]'

_AGENT: Row = {
    "organization_id": ACME,
    "description": "",
    "type": "",
    "capabilities": "[]",
    "environment": "",
    "configuration": "{}",
    "max_concurrent_tasks": 5,
    "timeout_seconds": 30.0,
    "retry_attempts": 0,
    "status": "active",
    "status_message": "",
    "disabled_at": None,
    "code": "",
    "requirements": "[]",
    "packages": "",
    "entry": "",
    "tasks_completed": 1,
    "tasks_failed": 0,
    "busy_ms": 12.5,
    "active_since": NOW,
    "version": 2,
    "created_at": NOW,
    "updated_at": NOW,
    "deleted_at": None,
}
_SESSION: Row = {
    "organization_id": ACME,
    "description": "",
    "type": "",
    "status": "running",
    "priority": 1,
    "prompt": "",
    "parent_id": None,
    "result": None,
    "timeout_seconds": 3600,
    "max_iterations": 100,
    "iterations": 0,
    "retries": 0,
    "checkpoints": 0,
    "error": "",
    "version": 2,
    "created_at": NOW,
    "updated_at": NOW,
    "started_at": NOW,
    "completed_at": None,
    "ran": 0,
    "resumed_at": None,
    "expires_at": NOW + 3600 * SECOND,
    "deleted_at": None,
}
_TASK: Row = {
    "organization_id": ACME,
    "kind": "execution",
    "type": "",
    "title": "",
    "description": "",
    "complexity": "",
    "estimated_minutes": None,
    "agent_id": None,
    "routed": False,
    "agent_type": "",
    "capabilities": "[]",
    "route": "",
    "runtime": None,
    "session_id": None,
    "workflow_run_id": None,
    "step_id": "",
    "parent_id": None,
    "subtasks": 0,
    "status": "pending",
    "priority": 1,
    "input": None,
    "output": None,
    "error": None,
    "stdout": "",
    "stderr": "",
    "progress": None,
    "progress_message": "",
    "progress_at": None,
    "timeout_seconds": 30.0,
    "retry": None,
    "schedule": None,
    "attempt": 0,
    "failures": 0,
    "lost": 0,
    "waiting_for": 0,
    "has_dependents": False,
    "held": False,
    "paused": False,
    "ready_at": None,
    "rank": None,
    "next_run_at": None,
    "lease_holder": None,
    "last_holder": None,
    "lease_expires_at": None,
    "deadline_at": None,
    "cancel_requested_at": None,
    "cancel_acknowledged_at": None,
    "duration_ms": None,
    "tokens_used": None,
    "version": 1,
    "created_at": NOW,
    "updated_at": NOW,
    "started_at": None,
    "completed_at": None,
}
_READY: Row = {"ready_at": NOW, "rank": NOW - 300 * SECOND}
_RUNNING: Row = {
    **_READY,
    "status": "running",
    "rank": None,
    "attempt": 1,
    "lease_holder": WORKER,
    "last_holder": WORKER,
    "lease_expires_at": NOW + 15 * SECOND,
    "deadline_at": NOW + 30 * SECOND,
    "started_at": NOW,
    "version": 2,
}


def _ended(status: str, **given: Any) -> Row:
    return {
        **_READY,
        "status": status,
        "rank": None,
        "attempt": 1,
        "last_holder": WORKER,
        "started_at": NOW,
        "completed_at": NOW + SECOND,
        "version": 3,
        **given,
    }


# Tasks by what they stand for, each with an id of its own; those without an agent are done by whoever is found.
_CODED: Row = {"agent_id": CODED, "runtime": "python"}
_EXTERNAL: Row = {"agent_id": EXTERNAL, "runtime": "external"}
_OF_CODING: Row = {"session_id": CODING, "timeout_seconds": 0.0}
_TASKS: dict[str, Row] = {
    "claimable": {**_CODED, **_READY, "session_id": PLAIN, "input": '{"text":"hello"}', "has_dependents": True},
    "running": {**_EXTERNAL, **_RUNNING, "progress": 40.0, "progress_message": "on it", "progress_at": NOW},
    "completed": {
        **_CODED,
        **_ended("completed", output='"HELLO"', duration_ms=12.5, tokens_used=7, has_dependents=True),
        "session_id": PLAIN,
        "stdout": "out",
        "stderr": "err",
    },
    "failed": {**_EXTERNAL, **_ended("failed", error=ERROR, failures=1)},
    "cancelled": {**_ended("cancelled", cancel_requested_at=NOW, cancel_acknowledged_at=NOW), "lost": 1},
    "unrouted": {**_READY, "type": "report", "agent_type": "writer", "route": "writer", "capabilities": '["prose"]'},
    "routed": {**_EXTERNAL, **_READY, "routed": True, "agent_type": "extractor", "route": "extractor"},
    "at a time": {**_CODED, "ready_at": NOW + 60 * SECOND, "schedule": '{"type":"at","at":"2026-11-27T09:01:00Z"}'},
    "retried": {**_CODED, "ready_at": NOW + SECOND, "retry": RETRY, "attempt": 1, "failures": 1},
    "held": {**_EXTERNAL, "ready_at": NOW, "held": True},
    "every hour": {**_CODED, "schedule": CRON, "next_run_at": NOW + 3600 * SECOND},
    "made at an hour": {**_CODED, **_READY, "parent_id": "every hour"},
    "step": {**_EXTERNAL, **_RUNNING, "workflow_run_id": RUN, "step_id": "extract"},
    "installation": {**_CODED, **_READY, "kind": "installation"},
    "waits": {**_CODED, "waiting_for": 1, "ready_at": NOW},
    "by hand": {
        **_OF_CODING,
        "type": "CODING",
        "title": "Log in",
        "description": "With a password.",
        "complexity": "MODERATE",
        "estimated_minutes": 30,
    },
    "blocked": {**_OF_CODING, "title": "Log out", "waiting_for": 1},
    "paused": {**_OF_CODING, **_EXTERNAL, "paused": True, "ready_at": NOW},
    "taken apart": {**_OF_CODING, **_RUNNING, "lease_holder": None, "subtasks": 2, "waiting_for": 1, "progress": 50.0},
    "first part": {**_OF_CODING, **_EXTERNAL, **_ended("completed"), "parent_id": "taken apart"},
    "second part": {**_OF_CODING, "parent_id": "taken apart", "has_dependents": True},
}


def task_id(name: str) -> str:
    """The id of the task of this name."""
    return f"{list(_TASKS).index(name) + 1:032x}"


def _tasks() -> list[Row]:
    rows = [{"id": task_id(name), **_TASK, **given} for name, given in _TASKS.items()]
    return [{**row, "parent_id": row["parent_id"] and task_id(row["parent_id"])} for row in rows]


# In an order in which rows come after those that they name.
ROWS: dict[str, list[Row]] = {
    "organizations": [
        {"id": ACME, "name": "Acme", "created_at": NOW},
        {"id": GLOBEX, "name": "Globex", "created_at": NOW},
    ],
    "users": [{"id": ADA, "organization_id": ACME, "email": "ada@acme.test", "name": "Ada", "created_at": NOW}],
    "agents": [
        {
            **_AGENT,
            "id": CODED,
            "name": "Data Processor",
            "description": "Upper case.",
            "runtime": "python",
            "configuration": '{"level":3}',
            "code": "def process_data(data): return data.upper()",
            "requirements": '["idna==3.10"]',
            "packages": "c0ffee",
            "entry": ENTRY,
        },
        {
            **_AGENT,
            "id": EXTERNAL,
            "name": "Extractor",
            "runtime": "external",
            "type": "extractor",
            "capabilities": '["extraction"]',
            "environment": "production",
            "status": "inactive",
            "status_message": "its workers are gone",
            "disabled_at": NOW,
            "active_since": None,
            "deleted_at": NOW + SECOND,
        },
    ],
    "skills": [
        {"organization_id": ACME, "word": word, "place": place, "agent_id": EXTERNAL}
        for word, place in (("extraction", 7), ("extractor", 3))
    ],
    "api_keys": [
        {
            "id": f"{number:032x}",
            "organization_id": ACME,
            "user_id": ADA,
            "name": f"key {number}",
            "prefix": secret[:7],
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "scopes": scopes,
            "agent_id": agent,
            "hourly_limit": limit,
            "created_at": NOW,
            "expires_at": expires,
            "revoked_at": expires,
        }
        for number, secret, scopes, agent, limit, expires in (
            (1, SECRET, "*", None, None, None),
            (2, "ak_" + "b" * 43, "heartbeats:write", EXTERNAL, 500, NOW + SECOND),
        )
    ],
    "oauth_clients": [
        {
            "id": "6" * 32,
            "organization_id": ACME,
            "user_id": ADA,
            "name": "CI",
            "digest": "6" * 64,
            "scopes": "tasks:read",
            "token_seconds": 3600,
            "created_at": NOW,
            "revoked_at": None,
        }
    ],
    "sessions": [
        {**_SESSION, "id": PLAIN, "name": "My Session", "description": "A plain one."},
        {
            **_SESSION,
            "id": CODING,
            "name": "Login",
            "type": "CODING",
            "status": "paused",
            "prompt": "Build a login.",
            "parent_id": PLAIN,
            "checkpoints": 1,
            "ran": 5 * SECOND,
            "resumed_at": NOW,
            "expires_at": None,
        },
    ],
    "session_counts": [{"session_id": CODING, "total": 5, "completed": 1, "failed": 0, "tokens": 7}],
    "checkpoints": [
        {
            "id": "7" * 32,
            "organization_id": ACME,
            "session_id": CODING,
            "number": 1,
            "name": "half",
            "data": '{"file":"login.py"}',
            "created_at": NOW,
        }
    ],
    "workflows": [
        {
            "id": WORKFLOW,
            "organization_id": ACME,
            "name": "Data Pipeline",
            "description": "",
            "status": "active",
            "steps": STEPS,
            "version": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "deleted_at": None,
        }
    ],
    "workflow_runs": [
        {
            "id": RUN,
            "organization_id": ACME,
            "workflow_id": WORKFLOW,
            "status": "running",
            "priority": 2,
            "parameters": "{}",
            "steps": STEPS,
            "output": None,
            "error": "",
            "current_order": 1,
            "stopping": False,
            "version": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "completed_at": None,
        }
    ],
    "workers": [
        {
            "id": WORKER,
            "organization_id": ACME,
            "agent_id": EXTERNAL,
            "name": "worker 1",
            "status": "active",
            "capacity": 4,
            "connection": 2,
            "cpu_usage": 12.5,
            "memory_usage": 30.0,
            "current_load": None,
            "created_at": NOW,
            "last_seen_at": NOW,
            "silent_at": NOW + 30 * SECOND,
            "ended_at": None,
        }
    ],
    "tasks": _tasks(),
    "dependencies": [
        {"task_id": task_id("waits"), "depends_on": task_id("claimable"), "told": False},
        {"task_id": task_id("blocked"), "depends_on": task_id("by hand"), "told": False},
        {"task_id": task_id("taken apart"), "depends_on": task_id("first part"), "told": True},
        {"task_id": task_id("taken apart"), "depends_on": task_id("second part"), "told": False},
    ],
    "attempts": [
        {
            "task_id": task_id("failed"),
            "number": 1,
            "agent_id": EXTERNAL,
            "holder": WORKER,
            "outcome": "failed",
            "error": ERROR,
            "started_at": NOW,
            "ended_at": NOW + SECOND,
        }
    ],
    "task_logs": [{"task_id": task_id("running"), "number": 1, "level": "info", "message": "begun", "created_at": NOW}],
    "feeds": [{"organization_id": ACME, "head": 9, "trimmed": 7}],
    "events": [
        {
            "organization_id": ACME,
            "number": 8,
            "type": "session.created",
            "resource_id": PLAIN,
            "session_id": PLAIN,
            "agent_id": None,
            "payload": f'{{"id":"{PLAIN}","organization_id":"{ACME}","name":"My Session","created_at":{NOW},"updated_at":{NOW}}}',
            "created_at": NOW,
        },
        {
            "organization_id": ACME,
            "number": 9,
            "type": "task.created",
            "resource_id": task_id("claimable"),
            "session_id": PLAIN,
            "agent_id": CODED,
            "payload": f'{{"id":"{task_id("claimable")}","organization_id":"{ACME}","agent_id":"{CODED}",'
            f'"created_at":{NOW},"updated_at":{NOW}}}',
            "created_at": NOW,
        },
    ],
    "idempotency_keys": [
        {
            "organization_id": ACME,
            "key": "once",
            "digest": "8" * 64,
            "resource_id": PLAIN,
            "http_status": 201,
            "etag": 1,
            "response": b"\x0a\x00\xff",
            "created_at": NOW,
        }
    ],
    "rollups": [
        {
            "organization_id": ACME,
            "seconds": 60,
            "began_at": NOW,
            "completed": 3,
            "failed": 1,
            "cancelled": 0,
            "busy_ms": 30.5,
        }
    ],
    "alerts": [
        {
            "id": "9" * 32,
            "organization_id": ACME,
            "kind": "agent_lost",
            "subject": EXTERNAL,
            "severity": "warning",
            "message": "Extractor is gone",
            "details": "{}",
            "created_at": NOW,
            "resolved_at": None,
        }
    ],
}
