"""What this machine lacks for some kinds of fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos import clock, pooler


@dataclass(frozen=True)
class Lack:
    """One thing that is missing."""

    what: str
    """What cannot be done, and why."""
    hint: str
    """What to do about it."""


NO_CLOCK = Lack("no clock can be moved here: libfaketime is missing", clock.HINT)
NO_POOLER = Lack("there is no pgbouncer", pooler.HINT)


def lacks() -> Mapping[FaultKind, Lack]:
    """Find the kinds of fault that cannot be played here."""
    found = {FaultKind.CLOCK: (NO_CLOCK, clock.clock_library()), FaultKind.POOLER: (NO_POOLER, pooler.pooler_program())}
    found[FaultKind.REDIS_CLOCK] = found[FaultKind.CLOCK]
    return {kind: lack for kind, (lack, place) in found.items() if place is None}


def playable(faults: Sequence[FaultKind], lacking: Mapping[FaultKind, Lack]) -> tuple[FaultKind, ...]:
    """Leave out what cannot be done on this machine.

    Raises:
        ConfigError: Nothing is left.
    """
    found = tuple(kind for kind in faults if kind not in lacking)
    if not found:
        lack = lacking[faults[0]]
        raise ConfigError(lack.what, hint=lack.hint)
    return found
