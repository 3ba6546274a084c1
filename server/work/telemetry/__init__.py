"""Traces: requests, runs, calls of models and deliveries as spans, told to a collector where one is configured."""

from server.work.telemetry.traced import Telemetry

__all__ = ["Telemetry"]
