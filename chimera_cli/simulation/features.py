"""What a simulation must have shown, besides that nothing broke: each a pure function of the evidence."""

from collections.abc import Iterator, Sequence

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.simulation.check import Check, count, judged
from chimera_cli.simulation.evidence import Evidence

LOW_BELOW = 0.70
"""Confidence below this is low."""


def goal_completed(evidence: Evidence) -> InvariantCheck:
    """The goal was reached."""
    goal = evidence.goal
    problems = [] if goal.status is GoalStatus.COMPLETED else [f"the goal is {goal.status}"]
    return judged("the goal is completed", problems, f"{count(len(evidence.tasks), 'task')}, all COMPLETED")


def work_ran_in_parallel(evidence: Evidence) -> InvariantCheck:
    """Several tasks ran at once."""
    peak = most_at_once(evidence)
    problems = [] if peak >= 2 else [f"never more than {count(peak, 'task')} at once"]
    return judged("work ran in parallel", problems, f"{count(peak, 'task')} at once at the most")


def most_at_once(evidence: Evidence) -> int:
    """Count how many tasks ran at the same time at the most, by their events."""
    steps: list[tuple[float, int]] = []
    for events in evidence.histories.values():
        for begin, end in _runs(events):
            steps += [(begin, 1), (end, -1)]
    running = peak = 0
    # At the same instant ends come first: two runs that only touch are not parallel.
    for _, change in sorted(steps):
        running += change
        peak = max(peak, running)
    return peak


def _runs(events: Sequence[TaskEvent]) -> Iterator[tuple[float, float]]:
    for place, event in enumerate(events):
        if event.name == "task.started":
            end = events[place + 1] if place + 1 < len(events) else event
            yield event.at.timestamp(), end.at.timestamp()


def conflict_resolved(evidence: Evidence) -> InvariantCheck:
    """Two tasks wrote one state key at once; the loser began again and got through."""
    conflicts = [event for event in evidence.events if event.name == "task.conflicted"]
    problems = [
        f"{evidence.key(event.task_id)} met a conflict and did not end well"
        for event in conflicts
        if not evidence.completed(event.task_id)
    ]
    if not conflicts:
        problems.append("no conflict happened")
    tallies = sum(task.kind == "sim.tally" and evidence.completed(task.id) for task in evidence.tasks)
    tally = next((value.value for value in evidence.history.state if value.key == "tally"), 0)
    if tally != tallies:
        problems.append(f"the tally stands at {tally} after {count(tallies, 'tally task')}")
    lost = {event.task_id for event in conflicts}
    return judged(
        "a conflict was resolved", problems, f"{count(len(conflicts), 'conflict')} of {count(len(lost), 'task')}"
    )


def failure_retried(evidence: Evidence) -> InvariantCheck:
    """A task failed, and its next attempt succeeded."""
    delayed = {event.task_id for event in evidence.events if event.name == "task.delayed"}
    mended = [
        task for task in evidence.tasks if task.id in delayed and task.attempts > 1 and evidence.completed(task.id)
    ]
    problems = [] if mended else ["no task failed and succeeded afterwards"]
    seen = ", ".join(f"{task.key} at attempt {task.attempts}" for task in mended)
    return judged("a failed attempt was retried", problems, seen)


def rate_limit_survived(evidence: Evidence) -> InvariantCheck:
    """The model answered 429, and the work was done all the same."""
    seen = evidence.journal.throttled
    return judged("a 429 was survived", _survived(evidence, seen, "429"), f"{seen} of the model's answers were 429")


def malformed_answer_survived(evidence: Evidence) -> InvariantCheck:
    """The model's answer was broken JSON, and the work was done all the same."""
    seen = evidence.journal.malformed
    problems = _survived(evidence, seen, "malformed")
    return judged("a malformed answer was survived", problems, f"{seen} of the model's answers were cut off")


def _survived(evidence: Evidence, times: int, what: str) -> Iterator[str]:
    if not times:
        yield f"no answer of the model was {what}"
    if not evidence.journal.served:
        yield "the model gave no good answer"
    asked = [task for task in evidence.tasks if task.kind.startswith("content.")]
    for task in asked:
        if not evidence.completed(task.id):
            yield f"{task.key} is {task.status}"


