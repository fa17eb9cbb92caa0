"""What a check finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chimera_cli.simulation.history.history import History, Timing


@dataclass(frozen=True, slots=True)
class Violation:
    """Something in a history that breaks an invariant."""

    invariant: int
    """Number of the invariant in the architecture, 1 to 10."""
    subject: str
    """What it is about: a task, a goal, a state key, a card, a key of Redis, a place where a secret stands."""
    text: str
    """What is wrong, in a sentence."""

    def __str__(self) -> str:
        """Write it as one line."""
        return f"invariant {self.invariant}: {self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a history is judged."""

    ended: bool = True
    """All goals are over: nothing may be left alive, and Redis is back at its start value."""
    timing: Timing = field(default_factory=Timing)
    """The policy of the run."""


Flaw = tuple[str, str]
"""Subject and text of a violation."""
Check = Callable[[History, Terms], Iterator[Flaw]]
"""Finds what breaks one invariant. Pure."""
