"""Frames: what a server process and the one with its vectors say to each other, a JSON object and bytes beside it."""

from __future__ import annotations

import json
import struct
from typing import Any

HEAD = struct.Struct(">II")
Said = dict[str, Any]


def frame(said: Said, beside: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(said, separators=(",", ":")).encode()
    return b"".join((HEAD.pack(len(text), len(beside)), text, beside))
