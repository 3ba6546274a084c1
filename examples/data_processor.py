"""A worker that processes rows: `python examples/data_processor.py`, with a server on this machine."""

import os
from pathlib import Path
from typing import Any

from server.worker import Context, Permanent, Worker

key = os.environ.get("ORCHESTRATOR_KEY") or Path("data/dev-api-key").read_text().strip()
address = os.environ.get("ORCHESTRATOR_ADDRESS", "127.0.0.1:50051")
worker = Worker(address, key=key, agent_type="data_processor", capacity=4)


@worker.task
def process(context: Context, rows: list[dict[str, Any]] | None = None) -> dict[str, object]:
    """Writes names in capitals and adds amounts up."""
    if rows is None:
        raise Permanent("there are no rows to process")
    context.log(f"processing {len(rows)} rows")
    done = [{**row, "name": str(row.get("name", "")).upper()} for row in rows]
    return {"rows": done, "total": sum(row.get("amount", 0) for row in rows)}


if __name__ == "__main__":
    worker.run()
