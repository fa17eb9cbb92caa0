"""A goal's decomposition, and the rules that a whole plan must keep."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from chimera_cli.models.noun import Noun
from chimera_cli.models.persona import Persona
from chimera_cli.models.problems import problems_of
from chimera_cli.models.task import TaskSpec
from chimera_cli.models.words import Text

MAX_PLANNED_TASKS = 200
"""Tasks that a model may put into one plan; a ready plan from a file has no such bound."""

MAX_PAYLOAD_BYTES = 1_048_576
"""Longest payload of a task, as JSON."""

LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Latest deadline: a moment of the year 9999 is one of the year 10000 elsewhere, and that nobody can read back."""

Kinds = Mapping[str, type[BaseModel] | None]
"""The known task kinds with the model of their payload; None accepts any payload."""


class Plan(Noun):
    """A goal in words with the tasks that reach it."""

    goal: Text
    """The wish."""
    tasks: tuple[TaskSpec, ...]
    """The tasks, in any order."""
    persona: Persona | None = None
    """Whose voice to use."""


class PlanChecker:
    """Checks a plan task by task, remembering only keys and edges, so that a long file needs little memory.

    Attributes:
        problems: What is wrong so far, a sentence each, with the place where it stands.
    """

    def __init__(self, kinds: Kinds | None, now: datetime, known: Sequence[str] = ()) -> None:
        """Args:
        kinds: The task kinds that workers know; None leaves kinds and payloads to the workers.
        now: What deadlines are compared with.
        known: Keys of tasks that the goal already has; a plan may depend on them.
        """
        self.problems: list[str] = []
        self._kinds = kinds
        self._now = now
        self._known = frozenset(known)
        self._edges: dict[str, tuple[str, ...]] = {}

    def add(self, spec: TaskSpec, place: str = "") -> None:
        """Check one task by itself; `place` names where it stands, such as `line 7`."""
        where = f"{place}: task {spec.key!r}" if place else f"task {spec.key!r}"
        if spec.key in self._edges:
            self.problems.append(f"{where}: the key is used twice")
        self._edges[spec.key] = spec.depends_on
        size = len(json.dumps(spec.payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
        if size > MAX_PAYLOAD_BYTES:
            self.problems.append(f"{where}: payload: {size} bytes as JSON, at most {MAX_PAYLOAD_BYTES} are allowed")
        if self._kinds is None:
            pass
        elif spec.kind not in self._kinds:
            self.problems.append(f"{where}: unknown kind {spec.kind!r} (known: {', '.join(sorted(self._kinds))})")
        else:
            self.problems += [f"{where}: {problem}" for problem in _payload_problems(self._kinds[spec.kind], spec)]
        if spec.deadline is not None and spec.deadline.tzinfo is None:
            self.problems.append(f"{where}: the deadline has no time zone")
        elif spec.deadline is not None and spec.deadline <= self._now:
            self.problems.append(f"{where}: the deadline {spec.deadline.isoformat()} is in the past")
        elif spec.deadline is not None and spec.deadline > LATEST:
            self.problems.append(f"{where}: the deadline {spec.deadline.isoformat()} is after the year {LATEST.year}")

    def finish(self, limit: int | None = None) -> list[str]:
        """Check the plan as a whole, after the last task, and return every problem found.

        Args:
            limit: How many tasks are allowed; None for any number.
        """
        if not self._edges:
            self.problems.append("the plan has no tasks")
        if limit is not None and len(self._edges) > limit:
            self.problems.append(f"the plan has {len(self._edges)} tasks, at most {limit} are allowed")
        for key, needs in self._edges.items():
            for need in needs:
                if need not in self._edges and need not in self._known:
                    self.problems.append(f"task {key!r}: depends on {need!r}, which is not in the plan")
        cycle = find_cycle(self._edges)
        if cycle:
            self.problems.append(f"dependency cycle: {' -> '.join(cycle)}")
        return self.problems


def _payload_problems(model: type[BaseModel] | None, spec: TaskSpec) -> list[str]:
    try:
        if model is not None:
            model.model_validate(spec.payload)
    except ValidationError as exc:
        return problems_of(exc, "payload")
    return []


def find_cycle(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the keys of one dependency cycle, first key repeated at the end, or an empty list.

    A depth-first walk on an explicit stack: a chain of 100,000 tasks would exhaust Python's own.
    """
    done: set[str] = set()
    for root in edges:
        path, walks = [root], [iter(edges[root])]
        on_path = {root}
        while path and root not in done:
            need = next(walks[-1], None)
            if need is None:
                walks.pop()
                on_path.discard(path[-1])
                done.add(path.pop())
            elif need in on_path:
                return [*path[path.index(need) :], need]
            elif need in edges and need not in done:
                path.append(need)
                walks.append(iter(edges[need]))
                on_path.add(need)
    return []
