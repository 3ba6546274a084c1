"""Downloads: a file in pieces, whole or from one place to another, which no browser takes for a page of ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from google.api.httpbody_pb2 import HttpBody

from server.apikit.refusals import Refusal
from server.core.shared.call_context import Call

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class RangeNotSatisfiable(Refusal):
    """The file is not that long."""

    kind = "invalid"
    reason = "RANGE_NOT_SATISFIABLE"
    http_status: ClassVar[int] = 416


@dataclass(frozen=True, slots=True)
class Download:
    """One file on its way out."""

    filename: str
    content_type: str
    size: int
    sha256: str

    def prepare(self, call: Call) -> tuple[int, int | None]:
        """Sets the answer's status and headers; from which byte to before which one. Raises RangeNotSatisfiable.

        What is no range of bytes, or is several, counts as none, as HTTP has it.
        """
        ascii_name = re.sub(r'[^\x20-\x7e]|["\\]', "_", self.filename)
        named = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(self.filename, safe='')}"
        tag = f'"sha256:{self.sha256}"'
        headers = [
            ("content-disposition", named),
            ("x-content-type-options", "nosniff"),
            ("accept-ranges", "bytes"),
            ("etag", tag),
            # Of one's own pages nothing in it may run, whatever it is.
            ("content-security-policy", "sandbox; default-src 'none'"),
        ]
        # Who has the beginning of another version gets all of this one.
        same = call.headers.get("if-range", tag) == tag
        try:
            start, end = self._range(call.headers.get("range", "") if same else "")
        except RangeNotSatisfiable:
            call.response_headers = (*call.response_headers, ("content-range", f"bytes */{self.size}"))
            raise
        if (start, end) != (0, None):
            call.http_status = 206
            headers.append(("content-range", f"bytes {start}-{(end or self.size) - 1}/{self.size}"))
        call.response_headers = (*call.response_headers, *headers)
        return start, end

    def _range(self, asked: str) -> tuple[int, int | None]:
        found = _RANGE.fullmatch(asked.strip())
        if found is None or found[0] == "bytes=-":
            return 0, None
        if not found[1]:
            start, end = max(0, self.size - int(found[2])), self.size
        else:
            start, end = int(found[1]), min(int(found[2]) + 1, self.size) if found[2] else self.size
            if found[2] and int(found[2]) < start:
                return 0, None
        if start >= self.size or start >= end:
            raise RangeNotSatisfiable(f"the file has {self.size} bytes", details={"size": self.size})
        return start, end

    async def begin(self, data: AsyncIterator[bytes]) -> AsyncIterator[HttpBody]:
        """The file's pieces as an answer has them. Raises what keeps the first one from being read."""
        first = await anext(data, b"")

        async def pieces() -> AsyncIterator[HttpBody]:
            yield HttpBody(content_type=self.content_type, data=first)
            async for piece in data:
                yield HttpBody(content_type=self.content_type, data=piece)

        return pieces()
