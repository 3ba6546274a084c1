"""The scopes that the methods' rules name. Made by `make generate` of the protos: change those."""

DECLARED_SCOPES = (
    "agents:read",
    "agents:write",
    "events:read",
    "heartbeats:write",
    "knowledge:read",
    "knowledge:write",
    "logs:read",
    "sessions:read",
    "sessions:write",
    "system:read",
    "tasks:read",
    "tasks:write",
    "webhooks:read",
    "webhooks:write",
    "workers:read",
    "workers:write",
    "workflows:read",
    "workflows:write",
)
