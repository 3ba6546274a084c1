"""One server process, with every setting from the environment: what `orchestrator up` starts."""

import gc
import os
import sys
from pathlib import Path

# All that is made until it serves stays: whoever looked for garbage in it would take a tenth of the start.
gc.disable()

import uvloop

from server.errors import Misconfigured, SchemaTooNew, ServiceError
from server.prepare import prepare
from server.process import serve
from server.rpc import log
from server.settings import Settings


def main() -> None:
    """Listens until SIGTERM: for WebSockets at the path given first, for gRPC at the addresses after it."""
    settings = Settings()
    log.configure(settings.log_level)
    try:
        prepare(settings)
        uvloop.run(serve(settings, sys.argv[2:], Path(sys.argv[1]), supervised=True))
    except (Misconfigured, SchemaTooNew) as error:
        print(error.message, file=sys.stderr)
        # Tells the supervisor that starting us again is of no use.
        sys.exit(os.EX_CONFIG)
    except ServiceError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
