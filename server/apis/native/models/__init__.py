"""The native API: language models, their usage and budgets."""
