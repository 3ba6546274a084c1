"""Coding sessions and their tasks, moved by hand and taken apart."""
