"""CoordinAItor: what comes from events: webhooks, notifications, the socket, and the audit log."""
