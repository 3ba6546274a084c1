"""The native API: webhooks."""
