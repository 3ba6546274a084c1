"""The Agent Operations API, on the operations port below /v1."""
