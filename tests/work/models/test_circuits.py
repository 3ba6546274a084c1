"""A provider that fails again and again is left alone, and asked by one call when it may be back."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from server.core.models.port import ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable, TextPiece
from server.work.models.circuit import FAILURES, PAUSE_SECONDS
from server.work.models.provider import TRIES
from tests.support.raw_provider import HEAD, RawProvider, piece, response
from tests.work.models.asking import asking, hear

GOOD = HEAD + piece("Hi") + piece(finish="stop")
REFUSED = response(400, b'{"error": {"message": "no"}}')


def circuit(models) -> str:
    [state] = models.states()
    return state.circuit


async def fail(models, count: int = FAILURES) -> None:
    for _ in range(count):
        with pytest.raises((ModelUnavailable, ModelFailed)):
            await hear(models, asking("x"))


async def test_one_that_always_fails_is_left_alone_and_then_tried_again(mock, providers, time) -> None:
    models = providers(model_base_url=mock.url)
    before = len(mock.asked("always down"))
    for _ in range(FAILURES):
        with pytest.raises(ModelUnavailable, match="503: overloaded"):
            await hear(models, asking("always down"))
    assert circuit(models) == "open" and len(mock.asked("always down")) - before == FAILURES * TRIES
    time.slept.clear()
    with pytest.raises(ModelUnavailable, match="not asked for now") as raised:
        await hear(models, asking("greet whoever is open"))
    assert raised.value.details == {"provider": "compatible", "retry_after": PAUSE_SECONDS}
    assert not mock.asked("greet whoever is open") and not time.slept
    time.now += PAUSE_SECONDS
    assert circuit(models) == "half_open"
    assert (await hear(models, asking("greet"))).text and circuit(models) == "closed"


async def test_one_trial_that_fails_opens_it_again(providers, time) -> None:
    async with RawProvider.saying(response(500)) as raw:
        models = providers(model_base_url=raw.url)
        await fail(models)
        time.now += PAUSE_SECONDS
        await fail(models, 1)
        assert circuit(models) == "open"


async def test_only_one_call_tries_and_the_others_come_when_it_is_answered(providers, time) -> None:
    async with RawProvider.falling_silent(HEAD + piece("Hi")) as raw:
        models = providers(model_base_url=raw.url, model_idle_seconds=10)
        await fail_at(models, time)
        async with aclosing(models.stream(asking("x"))) as trial:
            waiting = asyncio.ensure_future(anext(trial))
            await asyncio.sleep(0)
            with pytest.raises(ModelUnavailable, match="not asked for now"):
                await hear(models, asking("x"))
            assert await waiting == TextPiece("Hi") and circuit(models) == "closed"
            async with aclosing(models.stream(asking("x"))) as other:
                assert await anext(other) == TextPiece("Hi")
        # Nobody has failed meanwhile; but a first failure would open it again.
        assert circuit(models) == "closed"
        models._providers["compatible"].circuit.leave(False, False)
        assert circuit(models) == "open"


async def test_a_trial_that_nobody_waits_for_makes_room_for_another(providers, time) -> None:
    async with RawProvider.falling_silent(b"") as raw:
        models = providers(model_base_url=raw.url)
        await fail_at(models, time)
        trial = asyncio.create_task(hear(models, asking("x")))
        await raw_received(raw, 1)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        assert circuit(models) == "half_open"
        again = asyncio.create_task(hear(models, asking("x")))
        await raw_received(raw, 2)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_what_is_refused_shows_that_the_provider_is_there(providers, time) -> None:
    async with RawProvider.saying(REFUSED) as raw:
        models = providers(model_base_url=raw.url)
        for _ in range(FAILURES + 1):
            with pytest.raises(ModelRefused):
                await hear(models, asking("x"))
        assert circuit(models) == "closed"
        await fail_at(models, time)
        with pytest.raises(ModelRefused):
            await hear(models, asking("x"))
        assert circuit(models) == "closed"


BEGUN = HEAD + piece("Hi")
IN_STREAM = b'data: {"error": {"message": "the model is away", "code": 502}}\n\n'


@pytest.mark.parametrize(
    "said",
    [HEAD + b"data: {\n\n", response(200, b"<html>"), response(302), HEAD, BEGUN, HEAD + IN_STREAM],
    ids=["garbage", "html", "elsewhere", "nothing", "cut", "in stream"],
)
async def test_what_may_be_due_to_one_asker_closes_nobody_elses_way(providers, said: bytes) -> None:
    async with RawProvider.saying(said) as raw:
        models = providers(model_base_url=raw.url)
        for _ in range(FAILURES + 1):
            with pytest.raises((ModelFailed, ModelUnavailable)):
                await hear(models, asking("x"))
        assert circuit(models) == "closed"


async def test_an_answer_that_begins_and_falls_silent_closes_nobody_elses_way(providers) -> None:
    async with RawProvider.falling_silent(BEGUN) as raw:
        models = providers(model_base_url=raw.url, model_idle_seconds=0.05)
        for _ in range(FAILURES + 1):
            with pytest.raises(ModelTimeout):
                await hear(models, asking("x"))
        assert circuit(models) == "closed"


async def test_silence_and_too_much_to_do_count_and_success_makes_good(providers) -> None:
    async with RawProvider.falling_silent(HEAD) as silence:
        models = providers(model_base_url=silence.url, model_first_seconds=0.1)
        await models._providers["compatible"]._ready()
        for _ in range(FAILURES):
            with pytest.raises(ModelTimeout):
                await hear(models, asking("x"))
        assert circuit(models) == "open"
    async with RawProvider.saying(response(429)) as busy:
        models = providers(model_base_url=busy.url)
        await fail(models)
        assert circuit(models) == "open" and len(busy.received) == FAILURES * TRIES
    bad = response(500)
    async with RawProvider.saying(*[bad] * TRIES * (FAILURES - 1), GOOD, bad) as raw:
        models = providers(model_base_url=raw.url)
        await fail(models, FAILURES - 1)
        await hear(models, asking("x"))
        await fail(models, FAILURES - 1)
        assert circuit(models) == "closed"


async def test_the_circuits_of_providers_are_their_own(providers) -> None:
    async with RawProvider.saying(response(500)) as bad, RawProvider.saying(GOOD) as good:
        models = providers(model_base_url=bad.url, vllm_base_url=good.url)
        await fail(models)
        assert {each.provider: each.circuit for each in models.states()} == {"vllm": "closed", "compatible": "open"}
        assert (await hear(models, asking("x", "vllm/some"))).text == "Hi"


async def fail_at(models, time) -> None:
    """As if so many calls had failed, and their time had passed."""
    for _ in range(FAILURES):
        models._providers["compatible"].circuit.leave(False, False)
    assert circuit(models) == "open"
    time.now += PAUSE_SECONDS


async def raw_received(raw: RawProvider, count: int) -> None:
    async with asyncio.timeout(10):
        while len(raw.received) < count:
            await asyncio.sleep(0.01)
