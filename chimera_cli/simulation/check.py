"""How a check is written: everything that breaks it, a sentence each, or what was seen when nothing does."""

from collections.abc import Callable, Iterable

from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.simulation.evidence import Evidence

Check = Callable[[Evidence], InvariantCheck]
"""Reads the evidence and judges one thing."""
SHOWN = 3
"""Problems that are told in full; more are counted."""


def judged(name: str, problems: Iterable[str], seen: str) -> InvariantCheck:
    """Make the result of a check."""
    found = list(problems)
    more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
    return InvariantCheck(name=name, ok=not found, detail="; ".join(found[:SHOWN]) + more if found else seen)


def count(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
