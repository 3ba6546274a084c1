"""A worker for the fault loop: does whatever it gets, in a moment, and writes down what it began."""

from __future__ import annotations

import asyncio
import os
import sys

from server.worker import Worker

address, agent_id, ledger = sys.argv[1:]
worker = Worker(address, key=os.environ["ORCHESTRATOR_KEY"], agent_id=agent_id, capacity=20)
written = open(ledger, "a", buffering=1)  # noqa: SIM115


@worker.task
async def work(context, input):
    written.write(f"{context.task.id} {context.task.attempt}\n")
    await asyncio.sleep(0.01 + hash(context.task.id) % 30 / 1000)
    return {"n": input.get("n"), "step": context.task.step_id}


worker.run()
