"""A book of phrases, found in a text in one pass whose cost grows with the text's length and nothing else.

A phrase is written in lower case, its words parted by spaces. A word matches itself and its plural in `s`; `vaccin*` matches
every word that begins so; `*password*` matches inside a word too. Between the words of a phrase may stand up to four signs and
two filler words (`delete all` also finds "delete them, all" and "delete_all"), or nothing (`secretkey`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from chimera_cli.services.budget import Budget

FILLERS = frozenset("the a an all any our your my his her their this that these those them of every in on for".split())
"""Words that may stand inside a phrase."""
MAX_FILLERS = 2
"""How many of them."""

_WORD = re.compile(r"[^\W_]+")
_NEXT = re.compile(r"(?![.!?]\s)[\W_]{1,4}([^\W_]{1,60})")
_LONGEST_STEM = 40
COMMON_WORDS = 4096
"""Words of which it is remembered what begins with them: most words of a text are words of the last one too."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing to look for."""

    text: str
    """As the list spells it."""
    rule: str
    """What is reported when it is found."""
    rest: tuple[str, ...] = ()
    """Its words after the first."""


@dataclass(slots=True)
class _Index:
    words: dict[str, list[Phrase]] = field(default_factory=dict)
    stems: dict[str, list[Phrase]] = field(default_factory=dict)
    parts: list[tuple[str, Phrase]] = field(default_factory=list)


Match = tuple[Phrase, int, int]
"""A phrase with the start and end of the characters that matched."""


class PhraseBook:
    """An index of phrases by their first word."""

    def __init__(self, phrases: Iterable[tuple[str, str]], spell: Callable[[str], str] = str) -> None:
        """Args:
        phrases: Pairs of rule and phrase.
        spell: Writes the phrases as the texts to be searched are written.
        """
        self._index = _Index()
        for rule, phrase in phrases:
            self._add(phrase, [spell(word) for word in phrase.split()], rule)
        self._lengths = sorted({len(stem) for stem in self._index.stems})
        # One character more than any phrase's word has tells a longer one from it.
        self._longest = 1 + max(map(len, (*self._index.words, *self._index.stems)), default=0)
        self._known = lru_cache(COMMON_WORDS)(self._beginning_with)

    def find(self, text: str, budget: Budget) -> Iterator[Match]:
        """Give every match, words first, then parts of words.

        Raises:
            OverBudget: The text costs more steps than the budget has.
        """
        budget.spend(len(text) * (1 + len(self._index.parts)))
        for word in _WORD.finditer(text):
            for phrase in self._known(word.group()[: self._longest]):
                budget.spend(1 + len(phrase.rest))
                end = _follow(text, word.end(), phrase.rest)
                if end is not None:
                    yield phrase, word.start(), end
        for part, phrase in self._index.parts:
            at = text.find(part)
            while at >= 0:
                yield phrase, at, at + len(part)
                at = text.find(part, at + len(part))

    def _add(self, text: str, words: list[str], rule: str) -> None:
        first, *rest = words
        if first.startswith("*"):
            self._index.parts.append((first.strip("*"), Phrase(text, rule)))
            return
        self._enter(first, Phrase(text, rule, tuple(rest)))
        if rest and not any(word.endswith("*") for word in words[:-1]):
            self._enter("".join(words), Phrase(text, rule))

    def _enter(self, word: str, phrase: Phrase) -> None:
        if word.endswith("*"):
            self._index.stems.setdefault(word[:-1][:_LONGEST_STEM], []).append(phrase)
            return
        for form in (word, f"{word}s"):
            self._index.words.setdefault(form, []).append(phrase)

    def _beginning_with(self, word: str) -> tuple[Phrase, ...]:
        found = list(self._index.words.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            found += self._index.stems.get(word[:length], ())
        return tuple(found)


def _follow(text: str, position: int, words: tuple[str, ...]) -> int | None:
    for wanted in words:
        for _ in range(MAX_FILLERS + 1):
            following = _NEXT.match(text, position)
            if following is None:
                return None
            position = following.end()
            if _fits(following.group(1), wanted):
                break
            if following.group(1) not in FILLERS:
                return None
        else:
            return None
    return position


def _fits(word: str, wanted: str) -> bool:
    if wanted.endswith("*"):
        return word.startswith(wanted[:-1])
    return word == wanted or word == f"{wanted}s"
