"""How a fault of each kind is drawn: what is done, to whom and for how long."""

from collections.abc import Callable, Mapping
from random import Random

from chimera_cli.adapters.keys import FAMILIES
from chimera_cli.models.drill import FaultKind, Moment, Strike
from chimera_cli.simulation.chaos.cast import COMMANDS, EVERYBODY, JUDGES, PLANNER, ROLES, SKEWED, WORKERS

FAR_ENDS = ("redis", "redis", "redis", "postgres", "postgres", "model")
"""Servers at the far end of a wire, as often as they are drawn."""


def _worker(chance: Random) -> Strike:
    action = chance.choice(("kill", "kill", "stall", "restart"))
    target = chance.choice((*WORKERS, *WORKERS, *JUDGES))
    leases = round(chance.uniform(1.1, 1.8), 2) if action == "stall" else 0.0
    return _made(action, target=target, leases=leases)


def _redis(chance: Random) -> Strike:
    action = chance.choice(("kill", "kill", "stall"))
    return _made(action, lasts_s=span(chance, 0.0, 1.2))


def _postgres(chance: Random) -> Strike:
    action = chance.choice(("kill", "stop", "stall"))
    return _made(action, lasts_s=span(chance, 0.0, 1.5))


def _network(chance: Random) -> Strike:
    action = chance.choice(("cut", "tear", "tear", "slow", "half-open", "refuse"))
    target = f"{chance.choice((*ROLES, COMMANDS, EVERYBODY))} {chance.choice(FAR_ENDS)}"
    if action in {"cut", "tear"}:
        return _made(action, target=target)
    delay = round(chance.uniform(20, 150)) if action == "slow" else 0
    return _made(action, target=target, lasts_s=span(chance, 0.3, 2.0), amount=delay)


def _clock(chance: Random) -> Strike:
    return _made("shift", target=SKEWED, lasts_s=span(chance, 0.5, 2.5), amount=chance.choice((-300, 300)))


def _flush(chance: Random) -> Strike:
    action = chance.choice(("flush", "restore", "tail"))
    return _made(action, amount=chance.randint(200, 20_000) if action == "tail" else 0)


def _model(chance: Random) -> Strike:
    action = chance.choice(("throttle", "malformed", "error", "slow", "down"))
    if action in {"throttle", "malformed", "error"}:
        return _made(action, amount=chance.randint(1, 4))
    return _made(action, lasts_s=span(chance, 0.3, 2.0), amount=round(chance.uniform(100, 900)))


def _key_family(chance: Random) -> Strike:
    return _made("lose", target=chance.choice(FAMILIES))


def _refusal(chance: Random) -> Strike:
    return _made("refuse", leases=span(chance, 0.2, 1.5))


def _stalled_loop(chance: Random) -> Strike:
    # Longer than a lease, shorter than the watchdog's patience.
    return _made("hold", leases=span(chance, 1.1, 1.5))


def _self_drain(chance: Random) -> Strike:
    return _made(chance.choice(("signal", "command")))


def _foreign_store(chance: Random) -> Strike:
    return _made(chance.choice(("redis", "empty", "record")), target=chance.choice((WORKERS[0], JUDGES[0])))


def _two_primaries(chance: Random) -> Strike:
    moved = chance.choice((WORKERS[:1], (*WORKERS[:2], JUDGES[0]), (COMMANDS, *WORKERS[:1], PLANNER)))
    return _made("split", target=",".join(moved), leases=span(chance, 0.3, 1.5))


def _redis_clock(chance: Random) -> Strike:
    return _made("step", lasts_s=span(chance, 1.0, 4.0), amount=chance.choice((-300, -60, 60, 300)))


def _pooler(chance: Random) -> Strike:
    action = chance.choice(("kill", "stop", "stall"))
    return _made(action, lasts_s=span(chance, 0.0, 1.5))


def _reshard(chance: Random) -> Strike:
    return _made("move", lasts_s=span(chance, 0.0, 0.1), amount=chance.choice((1, 2)))


def span(chance: Random, shortest: float, longest: float) -> float:
    """Draw a time between two, to the hundredth."""
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
    FaultKind.KEY_FAMILY: _key_family,
    FaultKind.OOM: _refusal,
    FaultKind.MISCONF: _refusal,
    FaultKind.READONLY: _refusal,
    FaultKind.STALLED_LOOP: _stalled_loop,
    FaultKind.SELF_DRAIN: _self_drain,
    FaultKind.FOREIGN_STORE: _foreign_store,
    FaultKind.TWO_PRIMARIES: _two_primaries,
    FaultKind.REDIS_CLOCK: _redis_clock,
    FaultKind.POOLER: _pooler,
    FaultKind.RESHARD: _reshard,
}
"""How a fault of each kind is drawn."""
