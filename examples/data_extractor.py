"""A worker that extracts rows: `python examples/data_extractor.py`, with a server on this machine."""

import asyncio
import os
from pathlib import Path

from server.worker import Context, Worker

key = os.environ.get("ORCHESTRATOR_KEY") or Path("data/dev-api-key").read_text().strip()
address = os.environ.get("ORCHESTRATOR_ADDRESS", "127.0.0.1:50051")
worker = Worker(address, key=key, agent_type="data_extractor", capacity=4)


@worker.task
async def extract(
    context: Context, source_database: str = "", rows: int = 3, seconds: float = 0.0
) -> dict[str, object]:
    """Pretends to read some rows of a database."""
    found = []
    for number in range(1, rows + 1):
        await asyncio.sleep(seconds / rows)
        found.append({"id": number, "name": f"{source_database} {number}", "amount": number * 10})
        context.progress(100 * number / rows, f"{number} of {rows} rows")
    context.log(f"read {rows} rows of {source_database}")
    return {"rows": found}


if __name__ == "__main__":
    worker.run()
