"""Which faults strike when: a pure function of seed, round and the kinds of fault chosen."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from chimera_cli.models.drill import FaultKind, Moment, Strike

WORKERS = ("worker-1", "worker-2", "worker-3")
JUDGES = ("judge-1", "judge-2")
PLANNER = "planner"
ROLES = (*WORKERS, *JUDGES, PLANNER)
"""The processes of the swarm."""
SKEWED = WORKERS[-1]
"""The worker whose clock can be moved."""
COMMANDS = "commands"
"""Whose wires the commands of the round's operator use."""
EVERYBODY = "everybody"
"""All wires to a server at once."""
FAR_ENDS = ("redis", "redis", "redis", "postgres", "postgres", "model")
"""Servers at the far end of a wire, as often as they are drawn."""
WINDOWS = {Moment.SUBMISSION: (0.2, 1.2), Moment.ACCEPTANCE: (0.0, 2.0)}
"""When faults begin, in s: while the work is submitted, or while it runs, is judged and approved."""
EARLY = 0.25
"""Share of the faults that strike while the work is submitted."""
MOST_EXTRA = 2
"""Further faults besides the one that a round is about."""


def schedule(seed: int, number: int, faults: Sequence[FaultKind]) -> tuple[Strike, ...]:
    """Draw the faults of a round, in order. Rounds take turns in what they are about, so that each kind has its share.

    Args:
        seed: Seed of the drill.
        number: Number of the round, from 1.
        faults: Kinds of fault chosen.
    """
    chance = Random(f"schedule/{seed}/{number}")  # nosec B311 # the same seed must give the same faults
    kinds = sorted(set(faults), key=list(FaultKind).index)
    first = kinds[(number - 1) % len(kinds)]
    # Two losses of Redis in one round would show nothing that one does not.
    others = [kind for kind in kinds if kind is not FaultKind.FLUSH]
    drawn = [first, *(chance.choice(others) for _ in range(chance.randint(0, MOST_EXTRA if others else 0)))]
    return tuple(
        sorted(
            (_strike(kind, chance) for kind in drawn),
            key=lambda strike: (strike.after is Moment.ACCEPTANCE, strike.at_s),
        )
    )


def _strike(fault: FaultKind, chance: Random) -> Strike:
    after = Moment.SUBMISSION if chance.random() < EARLY else Moment.ACCEPTANCE
    at_s = _span(chance, *WINDOWS[after])
    return DRAWS[fault](chance).model_copy(update={"after": after, "at_s": at_s, "fault": fault})


def _worker(chance: Random) -> Strike:
    action = chance.choice(("kill", "kill", "stall", "restart"))
    target = chance.choice((*WORKERS, *WORKERS, *JUDGES))
    leases = round(chance.uniform(1.1, 1.8), 2) if action == "stall" else 0.0
    return _made(action, target=target, leases=leases)


def _redis(chance: Random) -> Strike:
    action = chance.choice(("kill", "kill", "stall"))
    return _made(action, lasts_s=_span(chance, 0.0, 1.2))


def _postgres(chance: Random) -> Strike:
    action = chance.choice(("kill", "stop", "stall"))
    return _made(action, lasts_s=_span(chance, 0.0, 1.5))


def _network(chance: Random) -> Strike:
    action = chance.choice(("cut", "tear", "tear", "slow", "half-open", "refuse"))
    target = f"{chance.choice((*ROLES, COMMANDS, EVERYBODY))} {chance.choice(FAR_ENDS)}"
    if action in {"cut", "tear"}:
        return _made(action, target=target)
    delay = round(chance.uniform(20, 150)) if action == "slow" else 0
    return _made(action, target=target, lasts_s=_span(chance, 0.3, 2.0), amount=delay)


def _clock(chance: Random) -> Strike:
    return _made("shift", target=SKEWED, lasts_s=_span(chance, 0.5, 2.5), amount=chance.choice((-300, 300)))


def _flush(chance: Random) -> Strike:
    action = chance.choice(("flush", "restore", "tail"))
    return _made(action, amount=chance.randint(200, 20_000) if action == "tail" else 0)


def _model(chance: Random) -> Strike:
    action = chance.choice(("throttle", "malformed", "error", "slow", "down"))
    if action in {"throttle", "malformed", "error"}:
        return _made(action, amount=chance.randint(1, 4))
    return _made(action, lasts_s=_span(chance, 0.3, 2.0), amount=round(chance.uniform(100, 900)))


def _span(chance: Random, shortest: float, longest: float) -> float:
    return round(chance.uniform(shortest, longest), 2)


def _made(action: str, *, target: str = "", lasts_s: float = 0.0, leases: float = 0.0, amount: float = 0.0) -> Strike:
    # Moment and kind are filled in by whoever drew it.
    return Strike(
        after=Moment.SUBMISSION,
        at_s=0,
        fault=FaultKind.WORKER,
        action=action,
        target=target,
        lasts_s=lasts_s,
        leases=leases,
        amount=amount,
    )


DRAWS: Mapping[FaultKind, Callable[[Random], Strike]] = {
    FaultKind.WORKER: _worker,
    FaultKind.REDIS: _redis,
    FaultKind.POSTGRES: _postgres,
    FaultKind.NETWORK: _network,
    FaultKind.CLOCK: _clock,
    FaultKind.FLUSH: _flush,
    FaultKind.MODEL: _model,
}
"""How a fault of each kind is drawn."""
