"""The JSON documents that scripts rely on: fields may be added, never renamed or dropped."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chimera_cli.models.audit import AuditEvent, AuditReport
from chimera_cli.models.goal import Goal
from chimera_cli.models.order import Order
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.task import PlannedTask, Task, TaskSpec

if TYPE_CHECKING:
    from chimera_cli.models.agent import FleetMember
    from chimera_cli.models.snapshot import Snapshot

Document = dict[str, Any]


def dry_plan_document(goal: str, tasks: Iterable[TaskSpec]) -> Document:
    """A plan that was not submitted: no ids yet."""
    return {"goal_id": None, "goal": goal, "tasks": [{"id": None, **_planned(task), "status": None} for task in tasks]}


def plan_document(goal_id: str, tasks: Iterable[PlannedTask]) -> Document:
    """A submitted plan."""
    return {"goal_id": goal_id, "tasks": [{"id": task.id, **_planned(task), "status": task.status} for task in tasks]}


def _planned(task: TaskSpec | PlannedTask) -> Document:
    return {
        "key": task.key,
        "kind": task.kind,
        "title": task.title,
        "depends_on": list(task.depends_on),
        "priority": task.priority,
    }


def goal_document(goal: Goal) -> Document:
    """A goal with its counts."""
    said = goal.model_dump(mode="json")
    return {**said, "counts": {str(status): count for status, count in said["counts"].items()}}


def goals_document(goals: Iterable[Goal]) -> Document:
    """A list of goals."""
    return {"goals": [goal_document(goal) for goal in goals]}


def task_document(task: Task) -> Document:
    """A task with everything the record knows of it."""
    return task.model_dump(mode="json")


def tasks_document(tasks: Iterable[Task]) -> Document:
    """A list of tasks, without payload and output."""
    left_out = {"payload", "output"}
    return {"tasks": [task.model_dump(mode="json", exclude=left_out) for task in tasks]}


def card_document(card: ReviewCard, expire_after: timedelta | None = None) -> Document:
    """A review card, whole."""
    judgement, expires_at = card.judgement, card.expires_at(expire_after)
    return {
        **card.model_dump(mode="json"),
        "digest": judgement.digest,
        "expires_at": expires_at.isoformat() if expires_at else None,
        "confidence": judgement.verdict.confidence,
        "reasons": list(judgement.decision.reasons),
        "findings": [finding.model_dump(mode="json") for finding in judgement.decision.findings],
    }


def cards_document(cards: Iterable[ReviewCard], expire_after: timedelta | None = None) -> Document:
    """A list of review cards, without content and judgement."""
    left_out = {"content", "payload", "judgement"}
    documents = [card_document(card, expire_after) for card in cards]
    return {"cards": [{name: value for name, value in card.items() if name not in left_out} for card in documents]}


def audit_document(events: Sequence[AuditEvent]) -> Document:
    """Audit rows with their chain."""
    return {"events": [event.model_dump(mode="json") for event in events]}


def audit_report_document(report: AuditReport) -> Document:
    """A walk along the chain of the audit."""
    return {**report.model_dump(mode="json"), "holds": report.holds}


def orders_document(orders: Iterable[Order]) -> Document:
    """Orders, with whether they were carried out."""
    return {"orders": [order.model_dump(mode="json") for order in orders]}


def status_document(snapshot: "Snapshot") -> Document:
    """One look at the swarm; times are seconds."""
    oldest = snapshot.queues.oldest_waiting
    return {
        "at": snapshot.at.isoformat(),
        "identity": snapshot.identity.model_dump(mode="json") if snapshot.identity else None,
        "fleet": [_member(member) for member in snapshot.fleet],
        "stalled": list(snapshot.stalled),
        "queues": queue_counts(snapshot),
        "oldest_waiting_s": round(oldest.total_seconds(), 3) if oldest is not None else None,
        "oldest_card_at": snapshot.oldest_card_at.isoformat() if snapshot.oldest_card_at else None,
        "paused": _paused(snapshot),
        "epoch": snapshot.epoch,
        "stuck": snapshot.stuck,
        "unvouched": snapshot.unvouched,
        "away": list(snapshot.queues.away),
        "replaced": snapshot.replaced or None,
        "refused": snapshot.refused or None,
        "evicts": snapshot.queues.evicts or None,
        "clock": snapshot.queues.clock or None,
        "unserved": [one.model_dump(mode="json") for one in snapshot.unserved],
        "unexecuted": [one.model_dump(mode="json") for one in snapshot.unexecuted],
        "recovery": snapshot.recovery.model_dump(mode="json") if snapshot.recovery else None,
        "posts_waiting": snapshot.posts_waiting,
        "ledger": {**snapshot.ledger.model_dump(mode="json"), "balanced": snapshot.ledger.balanced},
    }


def _paused(snapshot: "Snapshot") -> list[Document]:
    return [
        {"goal_id": goal.id, "by": goal.paused_by, "since": goal.paused_at.isoformat(), "live": goal.live}
        for goal in snapshot.paused
        if goal.paused_at
    ]


def _member(member: "FleetMember") -> Document:
    return {
        "id": member.id,
        "role": member.role,
        "state": member.state,
        "beat_age_s": round(member.beat_age.total_seconds(), 3),
        "liveness": member.liveness,
        "stuck_s": round(member.stuck_for.total_seconds(), 3) if member.stuck_for is not None else None,
        "loop_lag_s": round(member.loop_lag.total_seconds(), 3) if member.loop_lag is not None else None,
        "stalled_s": round(member.stalled_for.total_seconds(), 3) if member.stalled_for is not None else None,
        "task_id": member.task_id or None,
        "process": member.process,
    }


def queue_counts(snapshot: "Snapshot") -> dict[str, int]:
    """Name every place where work stands, with how much stands there."""
    queues = snapshot.queues
    return {
        "undispatched": snapshot.undispatched,
        "waiting": queues.waiting,
        "running": queues.running,
        "delayed": queues.delayed,
        "to_judge": queues.to_judge,
        "judging": queues.judging,
        "deferred": queues.deferred,
        "to_review": snapshot.to_review,
        "failed": snapshot.ledger.failed,
    }
