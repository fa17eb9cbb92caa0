"""The report of a simulation: every check run on the evidence, the figures, and the life of the goal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from pydantic import JsonValue

from chimera_cli.models.simulation import InvariantCheck, LifeLine
from chimera_cli.simulation.check import Check
from chimera_cli.simulation.evidence import Evidence
from chimera_cli.simulation.features import FEATURES, most_at_once
from chimera_cli.simulation.history.takeovers import takeover_times
from chimera_cli.simulation.invariants import INVARIANTS
from chimera_cli.simulation.options import BEAT_S, LEASE_S

STAND_IN = "the model is a stand-in: canned answers over the real wire, no intelligence"
LEASE = f"lease shortened to {LEASE_S} s and beat to {BEAT_S} s for this run (15 s and 5 s in real life)"


def run_checks(evidence: Evidence, checks: Iterable[Check] = (*INVARIANTS, *FEATURES)) -> tuple[InvariantCheck, ...]:
    """Run every check; none is skipped after a failure."""
    return tuple(check(evidence) for check in checks)


def figures_of(evidence: Evidence, life: Sequence[LifeLine], took: timedelta) -> dict[str, JsonValue]:
    """Count and measure.

    Args:
        evidence: What was left behind.
        life: Everything that happened.
        took: Time from the start of the stack to the last evidence.
    """
    names = Counter(event.name for event in evidence.events)
    waits = takeover_times(evidence.history)
    return {
        "took_s": round(took.total_seconds(), 1),
        "tasks": len(evidence.tasks),
        "events": len(evidence.events),
        "lines_of_life": len(life),
        "most_at_once": most_at_once(evidence),
        "conflicts": names["task.conflicted"],
        "retries": names["task.delayed"],
        "takeovers": names["task.taken_over"],
        "takeover_s": round(max(waits), 2) if waits else None,
        "stall_s": round(evidence.stall.total_seconds(), 2),
        "held": names["task.held"],
        "approved_by_a_person": len(evidence.history.audit),
        "posts": len(evidence.posts),
        "model_answers": evidence.journal.served,
        "model_429": evidence.journal.throttled,
        "model_malformed": evidence.journal.malformed,
        "goal_s": round(
            ((evidence.goal.finished_at or evidence.goal.created_at) - evidence.goal.created_at).total_seconds(), 1
        ),
    }
