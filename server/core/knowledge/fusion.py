"""Fusion: one order of what is found by words and of what is found by vectors, by the places that it has in both."""

from __future__ import annotations

from collections.abc import Sequence

# As whoever proposed it has it: how little the first place counts more than the second.
K = 60
# How many of each are looked at together. What is found by words alone and stands behind comes after all of them.
DEPTH = 50


def fused(by_words: Sequence[int], by_vectors: Sequence[int]) -> dict[int, float]:
    """What each is worth, best first: the sum of 1 / (K + its place) over those orders that have it.

    More that is found by words changes nothing before it, so pages follow each other.
    """
    worth: dict[int, float] = {}
    for found in (by_words[:DEPTH], by_vectors[:DEPTH]):
        for place, each in enumerate(found, 1):
            worth[each] = worth.get(each, 0.0) + 1 / (K + place)
    # Of those that are worth the same, what was found by words comes first: it was added first.
    best = dict(sorted(worth.items(), key=lambda item: -item[1]))
    for place, each in enumerate(by_words[DEPTH:], DEPTH + 1):
        best.setdefault(each, 1 / (K + place))
    return best
