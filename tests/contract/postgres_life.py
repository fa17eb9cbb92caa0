"""A task's life in events, as the queue would tell it: what the contract tests of the Postgres adapters feed to the record."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import GateDecision, Judgement, Route
from chimera_cli.models.goal import Goal
from chimera_cli.models.identity import new_id, task_id
from chimera_cli.models.result import Usage
from chimera_cli.models.task import Phase, TaskSpec, TaskStatus
from chimera_cli.models.verdict import CriterionScore, Verdict

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUS_AFTER = {
    "task.queued": TaskStatus.QUEUED,
    "task.started": TaskStatus.RUNNING,
    "task.delayed": TaskStatus.DELAYED,
    "task.judging": TaskStatus.JUDGING,
    "task.held": TaskStatus.NEEDS_REVIEW,
    "task.rejudged": TaskStatus.JUDGING,
    "task.approved": TaskStatus.APPROVED,
    "task.conflicted": TaskStatus.QUEUED,
    "task.completed": TaskStatus.COMPLETED,
    "task.rejected": TaskStatus.REJECTED,
    "task.failed": TaskStatus.FAILED,
    "task.cancelled": TaskStatus.CANCELLED,
}
HELD = ("task.queued", "task.started", "task.judging", "task.held")


class Story:
    """Writes events in order; each continues its task's version and generation."""

    def __init__(self, goal: Goal, shard: int = 0) -> None:
        self.goal = goal
        self._shard = shard
        self._entries = itertools.count(1)
        self._versions: dict[str, int] = {}
        self._generations: dict[str, int] = {}

    def tell(self, key: str, *names: str, **fields: Any) -> list[TaskEvent]:
        """Tell what happens to a task; the fields belong to the last event."""
        return [self._event(key, name, fields if name is names[-1] else {}) for name in names]

    def skip(self, key: str) -> None:
        """Leave out a version: the record told of one change by itself."""
        self._versions[key] += 1

    def _event(self, key: str, name: str, fields: dict[str, Any]) -> TaskEvent:
        number = next(self._entries)
        self._versions[key] = self._versions.get(key, 0) + 1
        self._generations[key] = self._generations.get(key, 0) + (name in ("task.started", "task.judging"))
        values: dict[str, Any] = {
            "shard": self._shard,
            "entry_id": f"{number}-0",
            "at": START + timedelta(seconds=number),
            "name": name,
            "task_id": task_id(self.goal.id, key),
            "goal_id": self.goal.id,
            "status": STATUS_AFTER[name],
            "phase": Phase.PROPOSE,
            "version": self._versions[key],
            "generation": self._generations[key],
            "attempts": 1,
        }
        return TaskEvent(**{**values, **fields})


def a_goal(uuid4: Any, **fields: Any) -> Goal:
    """Make a goal."""
    return Goal(**{"id": new_id(uuid4), "text": "Grow on Twitter", "created_at": START, **fields})


def specs(*keys: str, **fields: Any) -> Sequence[TaskSpec]:
    """Make tasks with these keys."""
    return [TaskSpec(key=key, kind="noop", payload={"key": key}, **fields) for key in keys]


def a_judgement(digest: str = "d" * 64) -> dict[str, Any]:
    """Make a judgement that asks for a person, as it stands in an event."""
    score = CriterionScore(criterion="clarity", quote="so it goes", score=3)
    verdict = Verdict(
        confidence=0.6, scores=(score,), rubric_version="1", usage=Usage(calls=1, input_tokens=20, output_tokens=2)
    )
    decision = GateDecision(route=Route.REVIEW, reasons=("confidence 0.60 is below 0.70",), policy_version="1")
    return Judgement(verdict=verdict, decision=decision, digest=digest).model_dump(mode="json")
