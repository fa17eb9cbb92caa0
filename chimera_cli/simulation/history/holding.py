"""Invariant 6: held work does not run, and what runs after an approval is what was approved."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from chimera_cli.simulation.history.digests import digest_of
from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.history.rows import Card, Event
from chimera_cli.simulation.history.violation import Flaw, Terms

DECISIONS = {"task.approved": "APPROVED", "task.rejected": "REJECTED"}
"""What a decision does to a held task, with the status of the card that must stand behind it."""
AFTER_A_HOLD = frozenset({*DECISIONS, "task.rejudged", "task.failed", "task.cancelled"})
"""What may follow a hold."""
WITHOUT_EFFECT = frozenset({"REJECTED", "STALE"})
"""Cards that were refused: one that was altered is to end so."""


def held_work_does_not_run(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find work that ran while it was held or without an approval, approvals without a card, and altered cards.

    When Redis had lost events, an effect outside may stand of a claim that nobody remembers: those are not compared then.
    """
    cards = {(card.task_id, card.generation): card for card in history.cards}
    for task_id, events in history.lives.items():
        problems = [*_after_holds(events, cards), *_executions(history, events, cards)]
        yield from ((history.called(task_id), text) for text in problems)
    yield from _one_card_a_hold(history)
    for card in history.cards:
        shown = digest_of(card.task_id, card.payload, card.content, card.judgement)
        if card.status not in WITHOUT_EFFECT and card.judgement.get("digest") != shown:
            yield f"card {card.id}", "shows something else than its digest binds"
    if not history.lost_events:
        yield from _effects(history)


def _after_holds(events: Sequence[Event], cards: dict[tuple[str, int], Card]) -> Iterator[str]:
    for event, after in pairwise(events):
        if event.status != "NEEDS_REVIEW":
            continue
        if after.name not in AFTER_A_HOLD:
            yield f"{after.name} (version {after.version}) came while it was held for a person"
        card = cards.get((event.task_id, event.generation))
        decided = DECISIONS.get(after.name)
        if card and decided and (card.status, card.decided_by) != (decided, after.agent):
            yield f"{after.name} by {after.agent}; its card is {card.status} by {card.decided_by}"


def _executions(history: History, events: Sequence[Event], cards: dict[tuple[str, int], Card]) -> Iterator[str]:
    """Walk a task's events, and ask at each execution which approval it stands on."""
    output, approved, card = None, "", None
    for event in events:
        if event.name == "task.judging":
            output, approved, card = event.output, "", None
        elif event.name == "task.rejudged":
            approved, card = "", None
        elif event.name == "task.held":
            card = cards.get((event.task_id, event.generation))
        elif event.name == "task.approved" and "judgement" in event.data:
            judgement = event.data["judgement"] or {}
            approved = str(judgement.get("digest", ""))
            yield from _approval(history, event, output, card)
        elif event.name == "task.started" and event.phase == "execute" and not approved:
            yield f"was executed in generation {event.generation} without an approval"


def _approval(history: History, event: Event, output: object, card: Card | None) -> Iterator[str]:
    judgement, task = event.data["judgement"] or {}, history.by_id.get(event.task_id)
    approved = judgement.get("digest")
    if task and approved != digest_of(task.id, task.payload, output, judgement):
        yield f"what was approved (version {event.version}) is not the result that was judged"
    if card and card.judgement.get("digest") != approved:
        yield f"its approval (version {event.version}) is bound to another digest than its card"
    if card is None and judgement.get("decision", {}).get("route") != "approve":
        yield f"was approved (version {event.version}) though the gate did not let it through and no card was decided"


def _one_card_a_hold(history: History) -> Iterator[Flaw]:
    known = history.by_id
    holds = Counter((e.task_id, e.generation) for e in history.events if e.name == "task.held" and e.task_id in known)
    cards = Counter((card.task_id, card.generation) for card in history.cards)
    for place in sorted(holds.keys() | cards.keys()):
        if (holds[place], cards[place]) != (1, 1):
            yield history.called(place[0]), f"{cards[place]} cards for {holds[place]} holds in generation {place[1]}"


def _effects(history: History) -> Iterator[Flaw]:
    """Nothing has an effect outside that was not claimed for it; what was posted is what was judged last."""
    started = {(event.task_id, event.phase) for event in history.events if event.name == "task.started"}
    for task_id, phase, key in sorted(set(history.effects)):
        if (task_id, phase) not in started:
            yield history.called(task_id), f"its effect {key} was seen, and it was never claimed for that phase"
    for post in history.posts:
        task_id = post.idempotency_key.partition(":")[0]
        if task_id not in history.by_id:
            continue
        if (task_id, "execute") not in started:
            yield history.called(task_id), "was put into the outbox, and never claimed for its execution"
        judged = [event.output for event in history.lives.get(task_id, ()) if event.name == "task.judging"]
        if post.post not in judged:
            yield history.called(task_id), "what was put into the outbox is not what was judged"
