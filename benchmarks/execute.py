"""Execute: how long a deployed function takes to answer, from REST through Envoy into a sandbox and back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.load import Failed, Load, measure
from benchmarks.report import ms, table
from benchmarks.scale import Scale
from benchmarks.servers import Server, ask, orchestrator

TITLE = "Execute"
CODE = "def process_data(data):\n    return data.upper()\n"
INPUT = {"input_data": {"text": "hello world"}}
EXPECTED = '"output":"HELLO WORLD"'
PACE_SECONDS = 0.05
CALLERS = 8


async def run(scale: Scale) -> str:
    """The table."""
    warm, sequential, paced, seconds = scale.of((20, 200, 100, 5.0), (20, 40, 20, 2.0), (1, 2, 2, 0.1))
    with tempfile.TemporaryDirectory() as temporary:
        async with orchestrator(Path(temporary) / "ours") as server:
            requests = [server.request("POST", f"/v1/agents/{await _deploy(server)}/execute", INPUT)]

            def load(connections: int = 1, **bounds: float) -> Load:
                count = int(bounds.pop("count", 0))
                return Load(server.port, requests, connections, count=count, expected=EXPECTED, **bounds)

            await measure(load(count=warm))
            one = await measure(load(count=sequential))
            spaced = await measure(load(count=paced, interval=PACE_SECONDS))
            many = await measure(load(CALLERS, seconds=seconds))
    rows = [
        [f"one caller, {sequential} calls back to back", ms(one.p50), ms(one.p99), f"{one.rate:,.0f}"],
        [f"one caller, {paced} calls {PACE_SECONDS * 1000:.0f} ms apart", ms(spaced.p50), ms(spaced.p99), "as paced"],
        [f"{CALLERS} callers at once, {seconds:g} s", ms(many.p50), ms(many.p99), f"{many.rate:,.0f}"],
    ]
    return table(["", "p50", "p99", "executions/s"], rows)


async def _deploy(server: Server) -> str:
    status, answer = await ask(server, "POST", "/v1/agents", {"name": "upper", "type": "python", "code": CODE})
    if status != 201 or not isinstance(answer, dict):
        raise Failed(f"the agent was not deployed: {status} {answer}")
    return str(answer["id"])
