"""The library for Python workers: gRPC, the generated stubs and the standard library, and nothing of the server."""

from server.worker.context import Context, Permanent
from server.worker.worker import Worker

__all__ = ["Context", "Permanent", "Worker"]
