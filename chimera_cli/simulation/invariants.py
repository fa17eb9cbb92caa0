"""The invariants of the architecture, as far as one run can show them: each a pure function of the evidence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from chimera_cli.models.audit import first_broken
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Ledger
from chimera_cli.models.identity import content_digest
from chimera_cli.models.result import StateChange
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.models.task import TRANSITIONS, Phase, TaskStatus
from chimera_cli.simulation.check import Check, count, judged
from chimera_cli.simulation.evidence import Evidence

SLACK = timedelta(seconds=1)
"""Time after the end of a lease within which what it held must be queued again."""
ROUNDING = timedelta(milliseconds=1)
"""Events are stamped in whole milliseconds."""


def one_live_lease(evidence: Evidence) -> InvariantCheck:
    """1. A task has one live lease at most: generations rise at every start, and who started is who answers."""

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            started = [event.generation for event in events if event.name == "task.started"]
            if any(later <= earlier for earlier, later in pairwise(started)):
                yield f"{evidence.key(task_id)} was started with the generations {started}"
            for event, answer in pairwise(events):
                if event.name == "task.started" and answer.agent and answer.status is not TaskStatus.CANCELLED:
                    if (answer.agent, answer.generation) != (event.agent, event.generation):
                        yield f"{evidence.key(task_id)}: {answer.name} came from another claim than the live one"

    starts = sum(event.name == "task.started" for event in evidence.events)
    return judged("one live lease", problems(), f"{count(starts, 'claim')}, each with a higher generation")


def one_effect_a_phase(evidence: Evidence) -> InvariantCheck:
    """2. At most one committed effect per task and phase, whatever dies when."""

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            committed = Counter(event.name for event in events if event.changes)
            committed["task.completed"] = sum(event.name == "task.completed" for event in events)
            for name, times in committed.items():
                if times > 1:
                    yield f"{evidence.key(task_id)} has {times} times {name}"
        for key, times in Counter(str(post["idempotency_key"]) for post in evidence.posts).items():
            if times > 1:
                yield f"{key} was posted {times} times"
        executed = {e.task_id for e in evidence.events if e.name == "task.completed" and e.phase is Phase.EXECUTE}
        posted = {str(post["idempotency_key"]).partition(":")[0] for post in evidence.posts}
        for task_id in executed ^ posted:
            yield f"{evidence.key(task_id)} is executed or posted, and not both"

    done = sum(event.name == "task.completed" for event in evidence.events)
    return judged(
        "one effect a phase", problems(), f"{count(done, 'completion')}, {count(len(evidence.posts), 'post')}"
    )


def versions_count_commits(evidence: Evidence) -> InvariantCheck:
    """3. The version of a state key is the number of committed effects on it."""
    commits: dict[str, list[StateChange]] = {}
    for event in evidence.events:
        for change in event.changes:
            commits.setdefault(change.key, []).append(change)

    def problems() -> Iterator[str]:
        for key in commits.keys() | evidence.state.keys():
            made, stored = commits.get(key, []), evidence.state.get(key)
            if [change.expected for change in made] != list(range(len(made))):
                yield f"{key} was committed on the versions {[change.expected for change in made]}"
            if stored is None or stored.version != len(made):
                yield f"{key} has {count(len(made), 'commit')} and version {stored.version if stored else 'none'}"
            elif made and stored.value != made[-1].value:
                yield f"{key} does not hold what was committed last"
        tallies = sum(task.kind == "sim.tally" and task.status is TaskStatus.COMPLETED for task in evidence.tasks)
        tally = evidence.state["tally"].value if "tally" in evidence.state else 0
        if tally != tallies:
            yield f"the tally stands at {tally} after {count(tallies, 'tally task')}"

    total = sum(map(len, commits.values()))
    return judged("versions count commits", problems(), f"{count(total, 'commit')} on {count(len(commits), 'key')}")


def abandoned_work_runs_again(evidence: Evidence) -> InvariantCheck:
    """4. Whatever is claimed and abandoned is queued again within lease + 1 s, and runs again."""
    abandoned = [event for event in evidence.events if event.name == "task.taken_over"]

    def problems() -> Iterator[str]:
        for event in abandoned:
            later = [e for e in evidence.histories[event.task_id] if e.version > event.version]
            if not any(e.name == "task.started" for e in later):
                yield f"{evidence.key(event.task_id)} was abandoned and did not run again"
            waited = waited_for_takeover(evidence, event)
            if waited is not None and waited > evidence.lease + SLACK:
                yield f"{evidence.key(event.task_id)} waited {waited.total_seconds():.1f} s to be taken over"

    waits = [waited for event in abandoned if (waited := waited_for_takeover(evidence, event)) is not None]
    longest = f", queued again after {max(waits).total_seconds():.1f} s at the latest" if waits else ""
    return judged("abandoned work runs again", problems(), f"{count(len(abandoned), 'task')} taken over{longest}")


def waited_for_takeover(evidence: Evidence, event: TaskEvent) -> timedelta | None:
    """Tell how long a task lay in the hands of a killed worker; None when nobody knows when its holder went silent."""
    holders = [e.agent for e in evidence.histories[event.task_id] if e.version == event.version - 1]
    if evidence.killed is None or not evidence.killed.agents.issuperset(holders):
        return None
    return event.at - evidence.killed.at


def retries_wait(evidence: Evidence) -> InvariantCheck:
    """5. A failed attempt is followed by another after 2, 4, 8 s and not before."""
    waits: list[float] = []

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            for event, after in pairwise(events):
                if event.name != "task.delayed":
                    continue
                again = next((e for e in events if e.name == "task.started" and e.version > event.version), None)
                if again is None or again.attempts == event.attempts:
                    continue  # a provider's rate limit has a delay of its own and costs no attempt
                due = evidence.retry_base * 2 ** (event.attempts - 1)
                waited = after.at - event.at
                waits.append(waited.total_seconds())
                if waited < due - ROUNDING:
                    yield (
                        f"{evidence.key(task_id)} came back {waited.total_seconds():.2f} s after attempt"
                        f" {event.attempts}, {due.total_seconds():g} s were due"
                    )

    found = list(problems())
    seen = ", ".join(f"{wait:.2f} s" for wait in waits)
    return judged(
        "retries wait their time", found, f"{count(len(waits), 'delayed retry')}: {seen}" if waits else "none"
    )


def held_work_does_not_run(evidence: Evidence) -> InvariantCheck:
    """6. Between NEEDS_REVIEW and APPROVED nothing runs, and what is executed then is exactly what was approved."""
    cards = {card.task_id: card for card in evidence.cards if card.status is CardStatus.APPROVED}

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            for event, after in pairwise(events):
                if event.status is TaskStatus.NEEDS_REVIEW and after.name == "task.started":
                    yield f"{evidence.key(task_id)} was started while it was held"
            approved = [e.version for e in events if e.status is TaskStatus.APPROVED]
            executed = [e.version for e in events if e.name == "task.started" and e.phase is Phase.EXECUTE]
            if executed and (not approved or approved[0] > executed[0]):
                yield f"{evidence.key(task_id)} was executed before it was approved"
        for task_id, card in cards.items():
            yield from _digest_problems(evidence, task_id, card)
        yield from _post_problems(evidence)

    held = sum(event.name == "task.held" for event in evidence.events)
    return judged("held work does not run", problems(), f"{count(held, 'result')} held, none ran before approval")


def _digest_problems(evidence: Evidence, task_id: str, card: ReviewCard) -> Iterator[str]:
    judgement, task = card.judgement, evidence.by_id.get(task_id)
    made = content_digest(
        task_id,
        task.payload if task else None,
        card.content,
        judgement.decision.policy_version,
        judgement.verdict.rubric_version,
    )
    if made != judgement.digest:
        yield f"{evidence.key(task_id)}: what the card shows is not what its digest binds"


def _post_problems(evidence: Evidence) -> Iterator[str]:
    """Compare every post with the proposal that was judged."""
    for post in evidence.posts:
        task_id = str(post["idempotency_key"]).partition(":")[0]
        proposed = [e.output for e in evidence.histories.get(task_id, ()) if e.name == "task.judging"]
        if not proposed or post["post"] != proposed[-1]:
            yield f"{evidence.key(task_id)}: what was posted is not what was proposed and approved"


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


def decisions_are_audited(evidence: Evidence) -> InvariantCheck:
    """9. Every human decision has exactly one audit row, and the rows are chained."""
    decided = [card for card in evidence.cards if card.status in {CardStatus.APPROVED, CardStatus.REJECTED}]

    def problems() -> Iterator[str]:
        rows = Counter(row.card_id for row in evidence.audit if row.action in {"approve", "reject"})
        for card in decided:
            if rows[card.id] != 1:
                yield f"card {card.id} has {count(rows[card.id], 'audit row')}"
            if card.decided_by != evidence.operator:
                yield f"card {card.id} was decided by {card.decided_by}"
        for card_id in rows.keys() - {card.id for card in decided}:
            yield f"an audit row names card {card_id}, which nobody decided"
        broken = first_broken(evidence.audit)
        if broken is not None:
            yield f"the chain of the audit breaks at row {broken}"

    return judged(
        "decisions are audited", problems(), f"{count(len(decided), 'decision')} by {evidence.operator}, chain holds"
    )


def no_secret_leaks(evidence: Evidence) -> InvariantCheck:
    """10. No secret reaches a log line, an audit row, an event, or a command line."""
    problems = [f"a secret stands in {place}" for place in evidence.leaks]
    if not evidence.read:
        problems.append("nothing was searched")
    return judged(
        "no secret leaks", problems, f"{count(evidence.read, 'place')} searched: logs, command lines, records"
    )


INVARIANTS: Sequence[Check] = (
    one_live_lease,
    one_effect_a_phase,
    versions_count_commits,
    abandoned_work_runs_again,
    retries_wait,
    held_work_does_not_run,
    ledger_adds_up,
    queues_are_empty,
    every_step_is_an_event,
    decisions_are_audited,
    no_secret_leaks,
)
"""All of them, in the order of the architecture."""
