"""Invariants 6 and 9: held work does not run, and every decision is audited. Each is a pure function of the evidence."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from chimera_cli.models.audit import first_broken
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.simulation.check import count, judged
from chimera_cli.simulation.evidence import Evidence


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
    if not judgement.covers(task_id, task.payload if task else None, card.content):
        yield f"{evidence.key(task_id)}: what the card shows is not what its digest binds"


def _post_problems(evidence: Evidence) -> Iterator[str]:
    """Compare every post with the proposal that was judged."""
    for post in evidence.posts:
        task_id = str(post["idempotency_key"]).partition(":")[0]
        proposed = [e.output for e in evidence.histories.get(task_id, ()) if e.name == "task.judging"]
        if not proposed or post["post"] != proposed[-1]:
            yield f"{evidence.key(task_id)}: what was posted is not what was proposed and approved"


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
