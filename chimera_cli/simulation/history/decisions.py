"""Invariant 9, second half: every decision and order of a person has exactly one row in the audit, chained by hash."""

from collections import Counter
from collections.abc import Iterator

from chimera_cli.simulation.history.digests import FIRST_PREVIOUS, link_of
from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.history.rows import Card
from chimera_cli.simulation.history.violation import Flaw, Terms

ACTIONS = {"APPROVED": "approve", "REJECTED": "reject"}
"""The audit's word for each decision."""


def decisions_are_audited(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find decisions without a row or with several, rows without a decision, and breaks of the chain."""
    for card in history.cards:
        yield from ((f"card {card.id}", text) for text in _rows_of(card, history))
    known = {card.id for card in history.cards}
    for line in history.audit:
        if line.action in ACTIONS.values() and line.card_id not in known:
            yield f"audit row {line.seq}", f"tells of card {line.card_id}, which is not there"
    yield from _orders(history)
    yield from _chain(history)


def _orders(history: History) -> Iterator[Flaw]:
    """An order and its row in the audit say the same, and there is one of each."""
    given = Counter((one.action, one.goal_id, one.task_id, one.operator, one.reason) for one in history.orders)
    rows = Counter(
        (line.action, line.goal_id, line.task_id, line.operator, line.reason)
        for line in history.audit
        if not line.card_id and line.action != "adopt"
    )
    for order in given.keys() | rows.keys():
        if given[order] != rows[order]:
            action, goal, task, operator, _ = order
            subject = f"order of {operator} to {action} {f'task {task}' if task else f'goal {goal}'}"
            yield subject, f"was given {given[order]} times and stands in the audit {rows[order]} times"


def _rows_of(card: Card, history: History) -> Iterator[str]:
    rows = [line for line in history.audit if line.card_id == card.id and line.action in ACTIONS.values()]
    expected = [ACTIONS[card.status]] if card.status in ACTIONS else []
    if [line.action for line in rows] != expected:
        yield f"is {card.status}; the audit says {[line.action for line in rows]}"
        return
    for line in rows:
        if (line.operator, line.task_id) != (card.decided_by, card.task_id):
            yield f"was decided by {card.decided_by}; the audit says {line.operator} on task {line.task_id}"
        if line.digest != card.judgement.get("digest"):
            yield f"audit row {line.seq} is bound to another digest than the card"


def _chain(history: History) -> Iterator[Flaw]:
    previous = FIRST_PREVIOUS
    for place, line in enumerate(history.audit, 1):
        if line.seq != place:
            yield f"audit row {line.seq}", f"stands at place {place}"
        if line.prev_hash != previous:
            yield f"audit row {line.seq}", "does not name the hash of the row before"
        if line.hash != link_of(line):
            yield f"audit row {line.seq}", "says something else than its hash"
        previous = line.hash
