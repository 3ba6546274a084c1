"""The OpenAI-compatible API: chat completions and models, for programs that know OpenAI's."""
