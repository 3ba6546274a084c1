"""The providers of language models that there are, as data, and which of them are configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from server.errors import Misconfigured
from server.settings import Settings

# What stands for the first model that a provider lists, until it is known.
FIRST_LISTED = "default"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A provider as it is known before anything is configured."""

    name: str
    # Variables: its key, and its address where that can be set; empty for none.
    key: str = ""
    address: str = ""
    # Where it is unless the variable says so; empty where only the variable knows.
    url: str = ""
    # What of its address is appended where that has no path.
    path: str = "/v1"
    needs_key: bool = True
    # What is asked where nobody names a model.
    default: str = FIRST_LISTED
    # What it calls the bound on an answer's tokens: some refuse the other name.
    limit: str = "max_tokens"
    seed: str = "seed"
    # Whether it has to be asked for usage. Mistral says it unasked, and refuses the question.
    asks_usage: bool = True
    # Whose words it speaks; those of others than OpenAI take the extra `providers`.
    speaks: str = "openai"


KINDS = (
    Kind(
        name="openai",
        key="OPENAI_API_KEY",
        address="OPENAI_BASE_URL",
        url="https://api.openai.com/v1",
        default="gpt-4o-mini",
        limit="max_completion_tokens",
    ),
    Kind(
        name="azure",
        key="AZURE_OPENAI_API_KEY",
        address="AZURE_OPENAI_ENDPOINT",
        path="/openai/v1",
        default="gpt-4o-mini",
        limit="max_completion_tokens",
    ),
    Kind(name="ollama", address="OLLAMA_BASE_URL", needs_key=False),
    Kind(name="vllm", key="VLLM_API_KEY", address="VLLM_BASE_URL", needs_key=False),
    Kind(name="groq", key="GROQ_API_KEY", url="https://api.groq.com/openai/v1", default="llama-3.3-70b-versatile"),
    Kind(
        name="mistral",
        key="MISTRAL_API_KEY",
        url="https://api.mistral.ai/v1",
        default="mistral-small-latest",
        seed="random_seed",
        asks_usage=False,
    ),
    Kind(name="deepseek", key="DEEPSEEK_API_KEY", url="https://api.deepseek.com/v1", default="deepseek-chat"),
    Kind(name="openrouter", key="OPENROUTER_API_KEY", url="https://openrouter.ai/api/v1", default="openrouter/auto"),
    Kind(
        name="anthropic",
        key="ANTHROPIC_API_KEY",
        address="ANTHROPIC_BASE_URL",
        url="https://api.anthropic.com",
        path="",
        default="claude-haiku-4-5",
        speaks="anthropic",
    ),
    Kind(
        name="google",
        key="GOOGLE_API_KEY",
        address="GOOGLE_BASE_URL",
        url="https://generativelanguage.googleapis.com",
        path="",
        default="gemini-2.5-flash",
        speaks="google",
    ),
    Kind(
        name="bedrock",
        key="AWS_BEARER_TOKEN_BEDROCK",
        address="BEDROCK_BASE_URL",
        path="",
        needs_key=False,
        default="amazon.nova-lite-v1:0",
        speaks="bedrock",
    ),
    Kind(name="compatible", key="MODEL_API_KEY", address="MODEL_BASE_URL", needs_key=False),
)
NAMES = frozenset(kind.name for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider that can be asked."""

    kind: Kind
    url: str
    key: SecretStr

    @property
    def name(self) -> str:
        """As requests name it."""
        return self.kind.name


def configured(settings: Settings) -> Mapping[str, Configured]:
    """The providers that can be asked, by name, in the table's order. Raises Misconfigured, which shows no key."""
    found = {}
    for kind in KINDS:
        key = _key(settings, kind)
        url = str(getattr(settings, kind.address.lower())).strip() if kind.address else ""
        if (not key and kind.needs_key) or not (url or kind.url):
            if key:
                log.warning("a model provider has a key and no address", provider=kind.name, missing=kind.address)
            continue
        if missing := needs_extra(kind.name):
            log.warning("a model provider is configured, and not asked", provider=kind.name, why=missing)
            continue
        found[kind.name] = Configured(kind, _address(kind, url) if url else kind.url, SecretStr(key))
    return found


def needs_extra(name: str) -> str:
    """What is said of a provider that takes an extra which is not installed; empty of others."""
    speaks = next((kind.speaks for kind in KINDS if kind.name == name), "openai")
    if speaks == "openai" or find_spec("pydantic_ai") is not None:
        return ""
    return f"{name} takes an extra that is not installed: orchestrator[providers]"


def _key(settings: Settings, kind: Kind) -> str:
    if not kind.key:
        return ""
    given: SecretStr = getattr(settings, kind.key.lower())
    key = given.get_secret_value().strip()
    # It is sent in a header, and whoever would refuse it there would print it.
    if not (key.isascii() and key.isprintable()):
        raise Misconfigured(f"{kind.key} has characters that no key has")
    return key


def _address(kind: Kind, url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or parts.username is not None:
        raise Misconfigured(f"{kind.address} must be an address such as http://localhost:8000/v1, without a password")
    path = parts.path.rstrip("/") or kind.path
    return f"{parts.scheme}://{parts.netloc}{path}"
