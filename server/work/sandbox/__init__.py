"""User code, run where it can reach nothing: the public names of the sandbox."""

from server.work.sandbox.job import Answer, Failure, Job, Limits, Outcome, SandboxUnavailable
from server.work.sandbox.pool import Sandboxes

__all__ = ["Answer", "Failure", "Job", "Limits", "Outcome", "SandboxUnavailable", "Sandboxes"]
