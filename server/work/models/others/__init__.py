"""Providers that do not speak as OpenAI does, asked by pydantic-ai, which is an extra: nothing else imports this."""
