"""Answering questions: with language models by a plan, or with what was found."""
