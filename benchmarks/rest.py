"""REST: requests a second, ours through Envoy and with authentication, beside a FastAPI peer without either."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import seed
from benchmarks.load import Failed, Load, Measured, measure
from benchmarks.report import ms, table
from benchmarks.scale import Scale
from benchmarks.servers import Server, ask, fastapi_peer, orchestrator

TITLE = "REST"
CONNECTIONS = 32
LIST = "/v1/sessions?limit=20&offset=0"
BODY = {"name": "a session", "description": "Created while we measure.", "config": {"timeout": 3600}}
Requests = Callable[[Server, list[str]], list[str]]


def _gets(server: Server, ids: list[str]) -> list[str]:
    return [server.request("GET", f"/v1/sessions/{identifier}") for identifier in ids]


def _lists(server: Server, _ids: list[str]) -> list[str]:
    return [server.request("GET", LIST)]


def _creates(server: Server, _ids: list[str]) -> list[str]:
    return [server.request("POST", "/v1/sessions", BODY)]


def _mixture(server: Server, ids: list[str]) -> list[str]:
    """Eight gets, a list and a create, over and over."""
    gets, more = _gets(server, ids), [*_lists(server, ids), *_creates(server, ids)]
    return [request for index in range(0, len(gets), 8) for request in (*gets[index : index + 8], *more)]


WORK: dict[str, Requests] = {
    "get": _gets,
    "list of 20": _lists,
    "create": _creates,
    "80% get, 10% list, 10% create": _mixture,
}


async def run(scale: Scale) -> str:
    """The table."""
    rounds, seconds, warm, count = scale.of((5, 3.0, 0.5, 10_000), (2, 1.0, 0.5, 10_000), (1, 0.1, 0.0, 50))
    measured: dict[tuple[str, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with fastapi_peer(folder / "peer") as peer, orchestrator(folder / "ours") as ours:
            rows = seed.sessions(seed.organization_of(ours.database), count)
            seed.seed(ours.database, rows)
            seed.seed(peer.database, rows, seed.sqlalchemy_time)
            await _check_same(ours, peer, rows[count // 2].id)
            ids = [f"session_{row.id}" for row in rows]
            random.Random(1).shuffle(ids)  # noqa: S311
            for number in range(rounds):
                servers = [("peer", peer), ("ours", ours)]
                for work, requests in WORK.items():
                    for name, server in servers if number % 2 == 0 else reversed(servers):
                        load = Load(
                            port=server.port,
                            requests=requests(server, ids),
                            connections=CONNECTIONS,
                            seconds=seconds,
                            warm_seconds=warm,
                        )
                        measured.setdefault((work, name), []).append(await measure(load))
                        seed.restore(server.database, rows)
    return _table(measured)


async def _check_same(ours: Server, peer: Server, identifier: str) -> None:
    """Raises Failed unless both answer the same JSON."""
    for path in (f"/v1/sessions/session_{identifier}", LIST):
        one, other = await ask(ours, "GET", path), await ask(peer, "GET", path)
        if one != other or one[0] != 200:
            raise Failed(f"the two differ for {path}: {one} {other}")
    created = [await ask(server, "POST", "/v1/sessions", BODY) for server in (ours, peer)]
    shapes = [(status, sorted(answer) if isinstance(answer, dict) else answer) for status, answer in created]
    if shapes[0] != shapes[1] or shapes[0][0] != 201:
        raise Failed(f"the two differ for a create: {created}")


def _table(measured: dict[tuple[str, str], list[Measured]]) -> str:
    header = ["", "peer, requests/s", "ours, requests/s", "ours ÷ peer", "peer p50", "ours p50", "peer p99", "ours p99"]
    lines = []
    for work in WORK:
        peer, ours = measured[work, "peer"], measured[work, "ours"]
        rates = median(each.rate for each in peer), median(each.rate for each in ours)
        cells = [work, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", f"{rates[1] / rates[0]:.2f}"]
        cells += [ms(median(each.p50 for each in side)) for side in (peer, ours)]
        cells += [ms(median(each.p99 for each in side)) for side in (peer, ours)]
        lines.append(cells)
    return table(header, lines)
