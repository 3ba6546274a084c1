"""The Industrial API, on the orchestra port below /api/v1, with its sockets below /ws and its probes."""
