"""KeywordFilter: finds sensitive words, secrets and personal data in a text, however they are disguised."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from chimera_cli.models.gate import Finding
from chimera_cli.models.sensitive import SensitiveLists
from chimera_cli.services import lenses
from chimera_cli.services.budget import Budget, OverBudget
from chimera_cli.services.phrases import PhraseBook
from chimera_cli.services.readings import Reading, readings
from chimera_cli.services.sensitive_patterns import find_patterns, masked

Where = Literal["payload", "output"]
Sighting = tuple[str, str, int, int]
"""The rule, what was seen, and its start and end in the reading."""
Detector = Callable[[Reading, Budget], Iterator[Sighting]]
"""Looks at one reading."""

STEPS_PER_CHARACTER = 1500
"""Steps granted for a text: 28 readings of some 30 steps a character, and room. A text that needs more is not cleared."""
STEPS_AT_LEAST = 200_000
"""Steps granted for any text."""
MAX_FINDINGS_A_RULE = 5
"""Places shown for one rule: a reviewer who has seen five needs no more, and a card must not grow with an attack."""
SHORTEST_LEET = 5
"""Shorter words are not looked for in leet: "P11" is a page, not personal data."""
_EXCERPT = 80
_FAULT = "screen."


class KeywordFilter:
    """Reads a text through every lens and reports each sensitive phrase or pattern with its place in the original."""

    def __init__(self, lists: SensitiveLists, extra: Iterable[Detector] = ()) -> None:
        """Args:
        lists: Phrases by rule.
        extra: Further detectors; one that raises is reported, and never lets a text pass.
        """
        phrases = [(rule, _fold(phrase)) for rule, phrase in lists.phrases()]
        self._plain = PhraseBook(phrases)
        self._leet = PhraseBook(
            [(rule, phrase) for rule, phrase in phrases if len(phrase.strip("*")) >= SHORTEST_LEET], lenses.skeleton
        )
        self._detectors: tuple[Detector, ...] = (self._words, _patterns, *extra)

    def findings(self, text: str, where: Where) -> tuple[Finding, ...]:
        """Return what was found, at most five places a rule. Never raises: what fails is itself a finding."""
        found: dict[str, list[Finding]] = {}
        budget = Budget(max(STEPS_AT_LEAST, STEPS_PER_CHARACTER * len(text)))
        for reading in readings(text):
            for detector in self._detectors:
                for rule, says, low, high in _guarded(detector, reading, budget):
                    known = found.setdefault(rule, [])
                    if len(known) < (1 if rule.startswith(_FAULT) else MAX_FINDINGS_A_RULE):
                        span = reading.span(low, high)
                        if not _overlaps(known, span):
                            known.append(_finding(rule, says, where, text[slice(*span)], span, reading.name))
        return tuple(finding for findings in found.values() for finding in findings)

    def _words(self, reading: Reading, budget: Budget) -> Iterator[Sighting]:
        if not reading.folded:
            return
        book = self._leet if reading.signs else self._plain
        for phrase, low, high in book.find(reading.text, budget):
            if not reading.signs or _disguised(reading, low, high):
                yield phrase.rule, phrase.text, low, high


def _disguised(reading: Reading, low: int, high: int) -> bool:
    """Tell whether there was a sign to be read as a letter; that an l was read as an i is no disguise by itself."""
    original = reading.original[slice(*reading.span(low, high))]
    return lenses.disguised(reading.signs[low:high]) or lenses.disguised(original)


def _patterns(reading: Reading, budget: Budget) -> Iterator[Sighting]:
    if reading.folded:
        return
    for pattern, low, high in find_patterns(reading.text, budget):
        yield pattern.rule, pattern.says, low, high


def _guarded(detector: Detector, reading: Reading, budget: Budget) -> Iterator[Sighting]:
    try:
        yield from detector(reading, budget)
    except OverBudget as exc:
        yield "screen.timeout", str(exc), 0, len(reading.text)
    except Exception as exc:  # Fail closed: a detector that breaks must not clear what it could not read.
        yield "screen.error", f"{type(exc).__name__}: {exc}", 0, len(reading.text)


def _overlaps(known: list[Finding], span: tuple[int, int]) -> bool:
    return any(f.span is not None and f.span[0] < span[1] and span[0] < f.span[1] for f in known)


def _finding(rule: str, says: str, where: Where, words: str, span: tuple[int, int], lens: str) -> Finding:
    if rule.startswith(_FAULT):
        return Finding(rule=rule, where=where, message=f"The {where} could not be screened: {says}.")
    secret = rule.startswith(("secret.", "pii."))
    disguise = f", read through {lens}" if lens else ""
    what = f"what looks like {says}" if secret else f"{says.strip('*')!r}"
    return Finding(
        rule=rule,
        where=where,
        span=span,
        excerpt=masked(words) if secret else words[:_EXCERPT],
        message=f"The {where} holds {what}{disguise}.",
    )


def _fold(phrase: str) -> str:
    return lenses.casefolded(lenses.normalised(phrase)[0])[0]
