"""`builtin-extractive-1`: answers with sentences that it has found, and says so. It is no language model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.core.chat.memory.recall import Passage, Recalled
from server.core.chat.memory.words import asked_words, words_of
from server.core.models.names import BUILTIN
from server.model import Answer
from server.pace import Pace

NAME = BUILTIN
# How many sentences an answer has, by mode.
SENTENCES = {"lite": 2, "balanced": 3, "quality": 5}
LONGEST = 600
# How many different sentences are looked at.
MOST_SENTENCES = 1000
# How much of each turn is looked through.
TURN_CHARACTERS = 1000
# What a passage must have of a question's words, so that a sentence of it may answer that.
BEARING = 0.34
# Where a sentence may end.
_STOP = re.compile(r"[.!?。！？\n]+")
_NOTHING = (
    "I found nothing about that in this conversation or in the knowledge base. {why}, "
    f"so I ({NAME}) can only quote what I find. {{help}}"
)
_UNCONFIGURED = "No language model is configured here"
_AWAY = "The language model does not answer now"
_HELP = (
    "Upload documents to /v1/knowledge/documents, or let the operator name a provider: OPENAI_API_KEY, or "
    "OLLAMA_BASE_URL, or MODEL_BASE_URL for any server that speaks OpenAI's protocol."
)
_CHOSEN = "I was asked and no language model"
_UPLOAD = "Upload documents to /v1/knowledge/documents, or leave the model out."
_LATER = "Ask again later, or upload documents to /v1/knowledge/documents."
_UNREAD = " The knowledge base was not searched, because this key lacks the scope knowledge:read."


@dataclass(frozen=True, slots=True)
class Extract:
    """An answer: parts of its text in order, what it quotes, and how much of the question those sentences have."""

    parts: Sequence[str]
    cited: Sequence[Passage]
    # 0 to 1: the share of the question's words that are in what it quotes.
    coverage: float


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    has: frozenset[str]
    passage: Passage
    # How much of the question the passage has, and its place among them.
    bearing: float
    place: int


async def extract(answer: Answer, recalled: Recalled, *, model_is_away: bool = False, chosen: bool = False) -> Extract:
    """What the passages and earlier turns say to a question.

    Where there is a model, it does not answer now, or somebody has chosen this instead.
    """
    wanted = asked_words(answer.message)
    pace = Pace()
    found: list[_Sentence] = []
    seen = set[str]()
    for place, passage in enumerate(_sources(recalled)):
        about, here = words_of(f"{passage.title} {passage.heading}") & wanted, list[tuple[str, frozenset[str]]]()
        await pace.turn()
        for text in _sentences(passage.text):
            await pace.turn()
            plain = " ".join(text.split()).casefold()
            if plain in seen or len(seen) >= MOST_SENTENCES:
                continue
            seen.add(plain)
            if has := words_of(text) & wanted:
                here.append((text, has))
        bearing = len(about.union(*(has for _, has in here))) / len(wanted) if here else 0.0
        if bearing >= BEARING:
            found += [_Sentence(text, has, passage, bearing, place) for text, has in here]
    best = _chosen(found, wanted, SENTENCES.get(answer.mode, 3))
    if not best:
        why, help = (_UNCONFIGURED, _HELP)
        if model_is_away or chosen:
            why, help = (_AWAY, _LATER) if model_is_away else (_CHOSEN, _UPLOAD)
        nothing = _NOTHING.format(why=why, help=help)
        return Extract([nothing + ("" if answer.reads_knowledge else _UNREAD)], (), 0.0)
    cited: list[Passage] = []
    parts: list[str] = []
    for sentence in best:
        if sentence.passage not in cited:
            cited.append(sentence.passage)
        number = cited.index(sentence.passage) + 1
        parts.append(f"{' ' if parts else ''}{_shown(sentence)} [{number}]")
    covered = frozenset[str]().union(*(each.has for each in best))
    return Extract(parts, cited, round(len(covered) / len(wanted), 2) if wanted else 0.0)


def _sources(recalled: Recalled) -> Iterator[Passage]:
    """What can be quoted: passages of documents, then what was said, the newest first."""
    yield from (each for each in recalled.passages if not each.turn)
    for turn in [*recalled.earlier, *recalled.turns][::-1]:
        yield Passage(text=turn.message[:TURN_CHARACTERS], turn=turn.number, role="user")
        if turn.answered_by and turn.answered_by != NAME:
            yield Passage(text=turn.text[:TURN_CHARACTERS], turn=turn.number, role="assistant")


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for stop in _STOP.finditer(text):
        rest = text[stop.end() : stop.end() + 1]
        # A point within a number or a name ends nothing.
        if rest and not rest.isspace() and stop[0].isascii() and "\n" not in stop[0]:
            continue
        sentence = text[start : stop.end()].strip()
        start = stop.end()
        if sentence:
            yield sentence[:LONGEST]
    if last := text[start:].strip():
        yield last[:LONGEST]


def _chosen(found: Sequence[_Sentence], wanted: frozenset[str], most: int) -> list[_Sentence]:
    """Sentences that together have most of what is wanted, each of them once; first what adds most."""
    chosen: list[_Sentence] = []
    missing = set(wanted)
    candidates = [each for each in found if not each.text.endswith("?")]

    def worth(each: _Sentence) -> tuple[float, ...]:
        return len(each.has & missing), len(each.has), each.bearing, -each.place, -len(each.text)

    while candidates and len(chosen) < most:
        best = max(candidates, key=worth)
        candidates.remove(best)
        missing -= best.has
        chosen.append(best)
    return chosen


def _shown(sentence: _Sentence) -> str:
    if sentence.passage.turn:
        who = "You said" if sentence.passage.role == "user" else "I said"
        return f"{who} in turn {sentence.passage.turn}: “{sentence.text}”"
    return sentence.text
