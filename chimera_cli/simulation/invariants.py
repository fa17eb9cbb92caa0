"""The ten invariants of the architecture as checks of a simulation: the history checker finds what breaks them."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.simulation.check import Check, count, judged
from chimera_cli.simulation.evidence import Evidence
from chimera_cli.simulation.history.checker import INVARIANTS as TEN
from chimera_cli.simulation.history.checker import Invariant, violations_of
from chimera_cli.simulation.history.history import History, Timing
from chimera_cli.simulation.history.takeovers import takeover_times
from chimera_cli.simulation.history.violation import Terms

RETRY_BASE = timedelta(seconds=2)
"""Delay after the first failure, which a simulation leaves as it is."""
SLACK = timedelta(seconds=1)
"""Time after the end of a lease within which what it held must be queued again, on a machine that keeps nobody waiting."""


def _check(invariant: Invariant) -> Check:
    def check(evidence: Evidence) -> InvariantCheck:
        history = evidence.history
        timing = Timing(lease=evidence.lease, retry_base=RETRY_BASE, slack=SLACK + evidence.stall)
        found = [f"{one.subject}: {one.text}" for one in violations_of(invariant, history, Terms(timing=timing))]
        if invariant.number == LEAKS and not (history.secrets and history.sinks):
            found.append("nothing was searched")
        return judged(invariant.name, found, _seen(invariant.number, history))

    return check


LEAKS = 10
INVARIANTS: Sequence[Check] = tuple(_check(invariant) for invariant in TEN)
"""All of them, in the order of the architecture."""


def _seen(number: int, history: History) -> str:
    """Say what was looked at when nothing breaks an invariant."""
    names = Counter(event.name for event in history.events)
    commits = sum(len(event.changes) for event in history.events)
    waits = takeover_times(history)
    longest = f", queued again after {max(waits):.1f} s at the latest" if waits else ""
    goal = history.goals[0] if history.goals else None
    return {
        1: f"{count(names['task.started'], 'claim')}, each with a higher generation",
        2: f"{count(names['task.completed'], 'completion')}, {count(len(history.posts), 'post')}",
        3: f"{count(commits, 'commit')} on {count(len(history.state), 'key')}",
        4: f"{count(names['task.taken_over'], 'task')} taken over{longest}",
        5: f"{count(names['task.delayed'], 'delay')}, none too short",
        6: f"{count(names['task.held'], 'result')} held, none ran before approval",
        7: f"{goal.submitted} submitted, {goal.finished} finished, {goal.failed} failed, {goal.cancelled} cancelled"
        if goal
        else "no goal",
        8: f"{count(len(history.keys), 'key')} in Redis, none of them of work",
        9: f"{count(len(history.events), 'event')}, all legal, none missing; {count(len(history.audit), 'decision')} audited",
        LEAKS: f"all rows and keys, and {count(len(history.sinks), 'log')} and command lines were searched",
    }[number]
