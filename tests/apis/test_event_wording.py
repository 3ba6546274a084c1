"""Words for events: no type that the server emits is forgotten, and one that cannot be shown holds nobody up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import server
from server.apikit.event_wording import EventWording, by_kind
from server.apis import wordings
from server.model import EVENT_TYPES, PERSONAL, Agent, Event, Session

# Of these kinds webhooks are told nothing: they are of one API's pages.
ELSEWHERE = {"checkpoint", "system", "worker"}


def test_every_type_that_is_emitted_is_known() -> None:
    sources = Path(next(iter(server.__path__))).rglob("core/**/*.py")
    text = "\n".join(path.read_text() for path in sources)
    emitted = set(re.findall(r'(?:emit\(|, )"((?!metadata\.)[a-z_]+\.[a-z_]+)"', text))
    emitted |= set(re.findall(r'emit\(\s*"([a-z_]+\.[a-z_]+)"', text))
    kinds = {each.partition(".")[0] for each in EVENT_TYPES}
    assert len(emitted) > 30
    assert {each for each in emitted if each.partition(".")[0] in kinds} <= set(EVENT_TYPES)
    assert {each.partition(".")[0] for each in emitted} - kinds == ELSEWHERE


def test_each_api_names_what_it_shows() -> None:
    by_api = {wording.api: wording for wording in wordings()}
    assert set(by_api["native"].names) == set(EVENT_TYPES) - PERSONAL
    names = set(by_api["agent_orchestration"].names)
    assert {"session.completed", "agent.failed", "execution.completed", "webhook.disabled"} <= names
    assert not [name for name in names if name.startswith(("task.", "workflow"))]


def test_an_event_that_cannot_be_shown_is_named() -> None:
    def broken(_: Session) -> dict:
        raise ZeroDivisionError

    wording = EventWording("x", by_kind({"session": "session"}), {Session: broken})
    event = Event.new(type="session.created", resource_id="1", number=1, payload='{"id":"1"}')
    assert wording.data(event) == {"id": "1"} and wording.name(event) == "session.created"
    assert wording.name(Event.new(type="agent.created")) is None and Agent not in wording.shapes


@pytest.mark.parametrize("type", ["session.unheard_of", "nonsense"])
def test_a_type_of_a_newer_server_has_no_name(type: str) -> None:
    assert all(wording.name(Event.new(type=type)) is None for wording in wordings())
