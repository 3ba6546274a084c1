"""The gateway: Envoy in front of the server."""
