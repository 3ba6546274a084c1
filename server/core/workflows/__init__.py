"""Workflows: what their steps may be, and how their runs go on."""
