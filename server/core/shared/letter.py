"""Letters: what is mailed to one person, whoever has something to say to him."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. Its id is the same however often it is sent, so that a mail program shows once what came twice."""

    id: str
    name: str
    address: str
    subject: str
    text: str
    # Microseconds since 1970.
    written_at: int
