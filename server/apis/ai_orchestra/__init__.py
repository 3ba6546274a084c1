"""The AI Orchestra API: chat, health, metrics and webhooks."""
