"""Which providers there are, what they are called, what they list; and that nobody sees their keys."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

from server.apikit.errors import HTTP_STATUS
from server.core.models.port import ModelInfo, ModelTimeout, ModelUnavailable
from server.errors import Misconfigured
from server.rpc.errors import CODES
from server.settings import Settings
from server.work.models import ModelProviders
from server.work.models.listing import KEPT, MOST_MODELS, names_in
from server.work.models.table import KINDS, configured
from tests.support.environment import environment
from tests.support.holds import BOUND, longest_hold
from tests.support.raw_provider import HEAD, RawProvider, piece, response
from tests.work.models.asking import asking, hear

KEY = "sk-secret-of-this-test"
GOOD = HEAD + piece("Hi") + piece(finish="stop")


def listing(*names: str) -> bytes:
    return response(200, json.dumps({"object": "list", "data": [{"id": each, "object": "model"} for each in names]}).encode())


def test_without_keys_there_is_nothing() -> None:
    models = ModelProviders.of(Settings())
    assert models.default == "" and models.states() == [] and models.known("gpt-4o") is None


async def test_without_keys_nothing_is_listed_and_nobody_answers(providers) -> None:
    models = providers(default_model="openai/gpt-4o")
    assert models.default == "" and await models.list() == []
    with pytest.raises(ModelUnavailable, match="no provider"):
        await hear(models, asking("x", ""))


def test_a_server_without_a_provider_does_not_load_the_library() -> None:
    code = (
        "import sys; from server.settings import Settings; from server.work.models import ModelProviders;"
        "ModelProviders.of(Settings(openai_api_key='k'));"
        "assert not {'openai', 'httpx2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})


FIRST = """
import asyncio, sys
from server.settings import Settings
from server.work.models import ModelProviders
from tests.support.holds import longest_hold
from tests.support.raw_provider import HEAD, RawProvider, piece
from tests.work.models.asking import asking, hear

async def main():
    async with RawProvider.saying(HEAD + piece("Hi") + piece(finish="stop")) as raw:
        models = ModelProviders.of(Settings(model_base_url=raw.url))
        if "start" in sys.argv:
            await models.start()
        assert ("openai" in sys.modules) == ("start" in sys.argv)
        async with longest_hold() as held:
            await hear(models, asking("x"))
        await models.close()
    print(held.longest)

