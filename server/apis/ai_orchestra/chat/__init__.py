"""AI Orchestra: chat over REST, server-sent events and WebSockets, in both versions of its requests."""
