"""Shelves: the vectors of an organization in memory, as they are searched, and those of several within some bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Vectors in one piece of memory, the first and the largest: so a shelf grows without being copied, and small ones, of
# which there are most, take little.
SMALLEST, LARGEST = 64, 4096
# Organizations that are kept, however few vectors they have.
MOST_SHELVES = 1000
# What is less alike than that is not found: whatever one asks, something is the least unlike.
LEAST_ALIKE = 0.25
# A document's generation, and the number of a chunk in it.
Place = tuple[str, int, int]


class Shelf:
    """One organization's."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._blocks: list[Floats] = []
        self._documents = np.zeros(0, np.int32)
        self._numbers = np.zeros(0, np.int32)
        self.size = self._capacity = 0
        # By its number here, which is never used again: what a document is called, and its generation.
        self._names: list[tuple[str, int]] = []
        self._known: dict[str, int] = {}
        self._parts: set[Place] = set()
        self._gone: set[int] = set()

    @property
    def mostly_gone(self) -> bool:
        """Whether it would take much less if it were filled anew."""
        lost = int(np.isin(self._documents[: self.size], list(self._gone)).sum()) if self._gone else 0
        return lost > max(LARGEST, self.size // 2)

    def bytes(self, more: int = 0) -> int:
        """What it takes with so many vectors more, but for names."""
        capacity = self._capacity
        while capacity < self.size + more:
            capacity += _next_block(capacity)
        return capacity * (self._dimensions * 4 + 8)

    def lacks(self, part: Place) -> bool:
        """Whether nobody has put that part in."""
        return part not in self._parts

    def add(self, document: str, generation: int, first: int, vectors: Floats) -> None:
        """Puts in the vectors of consecutive chunks that it lacks, but for those that it has a later generation of."""
        known = self._known.get(document)
        if known is not None and generation > self._names[known][1]:
            self.forget(document, self._names[known][1])
            known = None
        if known is None:
            known = self._known[document] = len(self._names)
            self._names.append((document, generation))
        if generation < self._names[known][1] or known in self._gone:
            return
        self._parts.add((document, generation, first))
        self._append(vectors, known, np.arange(first, first + len(vectors), dtype=np.int32))

    def _append(self, vectors: Floats, document: int, numbers: NDArray[np.int32]) -> None:
        while len(vectors):
            if self.size == self._capacity:
                more = _next_block(self._capacity)
                self._blocks.append(np.zeros((more, self._dimensions), np.float32))
                self._documents = np.concatenate([self._documents, np.zeros(more, np.int32)])
                self._numbers = np.concatenate([self._numbers, np.zeros(more, np.int32)])
                self._capacity += more
            at = self.size - (self._capacity - len(self._blocks[-1]))
            count = min(self._capacity - self.size, len(vectors))
            self._blocks[-1][at : at + count] = vectors[:count]
            self._documents[self.size : self.size + count] = document
            self._numbers[self.size : self.size + count] = numbers[:count]
            self.size += count
            vectors, numbers = vectors[count:], numbers[count:]

    def forget(self, document: str, generation: int) -> None:
        """Finds a document's generation, and what was before it, no more."""
        known = self._known.get(document)
        if known is not None and self._names[known][1] <= generation:
            self._gone.add(known)

    def nearest(self, vector: Floats, most: int, documents: Collection[str] | None = None) -> list[Place]:
        """The places of what is most alike, best first, in these documents where some are named."""
        if not self.size:
            return []
        alike = np.concatenate([block @ vector for block in self._blocks])[: self.size]
        owners = self._documents[: self.size]
        if documents is not None:
            asked = [self._known[name] for name in documents if name in self._known]
            alike[~np.isin(owners, np.array(asked, np.int32))] = -1
        if self._gone:
            alike[np.isin(owners, np.array(list(self._gone), np.int32))] = -1
        found = np.flatnonzero(alike >= LEAST_ALIKE)
        if len(found) > most:
            found = found[np.argpartition(-alike[found], most - 1)[:most]]
        # Those that are as alike as each other in the order in which they came.
        found = found[np.lexsort((found, -alike[found]))]
        return [(*self._names[owners[at]], int(self._numbers[at])) for at in found.tolist()]


def _next_block(capacity: int) -> int:
    """How many vectors go into the block that follows so many."""
    return min(LARGEST, max(SMALLEST, capacity))


class Shelves:
    """Those of several organizations, in so many bytes; which nobody has asked for longest goes first."""

    def __init__(self, dimensions: int, most_bytes: int) -> None:
        self._dimensions = dimensions
        self._most = most_bytes
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    def begin(self, organization: str) -> None:
        """An empty one."""
        self._shelves.pop(organization, None)
        self._shelves[organization] = Shelf(self._dimensions)
        while len(self._shelves) > MOST_SHELVES:
            self._shelves.popitem(last=False)

    def add(self, organization: str, parts: Sequence[Place], vectors: Sequence[Floats]) -> str:
        """Puts parts of documents in, and says that it has done so, or that the shelf is `missing`, or `full`."""
        shelf = self.get(organization)
        if shelf is None:
            return "missing"
        new = [(part, some) for part, some in zip(parts, vectors, strict=True) if shelf.lacks(part)]
        needed = shelf.bytes(sum(len(some) for _, some in new))
        taken = sum(each.bytes() for each in self._shelves.values()) - shelf.bytes()
        while taken + needed > self._most and len(self._shelves) > 1:
            taken -= self._shelves.popitem(last=False)[1].bytes()
        if needed > self._most:
            return "full"
        for (document, generation, first), some in new:
            shelf.add(document, generation, first, some)
        return "added"

    def forget(self, organization: str, documents: Iterable[tuple[str, int]]) -> None:
        """Finds these no more. A shelf that has more of such than of others goes, to be filled anew."""
        shelf = self._shelves.get(organization)
        if shelf is None:
            return
        for document, generation in documents:
            shelf.forget(document, generation)
        if shelf.mostly_gone:
            del self._shelves[organization]

    def get(self, organization: str) -> Shelf | None:
        """The one of an organization, which has been asked for now."""
        if organization in self._shelves:
            self._shelves.move_to_end(organization)
        return self._shelves.get(organization)
