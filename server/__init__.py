"""The server."""

import os

# Before gRPC is imported: its event engine adds a thread hop to every read, which costs a server in Python a fifth of
# its calls (docs/adr/0003-no-event-engine-for-the-listener.md has the figures).
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
# Children of ours run another program at once. What gRPC does around a fork is for those that do not, holds its threads
# meanwhile, and fills the log.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
