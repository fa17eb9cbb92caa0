"""On what servers a round is played: a single Redis and PostgreSQL, a Redis Cluster, or a PostgreSQL behind a pooler."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from chimera_cli.models.drill import FaultKind


class Ground(StrEnum):
    """What a stretch of rounds needs; rounds on the same ground are played one after the other."""

    PLAIN = "plain"
    """One Redis and one PostgreSQL."""
    POOLED = "pooled"
    """PostgreSQL behind PgBouncer in transaction mode."""
    CLUSTER = "cluster"
    """A Redis Cluster."""


ANYWHERE = {FaultKind.WORKER, FaultKind.MODEL, FaultKind.CLOCK, FaultKind.STALLED_LOOP, FaultKind.SELF_DRAIN}
"""Faults that are about neither Redis nor Postgres."""
PLAYED_ON: Mapping[Ground, frozenset[FaultKind]] = {
    Ground.PLAIN: frozenset(FaultKind) - {FaultKind.POOLER, FaultKind.RESHARD},
    # After its server was away PgBouncer waits for 15 s, as it comes: that would be a round about nothing else.
    Ground.POOLED: frozenset({FaultKind.POOLER, FaultKind.REDIS, FaultKind.OOM, *ANYWHERE}),
    Ground.CLUSTER: frozenset({FaultKind.RESHARD, FaultKind.POSTGRES, *ANYWHERE}),
}
"""What can strike where."""


def ground_of(fault: FaultKind) -> Ground:
    """Tell where a round about a kind of fault is played."""
    return next(ground for ground, faults in PLAYED_ON.items() if fault in faults)


def turn_of(number: int, faults: Iterable[FaultKind]) -> FaultKind:
    """Tell what a round is about: rounds take turns, so that each kind of fault has its share."""
    kinds = in_order(faults)
    return kinds[(number - 1) % len(kinds)]


def in_order(faults: Iterable[FaultKind]) -> list[FaultKind]:
    """Sort kinds of fault as they are listed; each once."""
    return sorted(set(faults), key=list(FaultKind).index)


def by_ground(numbers: Sequence[int], faults: Iterable[FaultKind]) -> Iterator[tuple[Ground, list[int]]]:
    """Put rounds on the same ground together."""
    kinds = tuple(faults)
    for ground in Ground:
        played = [number for number in numbers if ground_of(turn_of(number, kinds)) is ground]
        if played:
            yield ground, played
