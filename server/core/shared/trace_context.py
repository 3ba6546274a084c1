"""The W3C trace context of a request: which of what callers say is one."""

from __future__ import annotations

import re

# As it is kept and passed on: of version 00, and neither id all zeros.
_IDS = r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_SAID = re.compile(rf"(?:00-({_IDS})|(?!ff|00)[0-9a-f]{{2}}-({_IDS})(?:-[\x21-\x7e]*)?)")
LONGEST = 512


def traceparent_in(said: str) -> str:
    """What a header `traceparent` says, as of version 00; empty where it is none.

    Of versions that are newer the first fields are the same, and whoever does not know the others leaves them out.
    """
    found = _SAID.fullmatch(said) if len(said) <= LONGEST else None
    return f"00-{found[1] or found[2]}" if found is not None else ""
