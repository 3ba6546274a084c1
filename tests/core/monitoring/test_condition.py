"""How the system is in the words of the AI Orchestra API's document, each from a real check."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from server.app import Application
from server.core.monitoring.condition import SERVICES, Condition
from server.core.monitoring.health import HealthChecks
from server.errors import Unavailable
from server.store.database import Database

OWN = ("orchestra_manager", "command_dispatcher", "memory_system", "swarm_intelligence")


@dataclass(frozen=True)
class State:
    provider: str
    circuit: str


def states(*circuits: str):
    return lambda: [State(f"p{index}", each) for index, each in enumerate(circuits)]


@pytest.mark.parametrize(
    ("circuits", "word", "ready"),
    [
        ((), "not_configured", True),
        (("closed",), "healthy", True),
        (("closed", "closed"), "healthy", True),
        (("closed", "open"), "degraded", True),
        (("half_open",), "degraded", True),
        (("open",), "unhealthy", False),
        (("open", "open"), "unhealthy", False),
    ],
)
async def test_models_are_as_well_as_their_circuits(database: Database, circuits, word: str, ready: bool) -> None:
    health = HealthChecks(database)
    health.model_states = states(*circuits)
    condition = await health.condition()
    assert condition.components["swarm_intelligence"] == word
    assert condition.of(OWN).status == ("healthy" if word in ("healthy", "not_configured") else "degraded")
    assert condition.of(SERVICES).status == "healthy", "what another document names has nothing to do with it"
    assert (await health.readiness())["external_services"] is ready


async def test_a_database_that_takes_nothing_is_remembered_from_and_not_remembered_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full() -> None:
        raise Unavailable("there is no room")

    monkeypatch.setattr(database, "probe", full)
    condition = await HealthChecks(database).condition()
    assert condition.components["memory_system"] == "degraded" and condition.components["database"] == "unhealthy"
    assert condition.status == "unhealthy" and condition.of(OWN).status == "degraded"


async def test_without_its_index_memory_is_unhealthy(database: Database) -> None:
    from sqlalchemy import text

    from server.store.statement import Statement

    async def rename(transaction) -> None:
        await transaction.run(Statement(text("ALTER TABLE chunk_index RENAME TO chunk_index_elsewhere")))

    async def rename_back(transaction) -> None:
        await transaction.run(Statement(text("ALTER TABLE chunk_index_elsewhere RENAME TO chunk_index")))

    await database.write(rename)
    try:
        condition = await HealthChecks(database).condition()
        assert condition.components["memory_system"] == "unhealthy" and condition.of(OWN).status == "unhealthy"
        assert condition.components["database"] == "healthy"
    finally:
        await database.write(rename_back)


async def test_the_manager_is_the_loops_of_this_process(application: Application) -> None:
    health = application.use_cases.health
    assert (await health.condition()).components["orchestra_manager"] == "healthy"
    await application.clock.stop()
    assert not health.loops_live()
    application.clock.start()
    assert health.loops_live()
    application.dispatcher._swept -= 3600
    assert not health.loops_live(), "sweeps that are held up are not done"


def test_a_condition_is_what_its_components_are() -> None:
    def status(**components: str) -> str:
        return Condition(1.0, components).status

    assert status(cache="not_configured", database="healthy") == "healthy"
    assert status(cache="unhealthy", database="healthy") == "degraded"
    assert status(cache="healthy", database="unhealthy") == "unhealthy"
