"""Which words of a text say something: what questions and passages are compared by."""

from __future__ import annotations

from server.core.knowledge.languages import DEFAULT, is_frequent
from server.core.knowledge.query import MAX_WORDS
from server.core.knowledge.terms import beginning, terms

# Words that ask, and say nothing of what is asked.
_ASKING = frozenset(
    word
    for words in (
        "what who whom whose where when why how which my your his her their our me you we us do does did can could",
        "would should will shall may please tell explain describe show give say know about there here has had were am",
        "i hello hi",
    )
    for word in words.split()
)


def words_of(text: str) -> frozenset[str]:
    """The stems of what a text says, without words that say nothing by themselves."""
    return frozenset(
        term.text
        for term in terms(text, DEFAULT)
        if term.form not in _ASKING and not is_frequent(term.form, (DEFAULT,))
    )


def asked_words(question: str) -> frozenset[str]:
    """The same of a question, which may be long: of as much of it as is looked for in documents."""
    return words_of(beginning(question, MAX_WORDS))
