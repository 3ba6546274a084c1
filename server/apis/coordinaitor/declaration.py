"""The CoordinAItor API, declared."""

from server.apikit.declaration import Declaration, Limits, Route
from server.apis.coordinaitor.errors import render_error

DECLARATION = Declaration(
    name="coordinaitor",
    title="CoordinAItor API",
    packages=["orchestrator.coordinaitor.v1"],
    render_error=render_error,
    listener="operations",
    routes=[Route("/api"), Route("/ws")],
    hosts=["api.orchestrator.com"],
    includes=["oauth"],
    camel_case=True,
    max_upload_bytes=100 << 20,
    limits=Limits(tiers={"free": (1_000, 50), "pro": (10_000, 200), "enterprise": (100_000, 1_000)}),
    # The document's socket says nowhere who it is.
    guest_sockets=True,
    frame_field="data",
    projects=("TaskService", "ProjectService", "CommentService", "FileService", "RatingService"),
    programs=True,
    field_words={
        "due_at": "due_date",
        "end_at": "end_date",
        "configuration.max_concurrent_tasks": "max_concurrent_tasks",
    },
)
