"""Texts to search in: what Python's packages say about themselves, and questions to which one passage is the answer.

The first paragraph of a docstring is the question, and the rest of it the passage that answers it best.
"""

from __future__ import annotations

import ast
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Characters of a passage, and of the first paragraph that makes a question; words of it.
LONGEST, SHORTEST = 1200, 80
LONGEST_QUESTION, WORDS = 200, 5


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a document; `question` is empty where it answers none."""

    title: str
    heading: str
    text: str
    question: str


def passages(count: int) -> list[Passage]:
    """The first ones of the packages that are installed here. Raises ValueError where there are not so many."""
    found: list[Passage] = []
    for name, path in _modules():
        try:
            tree = ast.parse(path.read_bytes())
            lines = path.read_text().splitlines()
        except (SyntaxError, ValueError, RecursionError):
            continue
        found.extend(_of_module(name, tree, lines))
        if len(found) >= count:
            return found[:count]
    raise ValueError(f"only {len(found)} passages are installed here")


def _modules() -> Iterator[tuple[str, Path]]:
    """Files of Python code, each with the name of its module."""
    paths = sysconfig.get_paths()
    for root in (Path(paths["stdlib"]), Path(paths["purelib"])):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if root != Path(paths["stdlib"]) or parts[0] != "site-packages":
                yield ".".join(parts), path


def _of_module(name: str, tree: ast.Module, lines: list[str]) -> Iterator[Passage]:
    # A package is a document, so that there are hundreds of them.
    title = name.partition(".")[0]
    names: Counter[str] = Counter()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        names[node.name] += 1
        heading = f"{name}.{node.name} {names[node.name]}"
        said = (ast.get_docstring(node) or "").strip()
        question, _, rest = (part.strip() for part in said.partition("\n\n"))
        answers = len(rest) >= SHORTEST and len(question) <= LONGEST_QUESTION and len(question.split()) >= WORDS
        text = rest if answers else said
        if len(text) >= SHORTEST:
            yield Passage(title, heading, text[:LONGEST], " ".join(question.split()) if answers else "")
        if not isinstance(node, ast.ClassDef):
            code = "\n".join(lines[node.body[bool(said) and len(node.body) > 1].lineno - 1 : node.end_lineno])
            for at in range(0, len(code) - SHORTEST, LONGEST):
                yield Passage(title, f"{heading} code {at}", code[at : at + LONGEST], "")