def killed_worker_replaced(evidence: Evidence) -> InvariantCheck:
    """A worker was killed with a task in its hands; another one took the task over and finished it."""
    killed = evidence.killed
    if killed is None:
        return judged("a killed worker was replaced", ["no worker was killed"], "")
    events = evidence.histories.get(killed.task_id, [])
    taken = next((event for event in events if event.name == "task.taken_over"), None)
    again = [e for e in events if taken and e.name == "task.started" and e.version > taken.version]

    def problems() -> Iterator[str]:
        if taken is None:
            yield "its task was not taken over"
        elif not again or again[-1].agent in killed.agents:
            yield "no other worker ran its task"
        elif not evidence.completed(killed.task_id):
            yield "its task was not finished"

    seen = f"{killed.role} was killed, {evidence.key(killed.task_id)} was taken over and finished"
    return judged("a killed worker was replaced", problems(), seen)


def doubtful_result_held(evidence: Evidence) -> InvariantCheck:
    """A result of low confidence waited for a person, who approved it."""
    found = [card for card in _approved(evidence) if _confidence(card) is not None and _low(card)]
    problems = [] if found else ["no result of low confidence was held and then approved"]
    seen = ", ".join(f"{evidence.key(card.task_id)} ({_confidence(card):.2f})" for card in found)
    return judged("a doubtful result was held", problems, f"{seen}, then approved by {evidence.operator}")


def sensitive_result_held(evidence: Evidence) -> InvariantCheck:
    """A result with a sensitive word waited for a person, whatever its confidence, who approved it."""
    found = [card for card in _approved(evidence) if card.judgement.decision.findings and not _low(card)]
    problems = [] if found else ["no sensitive result of good confidence was held and then approved"]
    seen = ", ".join(f"{evidence.key(c.task_id)} ({c.judgement.decision.findings[0].rule})" for c in found)
    return judged("a sensitive result was held", problems, f"{seen}, then approved by {evidence.operator}")


def _approved(evidence: Evidence) -> list[ReviewCard]:
    return [c for c in evidence.cards if c.status is CardStatus.APPROVED and c.decided_by == evidence.operator]


def _confidence(card: ReviewCard) -> float | None:
    return card.judgement.verdict.confidence


def _low(card: ReviewCard) -> bool:
    confidence = _confidence(card)
    return confidence is None or confidence < LOW_BELOW


def nothing_posted_early(evidence: Evidence) -> InvariantCheck:
    """While results were held, none of them stood in the outbox; one of them was posted after its approval."""
    posted = {str(post["idempotency_key"]).partition(":")[0] for post in evidence.posts}

    def problems() -> Iterator[str]:
        for look in evidence.looks:
            early = set(look.held) & {key.partition(":")[0] for key in look.posted}
            yield from (f"{evidence.key(task_id)} was put into the outbox while it was held" for task_id in early)
        if not any(posted & set(look.held) for look in evidence.looks):
            yield "no held result was put into the outbox after its approval"

    return judged(
        "nothing reached the outbox early", problems(), f"{count(len(evidence.looks), 'look')} at the outbox while held"
    )


def roles_ended_in_order(evidence: Evidence) -> InvariantCheck:
    """Every role that was asked to end did so with exit code 0."""
    problems = [f"{name} ended with exit code {code}" for name, code in evidence.exits.items() if code]
    if not evidence.exits:
        problems.append("no role was asked to end")
    return judged("roles ended in order", problems, f"{', '.join(evidence.exits)}: exit code 0")


FEATURES: Sequence[Check] = (
    goal_completed,
    work_ran_in_parallel,
    conflict_resolved,
    failure_retried,
    rate_limit_survived,
    malformed_answer_survived,
    killed_worker_replaced,
    doubtful_result_held,
    sensitive_result_held,
    nothing_posted_early,
    roles_ended_in_order,
)
"""All of them, in the order of the story."""
