"""User code, run where it can reach nothing: the public names of the sandbox."""

from server.work.sandbox.job import Failure, Job, Limits, Outcome, SandboxUnavailable
from server.work.sandbox.pool import Sandboxes

__all__ = ["Failure", "Job", "Limits", "Outcome", "SandboxUnavailable", "Sandboxes"]
