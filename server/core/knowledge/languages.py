"""Languages: which one a text is in, by its most frequent words, and what its words are cut down to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

# How much of a text is looked at, and how many of its words must be known for a language to be believed.
SAMPLE_CHARACTERS = 20_000
ENOUGH, SHARE = 5, 0.04
DEFAULT = "english"
# No word that people look for is longer, and no index should hold a key.
LONGEST = 64
_WORD = re.compile(r"[^\W\d_]+")
# Words that nearly every text of a language has, and few others do.
_FREQUENT: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "danish": "og det at en den til er som på de med han af for ikke der var mig sig men et har om vi min",
        "dutch": "de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om",
        "english": "the and of to in is that it was for on are as with they be this have from or by not but",
        "finnish": "ja on ei että se hän oli ovat mutta kuin niin myös sen joka mitä kun tai jos",
        "french": "le la les et des un une du est que dans qui pour pas sur au plus avec ce il elle sont ne",
        "german": "der die und das den von zu mit ist des im für nicht ein eine als auch es an werden aus er sich",
        "hungarian": "a az és hogy nem is egy meg ez volt de van csak már mint ha vagy azt",
        "italian": "il di che la e un per non sono è con del della una le si da nel come anche più gli",
        "norwegian": "og i det er på som en til av for at med de har ikke den var jeg et om han men",
        "portuguese": "de que não o a os do da em um para com uma se por mais as dos como mas ao ele",
        "romanian": "și de a în la cu pe nu este că un o din care mai sau pentru sunt",
        "russian": "и в не на что он с как это по но из к у за от так для о же все она",
        "spanish": "de la que el en y a los se del las un por con no una su para es al lo como más",
        "swedish": "och det att i en jag hon som han på den med var sig för så till är men ett om av",
        "turkish": "ve bir bu da de için ile çok ne ama daha gibi olan olarak kadar en",
    }.items()
}


def language_of(text: str) -> str:
    """The language that a text seems to be in; English where none does."""
    words = [word.casefold() for word in _WORD.findall(text[:SAMPLE_CHARACTERS])]
    counts = {language: sum(word in frequent for word in words) for language, frequent in _FREQUENT.items()}
    best = max(counts, key=lambda language: (counts[language], language == DEFAULT))
    return best if counts[best] >= max(ENOUGH, SHARE * len(words)) else DEFAULT


def is_frequent(word: str, languages: Iterable[str]) -> bool:
    """Whether a word is one that nearly every text of one of these languages has."""
    return any(word.casefold() in _FREQUENT.get(language, ()) for language in languages)


def load_stems() -> None:
    """Loads what cuts words down, so that nobody's question waits for that. Takes a tenth of a second."""
    _stemmer(DEFAULT)


@cache
def _stemmer(language: str) -> Any:
    # Most programs never need it.
    import snowballstemmer

    return snowballstemmer.stemmer(language)


@lru_cache(maxsize=1 << 16)
def stem(word: str, language: str) -> str:
    """What the forms of a word have in common, in lower case and without accents."""
    # What is one character may be many when it is normal.
    normal = unicodedata.normalize("NFKC", word[:LONGEST]).casefold()
    return plain(_stemmer(language).stemWord(normal[:LONGEST]))


@lru_cache(maxsize=1 << 16)
def plain(word: str) -> str:
    """A word in lower case and without accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word.casefold())
    # What is left of a mark or a digit in a circle may be several words; they stay together.
    return "".join(character for character in parts if character.isalnum())
