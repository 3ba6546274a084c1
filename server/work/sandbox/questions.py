"""What user code may ask the server while it runs: the module `knowledge`, and the pipes that questions go by.

Like harness.py, before which it is sent, it is sent to the sandbox compiled and never imported.
"""

from __future__ import annotations

import _thread
import posix
import sys

# Stands for typing's, whose import a start cannot afford; annotations of this program are never evaluated.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    # The server sends that program before this one, into the same namespace.
    from server.work.sandbox.encoding import NotJSON, decode, encode


def knowledge(results: int, answers: int) -> Any:
    """The module `knowledge`, which asks by one pipe and is answered by the other."""
    one_at_a_time = _thread.allocate_lock()
    errors = {kind.__name__: kind for kind in (LookupError, PermissionError, TypeError, ValueError)}

    def search(
        query: str, *, limit: int = 10, offset: int = 0, tags: Sequence[str] = (), document_id: str = ""
    ) -> list[dict[str, Any]]:
        """Chunks of the knowledge base that answer a query, best first.

        `query` takes what the API takes: words, "quoted phrases", -without and begin*; `tags` are ones that a document
        must all have. A chunk has text, snippet (HTML), score, document_id, title, tags, heading, page (0 for none),
        chunk, chunk_sha256 and content_version.

        Raises TypeError and ValueError for what cannot be asked, LookupError for a document that is not there,
        PermissionError where whoever started this run may not search, and RuntimeError where the search could not be
        done or the run has asked too often.
        """
        if isinstance(tags, str):
            raise TypeError("tags: one text, where several are meant")
        asked = {"query": query, "limit": limit, "offset": offset, "tags": list(tags), "document_id": document_id}
        try:
            question = b"Q" + encode(asked)
        except NotJSON as error:
            raise TypeError(str(error).replace("output.", "", 1)) from None
        with one_at_a_time:
            write(results, question)
            size = int.from_bytes(_read(answers, 4), "big")
            answer = _read(answers, size)
        value = decode(answer, 1, len(answer))
        if answer[:1] == b"F":
            kind, message = value
            raise errors.get(kind, RuntimeError)(message)
        found: list[dict[str, Any]] = value
        return found

    module: Any = type(sys)("knowledge", "The knowledge base, as whoever started this run may search it.")
    module.search = search
    return module


def write(descriptor: int, content: bytes) -> None:
    """Writes one message: four bytes of length, and itself."""
    view = memoryview(len(content).to_bytes(4, "big") + content)
    while view:
        try:
            view = view[posix.write(descriptor, view) :]
        except OSError:
            return  # user code closed it; the server sees that there is no result


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = posix.read(descriptor, min(size, 1 << 20))
        if not part:
            raise RuntimeError("the server answers no more")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
