"""Routing: who does a task that names nobody, and from when on it may be claimed."""
