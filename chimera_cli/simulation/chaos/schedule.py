"""Which faults strike when: a pure function of seed, round and the kinds of fault chosen."""

from collections.abc import Sequence
from random import Random

from chimera_cli.models.drill import FaultKind, Moment, Strike
from chimera_cli.simulation.chaos.draws import DRAWS, span
from chimera_cli.simulation.chaos.grounds import PLAYED_ON, ground_of, in_order, turn_of

WINDOWS = {Moment.SUBMISSION: (0.2, 1.2), Moment.ACCEPTANCE: (0.0, 2.0)}
"""When faults begin, in s: while the work is submitted, or while it runs, is judged and approved."""
EARLY = 0.25
"""Share of the faults that strike while the work is submitted."""
MOST_EXTRA = 2
"""Further faults besides the one that a round is about."""
ONCE = {
    FaultKind.FLUSH,
    FaultKind.KEY_FAMILY,
    FaultKind.STALLED_LOOP,
    FaultKind.SELF_DRAIN,
    FaultKind.FOREIGN_STORE,
    FaultKind.TWO_PRIMARIES,
    FaultKind.RESHARD,
    FaultKind.REDIS_CLOCK,
}
"""Kinds that would show nothing more the second time in a round, or would no longer be one fault."""


def schedule(seed: int, number: int, faults: Sequence[FaultKind]) -> tuple[Strike, ...]:
    """Draw the faults of a round, in order. Rounds take turns in what they are about, so that each kind has its share.

    Args:
        seed: Seed of the drill.
        number: Number of the round, from 1.
        faults: Kinds of fault chosen.
    """
    chance = Random(f"schedule/{seed}/{number}")  # nosec B311 # the same seed must give the same faults
    drawn = [turn_of(number, faults)]
    kinds = [kind for kind in in_order(faults) if kind in PLAYED_ON[ground_of(drawn[0])]]
    for _ in range(chance.randint(0, MOST_EXTRA)):
        others = [kind for kind in kinds if kind not in ONCE.intersection(drawn)]
        drawn += [chance.choice(others)] if others else []
    return tuple(
        sorted(
            (_strike(kind, chance) for kind in drawn),
            key=lambda strike: (strike.after is Moment.ACCEPTANCE, strike.at_s),
        )
    )


def _strike(fault: FaultKind, chance: Random) -> Strike:
    after = Moment.SUBMISSION if chance.random() < EARLY else Moment.ACCEPTANCE
    at_s = span(chance, *WINDOWS[after])
    return DRAWS[fault](chance).model_copy(update={"after": after, "at_s": at_s, "fault": fault})