asyncio.run(main())
"""


@pytest.mark.parametrize("started", ["", "start"])
def test_the_first_call_holds_nobody_up_while_the_library_is_loaded(started: str) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST, started], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < BOUND / 2


@pytest.mark.parametrize(("variables", "url", "default"), [
    ({"OPENAI_API_KEY": KEY}, "https://api.openai.com/v1", "openai/gpt-4o-mini"),
    ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu.api.openai.com/v1/"}, "https://eu.api.openai.com/v1", "openai/gpt-4o-mini"),
    ({"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/"}, "https://x.openai.azure.com/openai/v1", "azure/gpt-4o-mini"),
    ({"OLLAMA_BASE_URL": "http://localhost:11434"}, "http://localhost:11434/v1", "ollama/default"),
    ({"VLLM_BASE_URL": "http://gpu:8000/v1", "VLLM_API_KEY": KEY}, "http://gpu:8000/v1", "vllm/default"),
    ({"GROQ_API_KEY": KEY}, "https://api.groq.com/openai/v1", "groq/llama-3.3-70b-versatile"),
    ({"MISTRAL_API_KEY": KEY}, "https://api.mistral.ai/v1", "mistral/mistral-small-latest"),
    ({"DEEPSEEK_API_KEY": KEY}, "https://api.deepseek.com/v1", "deepseek/deepseek-chat"),
    ({"OPENROUTER_API_KEY": KEY}, "https://openrouter.ai/api/v1", "openrouter/openrouter/auto"),
    ({"MODEL_BASE_URL": "http://[::1]:1234"}, "http://[::1]:1234/v1", "compatible/default"),
])
def test_a_provider_is_configured_by_its_variables(variables: dict[str, str], url: str, default: str) -> None:
    with environment(**variables):
        settings = Settings()
    [provider] = configured(settings).values()
    assert provider.url == url and ModelProviders.of(settings).default == default


@pytest.mark.parametrize("settings", [
    {"vllm_api_key": KEY}, {"azure_openai_api_key": KEY}, {"azure_openai_endpoint": "https://x.openai.azure.com"},
    {"openai_base_url": "http://localhost:1/v1"}, {"model_api_key": KEY}, {"openai_api_key": "  \n"},
])
def test_half_of_it_configures_nothing(settings: dict[str, str]) -> None:
    assert configured(Settings(**settings)) == {}


@pytest.mark.parametrize(("settings", "says"), [
    ({"model_base_url": "localhost:8000"}, "MODEL_BASE_URL"), ({"model_base_url": "file:///etc/passwd"}, "MODEL_BASE_URL"),
    ({"model_base_url": "http://user:secret@host/v1"}, "MODEL_BASE_URL"), ({"model_base_url": "http://[::1"}, "MODEL_BASE_URL"),
    ({"openai_api_key": "sk-secret\r\nx: y"}, "OPENAI_API_KEY"), ({"openai_api_key": "sk-secrét"}, "OPENAI_API_KEY"),
    ({"openai_api_key": KEY, "default_model": "groq/x"}, "DEFAULT_MODEL"),
    ({"openai_api_key": KEY, "groq_api_key": KEY, "default_model": "gpt-4o"}, "DEFAULT_MODEL"),
])
def test_what_cannot_be_meant_is_said_at_the_start_and_without_keys(settings: dict[str, str], says: str) -> None:
    with pytest.raises(Misconfigured, match=says) as raised:
        ModelProviders.of(Settings(**settings))
    assert "secr" not in raised.value.message


def test_keys_are_in_no_text() -> None:
    given = {kind.key.lower(): KEY for kind in KINDS if kind.key}
    settings = Settings(**given, model_base_url="http://h", smtp_password="another")
    models = ModelProviders.of(settings)
    for text in (repr(settings), str(settings), repr(configured(settings)), repr(vars(models)), settings.model_dump_json()):
        assert KEY not in text


def test_models_are_known_by_several_names() -> None:
    models = ModelProviders.of(Settings(openai_api_key=KEY, openrouter_api_key=KEY, default_model="openai/gpt-4o"))
    assert models.default == "openai/gpt-4o"
    assert models.known("gpt-4") == "openai/gpt-4" and models.known("openai/gpt-4") == "openai/gpt-4"
    assert models.known("groq/llama") is None and models.known("gpt-4", "groq") is None and models.known("x", "nobody") is None
    assert models.known("meta/llama-3", "openrouter") == "openrouter/meta/llama-3"
    assert models.known("openrouter/meta/llama-3") == "openrouter/meta/llama-3"
    assert models.known("openai/gpt-4", "openrouter") == "openrouter/openai/gpt-4"
    assert models.known("openai/gpt-4", "openai") == models.known("gpt-4", " OpenAI ") == "openai/gpt-4"
    # What answers chats is nobody's model, unless somebody says whose.
    for ours in ("builtin-extractive-1", "mode/lite", "swarm/coding-team"):
        assert models.known(ours) is None and models.known(ours, "openai") == f"openai/{ours}"
    assert models.known("openrouter/auto", "openrouter") == "openrouter/openrouter/auto"
    for odd in ("", " ", "a\nb", "x" * 300, " gpt-4"):
        assert models.known(odd) is None
    assert ModelProviders.of(Settings(openai_api_key=KEY, default_model="o3-mini")).default == "openai/o3-mini"


def test_of_several_providers_none_is_preferred() -> None:
    models = ModelProviders.of(Settings(openai_api_key=KEY, groq_api_key=KEY))
    assert models.default == "" and [each.provider for each in models.states()] == ["openai", "groq"]
    assert models.known("gpt-4") is None


async def test_the_first_model_that_is_listed_is_the_default_of_who_has_no_other(providers) -> None:
    async with RawProvider.saying(listing("llama3.2", "qwen3"), GOOD) as raw:
        models = providers(ollama_base_url=raw.origin)
        assert models.default == "ollama/default" == models.known("default")
        await hear(models, asking("x", models.default))
        assert raw.received[0].path == "/v1/models" and raw.received[1].json["model"] == "llama3.2"
        assert models.default == "ollama/llama3.2"


async def test_who_lists_nothing_is_asked_for_its_default(providers) -> None:
    async with RawProvider.saying(response(404), GOOD) as raw:
        assert (await hear(providers(model_base_url=raw.url), asking("x", "compatible/default"))).text == "Hi"
        assert raw.received[1].json["model"] == "default"


async def test_what_openai_and_mistral_call_otherwise_is_called_so(providers) -> None:
    async with RawProvider.saying(GOOD) as raw:
        await hear(providers(openai_api_key=KEY, openai_base_url=raw.url), asking("x", "openai/o3", seed=1))
        models = providers(mistral_api_key=KEY)
        client = await models._providers["mistral"]._ready()
        client._openai.base_url = raw.url
        await hear(models, asking("x", "mistral/small", seed=1))
    openai, mistral = (each.json for each in raw.received)
    assert openai["max_completion_tokens"] == 100 and openai["seed"] == 1 and "max_tokens" not in openai
    assert mistral["max_tokens"] == 100 and mistral["random_seed"] == 1
    assert not {"stream_options", "seed", "max_completion_tokens"} & set(mistral)


async def test_lists_are_kept_for_a_while(providers, time) -> None:
    async with RawProvider.saying(listing("a"), listing("b")) as raw:
        models = providers(model_base_url=raw.url)
        assert await models.list() == await models.list() == [ModelInfo("compatible", "a")]
        time.now += KEPT
        both = await asyncio.gather(models.list(), models.list())
        assert both == [[ModelInfo("compatible", "b")]] * 2 and len(raw.received) == 2


async def test_one_that_does_not_list_holds_nobody_up(providers) -> None:
    async with RawProvider.falling_silent(b"") as silent, RawProvider.saying(listing("a")) as good:
        models = providers(model_base_url=silent.url, vllm_base_url=good.url, ollama_base_url="http://127.0.0.1:9")
        async with asyncio.timeout(6):
            assert await models.list() == [ModelInfo("vllm", "a")]
        assert [each.circuit for each in models.states()] == ["closed"] * 3


@pytest.mark.parametrize("said", [
    response(200, b"<html>"), response(200, b"{}"), response(200, b'{"data": [{"id": "a"}'), response(200, b'{"data": [1 2]}'),
    response(200, b'{"data": [' + b"[" * 10_000), response(200, b'{"data": [' + b" " * 10_000), response(200, b'{"data": ["\xff"]}'),
    response(500), response(200, b"[" + b'"' + b"x" * 5_000_000),
])
async def test_what_is_no_list_is_an_empty_one(providers, said: bytes) -> None:
    async with RawProvider.saying(said) as raw:
        assert await providers(model_base_url=raw.url).list() == []


async def test_a_list_is_bounded_and_holds_nobody_up() -> None:
    many = json.dumps({"data": [{"id": f"m{each}", "more": [{}] * 300} for each in range(MOST_MODELS + 500)]}).encode()
    async with longest_hold() as held:
        assert len(await names_in(many)) == MOST_MODELS
    assert held.longest < BOUND
    odd = [{"id": "ok"}, {"id": 7}, {}, 3, {"id": ""}, {"id": "x" * 999}, {"id": "a\nb"}, {"id": "ok"}, {"id": "é"}]
    assert await names_in(json.dumps({"data": odd}, indent=2).encode()) == ["ok", "é"]


def test_a_model_that_takes_too_long_is_a_timeout_everywhere() -> None:
    assert HTTP_STATUS[ModelTimeout.kind] == 504 and CODES[ModelTimeout.kind].name == "DEADLINE_EXCEEDED"
    assert set(HTTP_STATUS) == set(CODES)
