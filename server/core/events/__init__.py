"""The feed as callers see it."""
