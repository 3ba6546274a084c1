"""Settings of language models: part of `Settings`."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class ModelSettings(BaseSettings):
    """Which providers there are, and how long they may take."""

    # Language models. A provider is configured by its key, or its address where it needs none; which there are is in
    # `work/models/table.py`. What is asked where nobody names a model is `provider/model`; where it is empty, and one
    # provider is configured, that one's.
    default_model: str = ""
    openai_api_key: SecretStr = SecretStr("")
    openai_base_url: str = ""
    azure_openai_api_key: SecretStr = SecretStr("")
    azure_openai_endpoint: str = ""
    ollama_base_url: str = ""
    vllm_base_url: str = ""
    vllm_api_key: SecretStr = SecretStr("")
    groq_api_key: SecretStr = SecretStr("")
    mistral_api_key: SecretStr = SecretStr("")
    deepseek_api_key: SecretStr = SecretStr("")
    openrouter_api_key: SecretStr = SecretStr("")
    # With the extra `providers`. Bedrock is configured by its address, and finds credentials as AWS's programs do where
    # it has no key.
    anthropic_api_key: SecretStr = SecretStr("")
    anthropic_base_url: str = ""
    google_api_key: SecretStr = SecretStr("")
    google_base_url: str = ""
    aws_bearer_token_bedrock: SecretStr = SecretStr("")
    bedrock_base_url: str = ""
    # Any other server that speaks as OpenAI's does.
    model_base_url: str = ""
    model_api_key: SecretStr = SecretStr("")
    # What models cost, as a JSON object or the path of a file with one (`core/models/prices.py`); none when empty.
    model_prices: str = ""
    # How long an answer may take in all, how long until it begins, and how long it may pause.
    model_timeout_seconds: float = Field(120.0, gt=0, le=3600)
    model_first_seconds: float = Field(60.0, gt=0, le=3600)
    model_idle_seconds: float = Field(30.0, gt=0, le=3600)
