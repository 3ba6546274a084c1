"""Webhooks as APIs show and serve them alike."""
