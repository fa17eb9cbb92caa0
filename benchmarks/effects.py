"""What a run did, read from the file of marks: how many, when, and which were lost or doubled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.noted import WIDTH


@dataclass(frozen=True)
class Tally:
    """The marks of a run, beside what was asked for."""

    first: Sequence[int]
    """When each wanted job left its first mark, in ns of the monotonic clock, in order."""
    lost: int
    """Wanted jobs without a mark."""
    doubled: int
    """Marks beyond the first of their job, and marks of jobs that nobody wanted."""

    @property
    def rate(self) -> float | None:
        """Jobs a second, as `rate` has it."""
        return rate(self.first)


def rate(moments_ns: Sequence[int]) -> float | None:
    """Return how many came a second between first and last tenth, so that neither start nor end counts; None for too few."""
    begin, end = len(moments_ns) // 10, len(moments_ns) * 9 // 10 - 1
    return (end - begin) * 1e9 / (moments_ns[end] - moments_ns[begin]) if end > begin else None


def count(file: Path) -> int:
    """Count marks by the size of their file; nothing is read while a run is measured."""
    return file.stat().st_size // WIDTH if file.exists() else 0


def read(file: Path) -> list[tuple[str, int]]:
    """Read the marks: job and moment."""
    return [(job, int(at)) for job, at, _ in _lines(file)]


def processes(file: Path) -> set[str]:
    """Tell which processes left marks."""
    return {process for _, _, process in _lines(file)}


def _lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text("ascii").splitlines()] if file.exists() else []


def tally(marks: Sequence[tuple[str, int]], wanted: Collection[str]) -> Tally:
    """Compare marks with what was wanted."""
    known, first = set(wanted), _first(marks)
    done = sorted(at for job, at in first.items() if job in known)
    return Tally(done, lost=len(known) - len(done), doubled=len(marks) - len(done))


def latencies_ms(begun: Sequence[tuple[str, int]], marks: Sequence[tuple[str, int]]) -> list[float]:
    """Return what passed between the beginning and the first mark of each job that has both, in order of size."""
    ends = _first(marks)
    return sorted((ends[job] - at) / 1e6 for job, at in begun if job in ends)


def _first(marks: Sequence[tuple[str, int]]) -> dict[str, int]:
    first: dict[str, int] = {}
    for job, at in marks:
        first[job] = min(at, first.get(job, at))
    return first
