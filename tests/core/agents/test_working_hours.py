"""Working hours by the clock of their zone, and what they mean for what an agent gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server import values
from server.apis.coordinaitor.wording import WORDING
from server.app import Application
from server.core.agents.duties import forget_duties
from server.core.agents.shifts import Shifts
from server.core.queue.routing.hours import hours_of, read_hours
from server.core.agents.profile import AgentProfile
from server.core.queue.completion import failure
from server.errors import InvalidRequest
from server.model import Agent, Duty
from server.store.statement import Statement
from sqlalchemy import select
from tests.support.clock import pass_time_in
from tests.support.tenants import make_tenant
from tests.support.world import UPPER, World

SECOND = 1_000_000
OFFICE = {"timezone": "UTC", "start": "09:00", "end": "17:00"}
DUTIES = Statement[Duty](select(Duty.table()).order_by(Duty.table().c.began_at), Duty)


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def shift(zone: str, start: str, end: str, *days: str):
    found = hours_of(read_hours({"timezone": zone, "start": start, "end": end, "days": list(days) or None}))
    assert found is not None
    return found


def test_a_shift_is_on_from_its_start_to_its_end_in_its_zone() -> None:
    hours = shift("America/New_York", "09:00", "17:00", "Monday", "friday")
    monday = "2026-11-23"
    assert not hours.on_duty(at(f"{monday}T08:59:59", "America/New_York"))
    assert hours.on_duty(at(f"{monday}T09:00:00", "America/New_York"))
    assert hours.on_duty(at(f"{monday}T21:59:59", "UTC")) and not hours.on_duty(at(f"{monday}T22:00:00", "UTC"))
    after = at(f"{monday}T17:00:00", "America/New_York")
    assert hours.next_change(after) == at("2026-11-27T09:00:00", "America/New_York")


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    hours = shift("Europe/Berlin", "22:00", "06:00", "friday")
    assert hours.on_duty(at("2026-11-27T23:00:00", "Europe/Berlin"))
    assert hours.on_duty(at("2026-11-28T05:59:00", "Europe/Berlin"))
    assert not hours.on_duty(at("2026-11-28T06:00:00", "Europe/Berlin"))
    assert not hours.on_duty(at("2026-11-27T05:00:00", "Europe/Berlin"))
    assert hours.next_change(at("2026-11-28T01:00:00", "Europe/Berlin")) == at("2026-11-28T06:00:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "began"),
    # Clocks go forward at two on the first, and back at three on the second.
    [("2026-03-29", "2026-03-29T07:00:00"), ("2026-10-25", "2026-10-25T08:00:00"), ("2026-03-28", "2026-03-28T08:00:00")],
)
def test_a_shift_begins_by_the_clock_on_the_wall_whether_or_not_it_is_summer(day: str, began: str) -> None:
    hours = shift("Europe/Berlin", "09:00", "17:00")
    assert hours.next_change(at(f"{day}T00:30:00", "UTC")) == at(began, "UTC")


def test_an_hour_that_does_not_come_is_worked_an_hour_later() -> None:
    hours = shift("Europe/Berlin", "02:15", "02:45")
    assert hours.on_duty(at("2026-03-29T01:30:00", "UTC"))
    assert not hours.on_duty(at("2026-03-29T01:50:00", "UTC"))


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("nine to five", "working_hours"),
        ([], "working_hours"),
        ({**OFFICE, "timezone": "Mars/Olympus"}, "working_hours.timezone"),
        ({**OFFICE, "timezone": "../../etc/passwd"}, "working_hours.timezone"),
        ({**OFFICE, "timezone": ""}, "working_hours.timezone"),
        ({**OFFICE, "timezone": 3}, "working_hours.timezone"),
        ({**OFFICE, "start": "25:00"}, "working_hours.start"),
        ({**OFFICE, "start": "9:00"}, "working_hours.start"),
        ({**OFFICE, "start": "09:00:00"}, "working_hours.start"),
        ({**OFFICE, "start": "०९:००"}, "working_hours.start"),
        ({"timezone": "UTC", "start": "09:00"}, "working_hours.end"),
        ({**OFFICE, "end": "24:00"}, "working_hours.end"),
        ({**OFFICE, "end": "09:00"}, "working_hours.end"),
        ({**OFFICE, "days": []}, "working_hours.days"),
        ({**OFFICE, "days": "monday"}, "working_hours.days"),
        ({**OFFICE, "days": ["moonday"]}, "working_hours.days"),
        ({**OFFICE, "days": ["monday"] * 8}, "working_hours.days"),
        ({**OFFICE, "lunch": "12:00"}, "working_hours.lunch"),
    ],
)
def test_hours_that_nobody_could_keep_are_refused_and_the_field_is_named(written: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_hours(written)
    assert refused.value.details["field"] == field and refused.value.details["issue"]


def begin(world: World, text: str) -> None:
    """Lets the clock stand at this time."""
    world.wait((at(text, "UTC") - world.database.clock.now) / SECOND)


def office(**more: object) -> bytes:
    return values.encode({**OFFICE, **more})


async def test_an_agent_out_of_its_hours_claims_nothing_and_its_tasks_wait_for_its_shift(world: World) -> None:
    begin(world, "2027-03-01T08:00:00")
    agent, worker = await world.agent(working_hours=office())
    assert agent.off_duty and agent.shift_at == at("2027-03-01T09:00:00", "UTC")
    task = await world.task(agent_id=agent.id)
    assert task.held and task.rank is None
    assert await world.claim(worker, 5) == []
    shifts = Shifts(world.database)
    world.wait(3590)
    await shifts.sweep()
    assert await world.claim(worker, 5) == []
    world.wait(20)
    await shifts.sweep()
    (claimed,) = await world.claim(worker, 5)
    assert claimed.id == task.id
    # What it does goes on when its shift ends, and nothing new begins.
    waiting = await world.task(agent_id=agent.id)
    world.wait(8 * 3600)
    await shifts.sweep()
    assert (await world.get(waiting)).held and await world.claim(worker, 5) == []
    assert (await world.get(claimed)).status == "running"
    there = await world.agents.get(world.tenant.call(), agent.id)
    assert there.off_duty and there.status == "active"
    events = [each for each in await world.feeds.page(there.organization_id, 0, 100) if each.type.endswith("_duty")]
    assert [each.type for each in events] == ["agent.on_duty", "agent.off_duty"]
    # In the words of those who know an agent by where it stands.
    assert {WORDING.name(each) for each in events} == {"agent.status_changed"}
    assert [WORDING.data(each)["status"] for each in events] == ["available", "offline"]


async def test_what_was_routed_to_an_agent_goes_to_others_when_its_shift_ends(world: World) -> None:
    begin(world, "2027-03-01T16:00:00")
    agent, worker = await world.agent("coder", working_hours=office())
    tasks = [await world.task(agent_type="coder") for _ in range(3)]
    assert {task.agent_id for task in tasks} == {agent.id}
    world.wait(3700)
    await Shifts(world.database).sweep()
    assert {(await world.get(task)).agent_id for task in tasks} == {None}
    # Nothing is routed to it, pulled by it or chosen for it.
    assert (await world.task(agent_type="coder")).agent_id is None
    assert await world.claim(worker, 5) == []
    other, at_work = await world.agent("coder")
    await world.rerouting.advance()
    assert {task.agent_id for task in await world.claim(at_work, 5)} == {other.id}


async def test_a_worker_that_comes_out_of_hours_gets_nothing(world: World) -> None:
    begin(world, "2027-03-01T03:00:00")
    agent, _ = await world.agent(worker=False, working_hours=office())
    task = await world.task(agent_id=agent.id)
    worker, _ = await world.workers.connect(world.tenant.call(), agent_id=agent.id, capacity=10)
    await world.repairs.look()
    assert (await world.get(task)).held and await world.claim(worker, 5) == []


async def test_deployed_code_keeps_its_hours_too(world: World) -> None:
    begin(world, "2027-03-01T20:00:00")
    agent = await world.agents.create(
        world.tenant.call(), name="a", code=UPPER, profile=AgentProfile(working_hours=office())
    )
    task = await world.task(agent_id=agent.id, input={"x": "a"})
    assert await world.claims.claim("python", "h", 5, also=[agent.id]) == []
    world.wait(13 * 3600 + 60)
    await Shifts(world.database).sweep()
    (claimed,) = await world.claims.claim("python", "h", 5)
    assert claimed.id == task.id


async def test_new_hours_count_at_once_and_none_mean_always(world: World) -> None:
    begin(world, "2027-03-01T20:00:00")
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id)

    async def set_hours(hours: bytes) -> Agent:
        return await world.agents.update(world.tenant.call(), agent.id, profile=AgentProfile(working_hours=hours))

    assert (await set_hours(office())).off_duty and (await world.get(task)).held
    assert not (await set_hours(office(start="18:00", end="23:00"))).off_duty
    assert not (await world.get(task)).held
    assert (await set_hours(office())).off_duty
    always = await set_hours(values.NULL)
    assert not always.off_duty and always.shift_at is None and always.working_hours is None
    assert [claimed.id for claimed in await world.claim(worker, 5)] == [task.id]


async def test_what_a_race_lets_an_agent_have_out_of_its_hours_is_held_soon(world: World) -> None:
    begin(world, "2027-03-01T16:00:00")
    agent, worker = await world.agent(working_hours=office(), retry_attempts=3)
    task = await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 5)
    world.wait(3700)
    await Shifts(world.database).sweep()
    # It comes back to the queue while its agent is off duty.
    await world.end(claimed, failure("Boom", "it broke"))
    world.wait(60)
    await world.timetable.advance()
    assert await world.claim(worker, 5) == []
    await world.repairs.look()
    assert (await world.get(task)).held


async def test_the_spans_in_which_an_agent_is_there_and_on_duty_are_kept(world: World) -> None:
    begin(world, "2027-03-01T08:00:00")
    await world.agent(working_hours=office())
    shifts = Shifts(world.database)
    for _ in range(3):
        world.wait(8.5 * 3600)
        await shifts.sweep()
    midnight = at("2027-03-01T00:00:00", "UTC")
    spans = [
        [None if moment is None else round((moment - midnight) / SECOND / 3600, 1) for moment in (each.began_at, each.ended_at)]
        for each in await world.database.all(DUTIES)
    ]
    assert spans == [[16.5, 25.0], [33.5, None]]
    assert await forget_duties(world.database) == 0
    world.wait(401 * 86_400)
    assert await forget_duties(world.database) == 1


async def test_a_server_turns_agents_by_itself(application: Application) -> None:
    tenant = await make_tenant(application.database)
    cases, call = application.use_cases, tenant.call()
    now = datetime.fromtimestamp(application.database.clock() / SECOND, ZoneInfo("UTC"))
    start, end = now + timedelta(hours=2), now + timedelta(hours=4)
    hours = values.encode({"start": start.strftime("%H:%M"), "end": end.strftime("%H:%M")})
    agent = await cases.agents.register(call, name="a", profile=AgentProfile(type="t", working_hours=hours))
    assert agent.off_duty
    await pass_time_in(application, 2.5 * 3600)
    assert not (await cases.agents.get(call, agent.id)).off_duty
    await pass_time_in(application, 2 * 3600)
    assert (await cases.agents.get(call, agent.id)).off_duty
