"""A goal's life as lines in order: what the record tells, and what the simulation itself did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.simulation import LifeLine
from chimera_cli.models.task import Task

SHORT_ID = 4
"""Characters of an agent's id that tell the agents of one process apart."""
LONGEST_REASON = 100
"""Characters of a reason that are told."""


@dataclass(frozen=True)
class Mark:
    """Something that the simulation did or saw."""

    at: datetime
    """When."""
    who: str
    """Who did it."""
    what: str
    """What."""
    task_id: str = ""
    """The task it was about; empty when it was about the whole."""


def life_of(
    events: Iterable[TaskEvent],
    marks: Iterable[Mark],
    *,
    tasks: Sequence[Task],
    homes: Mapping[str, str],
    since: datetime,
) -> tuple[LifeLine, ...]:
    """Merge events and marks.

    Args:
        events: What the record tells.
        marks: What the simulation did.
        tasks: The goal's tasks, for their keys.
        homes: Names of the processes by the ids of their agents.
        since: When the simulation began.
    """
    by_id = {task.id: task for task in tasks}
    told = [(event.at, _who(event.agent, homes), event.task_id, _what(event)) for event in events]
    told += [(mark.at, mark.who, mark.task_id, mark.what) for mark in marks]
    # A stable sort: events of one millisecond stay in their order.
    return tuple(
        LifeLine(
            at_s=round((at - since).total_seconds(), 3),
            who=who,
            task=by_id[task_id].key if task_id in by_id else "",
            kind=by_id[task_id].kind if task_id in by_id else "",
            what=what,
        )
        for at, who, task_id, what in sorted(told, key=lambda line: line[0])
    )


def _who(agent: str, homes: Mapping[str, str]) -> str:
    if not agent:
        return "swarm"
    return f"{homes[agent]}/{agent[:SHORT_ID]}" if agent in homes else agent


def _what(event: TaskEvent) -> str:
    """Say an event in words."""
    words = event.name.removeprefix("task.").replace("_", " ")
    if event.name == "task.started":
        return f"started: {event.phase}, attempt {event.attempts}, generation {event.generation}"
    if event.changes:
        words += ": " + ", ".join(f"{change.key} is at version {change.expected + 1}" for change in event.changes)
    reason = event.error or _reasons(event)
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[:LONGEST_REASON]}..."
    return f"{words} ({reason})" if reason else words


def _reasons(event: TaskEvent) -> str:
    """Say why a result was held: the gate's reasons."""
    judgement = event.data.get("judgement")
    decision = judgement.get("decision") if isinstance(judgement, dict) else None
    reasons = decision.get("reasons") if isinstance(decision, dict) else None
    return "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
