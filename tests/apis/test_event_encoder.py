"""What is sent of an event: encoded once for many, and kept within bounds."""

from __future__ import annotations

import pytest

from server.apikit import event_encoder
from server.apikit.event_encoder import EventEncoder
from server.model import Event


def event(number: int) -> Event:
    values = {"organization_id": "o", "type": "x.y", "resource_id": "r", "created_at": 0}
    return Event.new(number=number, payload="{}", **values)


def test_events_are_encoded_once_and_only_so_many_bytes_of_them_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_encoder, "ENCODED_BYTES", 10_000)
    made: list[int] = []

    def finish(event: Event, payload: dict) -> bytes:
        made.append(event.number)
        return b"x" * 1800

    encoder = EventEncoder({}, finish)
    for _ in range(2):
        for number in range(5):
            encoder.encode(event(number))
    assert made == list(range(5))
    encoder.encode(event(5))
    encoder.encode(event(5))
    encoder.encode(event(0))
    assert made == [*range(6), 0]
