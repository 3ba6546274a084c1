"""Benchmarks: what the server costs beside a plain FastAPI program, and how fast it starts, executes and streams."""
