"""Agents: what does work, from deployment or registration to its figures."""
