"""The server."""

import os

# Before gRPC is imported: its event engine adds a thread hop to every read, which costs a server in Python a fifth of
# its calls (docs/adr/0003-no-event-engine-for-the-listener.md has the figures).
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
