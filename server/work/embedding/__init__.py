"""Sentence vectors: a process of its own makes them of texts, and keeps those to search in."""
