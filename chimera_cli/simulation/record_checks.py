"""Invariants 7 to 10: the ledger, the queues, the events, and what is written. Each is a pure function of the evidence."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from chimera_cli.models.goal import Ledger
from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.models.task import TRANSITIONS, TaskStatus
from chimera_cli.simulation.check import count, judged
from chimera_cli.simulation.evidence import Evidence


def ledger_adds_up(evidence: Evidence) -> InvariantCheck:
    """7. submitted = finished + failed + cancelled + live, and a count from the events says the same."""
    last = Counter(events[-1].status if events else TaskStatus.PENDING for events in evidence.histories.values())
    counted = Ledger(
        submitted=len(evidence.tasks),
        finished=last[TaskStatus.COMPLETED],
        failed=last[TaskStatus.FAILED] + last[TaskStatus.REJECTED],
        cancelled=last[TaskStatus.CANCELLED],
        live=sum(number for status, number in last.items() if not status.terminal),
    )

    def problems() -> Iterator[str]:
        if not evidence.ledger.balanced:
            yield f"the ledger does not add up: {_sum(evidence.ledger)}"
        if counted != evidence.ledger:
            yield f"the ledger says {_sum(evidence.ledger)}, the events say {_sum(counted)}"

    return judged("the ledger adds up", problems(), _sum(evidence.ledger))


def _sum(book: Ledger) -> str:
    parts = f"{book.finished} finished + {book.failed} failed + {book.cancelled} cancelled + {book.live} live"
    return f"{book.submitted} submitted = {parts}"


def queues_are_empty(evidence: Evidence) -> InvariantCheck:
    """8. Nothing is left in a queue when all work is done."""
    standing = {name: number for name, number in evidence.queues.model_dump().items() if number}
    standing |= {"undispatched": evidence.undispatched} if evidence.undispatched else {}
    return judged("queues are empty", (f"{number} {name}" for name, number in standing.items()), "nothing is left")


def every_step_is_an_event(evidence: Evidence) -> InvariantCheck:
    """9. Every status change has exactly one event, and every step is one that the table of transitions allows."""

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            key = evidence.key(task_id)
            if [event.version for event in events] != list(range(1, len(events) + 1)):
                yield f"{key} has the event versions {[event.version for event in events]}"
            path = [TaskStatus.PENDING, *(event.status for event in events)]
            for source, target in pairwise(path):
                if target not in TRANSITIONS[source]:
                    yield f"{key} went from {source} to {target}"
            if task_id not in evidence.by_id:
                yield f"{key} has events and is no task of the goal"
            elif evidence.by_id[task_id].status is not path[-1]:
                yield f"{key} is {evidence.by_id[task_id].status} in the record and {path[-1]} by its events"

    return judged(
        "every step is an event", problems(), f"{count(len(evidence.events), 'event')}, all legal, none missing"
    )


def no_secret_leaks(evidence: Evidence) -> InvariantCheck:
    """10. No secret reaches a log line, an audit row, an event, or a command line."""
    problems = [f"a secret stands in {place}" for place in evidence.leaks]
    if not evidence.read:
        problems.append("nothing was searched")
    return judged(
        "no secret leaks", problems, f"{count(evidence.read, 'place')} searched: logs, command lines, records"
    )
