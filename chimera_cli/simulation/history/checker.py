"""The ten invariants of the architecture: what each says, what finds its breaches, and what no history can show of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chimera_cli.simulation.history.decisions import decisions_are_audited
from chimera_cli.simulation.history.effects import one_effect
from chimera_cli.simulation.history.history import History, Timing
from chimera_cli.simulation.history.holding import held_work_does_not_run
from chimera_cli.simulation.history.leaks import no_secret_leaks
from chimera_cli.simulation.history.leases import one_live_lease
from chimera_cli.simulation.history.ledger import ledger_adds_up
from chimera_cli.simulation.history.leftovers import nothing_grows
from chimera_cli.simulation.history.retries import retries_wait
from chimera_cli.simulation.history.steps import every_step_is_an_event
from chimera_cli.simulation.history.takeovers import nothing_waits
from chimera_cli.simulation.history.versions import versions_count_commits
from chimera_cli.simulation.history.violation import Check, Terms, Violation


@dataclass(frozen=True, slots=True)
class Invariant:
    """One of the ten."""

    number: int
    """Its number in the architecture."""
    name: str
    """What must hold, in a few words."""
    sentence: str
    """What must hold, as the architecture says it."""
    checks: tuple[Check, ...]
    """What finds its breaches."""
    unseen: str
    """What a history cannot show of it."""


INVARIANTS: Sequence[Invariant] = (
    Invariant(
        1,
        "one live lease",
        "A task has at most one live lease; every claim raises its generation; an answer under an older one changes nothing.",
        (one_live_lease,),
        "a judge's claim, which has no event, except through the generation of what the judge then says",
    ),
    Invariant(
        2,
        "one effect a phase",
        "At most one committed effect per task and phase, whatever dies when.",
        (one_effect,),
        "effects outside of both stores that nobody noted",
    ),
    Invariant(
        3,
        "versions count commits",
        "State version = number of committed effects on that key; a commit against an older version changes nothing.",
        (versions_count_commits,),
        "commits that were refused: they leave no trace but the task's next run",
    ),
    Invariant(
        4,
        "abandoned work runs again",
        "Nothing waits for ever: what is claimed and abandoned runs again within lease + 1 s.",
        (nothing_waits,),
        "when a holder fell silent; the time is checked for the deaths that are told, else only that work went on",
    ),
    Invariant(
        5,
        "retries wait their time",
        "A delayed retry lives in Redis, never in a worker's memory: 2, 4, 8 s, jitter only on top.",
        (retries_wait,),
        "where a retry waited; only that it came, not too early, and not too often",
    ),
    Invariant(
        6,
        "held work does not run",
        "Held work does not run, and what runs after an approval has the approved digest.",
        (held_work_does_not_run,),
        "what a handler did with the approved result, beyond the outbox and the effects that were noted",
    ),
    Invariant(
        7,
        "the ledger adds up",
        "submitted = finished + failed + cancelled + live, at every moment, per goal.",
        (ledger_adds_up,),
        "other moments than the one at which the record was read",
    ),
    Invariant(
        8,
        "nothing is left over",
        "Streams, pending lists, consumers and keys do not grow with time, only with live work.",
        (nothing_grows,),
        "growth in between that was gone at the end; memory and connections",
    ),
    Invariant(
        9,
        "every step is an event",
        "Every status change has exactly one event; every human decision exactly one audit row, chained by hash.",
        (every_step_is_an_event, decisions_are_audited),
        "rows cut off the end of the audit together with their cards' decisions",
    ),
    Invariant(
        10,
        "no secret leaks",
        "No secret reaches a log line, an audit row, a prompt that does not need it, or `ps`.",
        (no_secret_leaks,),
        "prompts and logs that are not given as sinks, and spellings beyond plain, JSON, URL and base64",
    ),
)


def check_history(history: History, *, ended: bool = True, timing: Timing | None = None) -> list[Violation]:
    """Find everything in a history that breaks an invariant, in the order of the architecture. Pure.

    Args:
        history: What the run left.
        ended: All goals are over: nothing may be left alive, and Redis is back at its start value.
        timing: The policy of the run; without it no times are checked.
    """
    terms = Terms(ended=ended, timing=timing or Timing())
    return [violation for invariant in INVARIANTS for violation in violations_of(invariant, history, terms)]


def violations_of(invariant: Invariant, history: History, terms: Terms) -> list[Violation]:
    """Find everything in a history that breaks one invariant."""
    return [
        Violation(invariant.number, subject, text)
        for check in invariant.checks
        for subject, text in check(history, terms)
    ]
