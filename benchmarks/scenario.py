"""What a scenario is, and what it is given: subjects to measure one after the other, each to figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer import Peer, place_for

Figures = Mapping[str, float | None]
"""What one measurement found, by name; None where there is nothing to tell."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What was asked for on the command line."""

    peers: tuple[str, ...] = ()
    """Queues with a virtual environment."""
    venvs: Path | None = None
    """Folder of those."""
    quick: bool = False
    """Whether to try it out on less work; the figures are worth less then."""

    def size(self, whole: int, quick: int) -> int:
        """Choose between the size of a real run and that of a trial."""
        return quick if self.quick else whole

    @property
    def queues(self) -> Sequence[str]:
        """The floor first, then chimera, then the peers."""
        return ("floor", "chimera", *self.peers)

    @contextmanager
    def peer(self, name: str, *, slots: int) -> Iterator[Peer]:
        """Open a queue on servers of its own."""
        with place_for(name) as place:
            yield Peer(name, self.venvs, place, slots=slots)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One thing that is measured of several subjects."""

    about: str
    """What is done and what is counted, in a sentence or two."""
    headings: Mapping[str, str]
    """What each figure is called in the table, with its unit."""
    subjects: Callable[[Bench], Sequence[str]]
    """What is measured; the first is the floor."""
    measure: Callable[[Bench, str], Figures]
    """Measures one subject once."""
    beside_floor: str = ""
    """The figure whose ratio to that of the first subject, in the same round, is told; empty for none."""
