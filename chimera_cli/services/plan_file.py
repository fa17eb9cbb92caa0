"""Ready plans as text: one JSON document, or one task a line. Every complaint names the place where it stands.

The JSONL form is read line by line, so that a plan of any length needs the memory of one line.
"""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NoReturn

from pydantic import ValidationError

from chimera_cli.exceptions import InvalidInput, InvalidPlan
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import Kinds, PlanChecker
from chimera_cli.models.problems import problems_of
from chimera_cli.models.task import TaskSpec

ENOUGH_PROBLEMS = 100
"""After so many problems the rest of a file is not looked at."""

_FIELDS = {"goal", "tasks", "persona"}

Placed = tuple[str, TaskSpec]
"""A task with the place where it stands, such as `line 7`."""


class PlanDocument:
    """A `plan.json`, read as a whole."""

    def __init__(self, text: str, name: str = "plan") -> None:
        """Read the frame; the tasks are read when they are gone through.

        Raises:
            InvalidInput: It is no JSON object with `tasks`.
            InvalidPlan: A field is unknown or malformed.
        """
        found = parse_json(text, name)
        if not isinstance(found, dict) or not isinstance(found.get("tasks"), list):
            raise InvalidInput(f'{name} must be a JSON object {{"goal": ..., "tasks": [...]}}', hint=_HINT)
        unknown = sorted(found.keys() - _FIELDS)
        if unknown:
            raise InvalidPlan([f"{name}: unknown field {field!r}" for field in unknown])
        goal = found.get("goal")
        if goal is not None and not isinstance(goal, str):
            raise InvalidPlan([f"{name}: goal must be a text"])
        self.goal: str = goal or ""
        self.persona = _persona(found.get("persona"), name)
        self._tasks: list[Any] = found["tasks"]

    def tasks(self) -> Iterator[Placed]:
        """Go through the tasks. Raises InvalidPlan at one that is malformed."""
        for at, value in enumerate(self._tasks):
            yield f"tasks[{at}]", task_from(value, f"tasks[{at}]")


def tasks_in_lines(lines: Iterable[str], name: str = "plan") -> Iterator[Placed]:
    """Go through a JSONL file; empty lines are skipped.

    Raises:
        InvalidInput: A line is no JSON.
        InvalidPlan: A line is no task.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number}", task_from(parse_json(line, f"{name} line {number}"), f"line {number}")


def check_tasks(tasks: Iterator[Placed], kinds: Kinds, now: datetime, known: Iterable[str] = ()) -> int:
    """Check a whole plan, keeping keys and edges only, and return how many tasks it has.

    Raises:
        InvalidPlan: Names everything that is wrong with it.
        InvalidInput: It cannot be read.
    """
    checker = PlanChecker(kinds, now, list(known))
    count, hint = 0, "mend the plan and try again"
    for place, spec in tasks:
        count += 1
        checker.add(spec, place)
        if spec.kind not in kinds:
            hint = "name the module or file with your own kinds by --handlers, or mend the plan"
        if len(checker.problems) >= ENOUGH_PROBLEMS:
            raise InvalidPlan(checker.problems, hint=f"{hint}; what follows {place} was not looked at")
    problems = checker.finish()
    if problems:
        raise InvalidPlan(problems, hint=hint)
    return count


def parse_json(text: str, name: str) -> Any:
    """Read JSON as the standard has it: NaN and infinities are refused.

    Raises:
        InvalidInput: It cannot be read; says where.
    """
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        # A file of one line a task is complained about by its own line number, which is in `name`.
        place = f"column {error.colno}" if " line " in name else f"line {error.lineno} column {error.colno}"
        raise InvalidInput(f"{name}, {place}: {error.msg}", hint=_HINT) from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInput(f"{name}: {reason}", hint=_HINT) from None


def task_from(value: Any, place: str) -> TaskSpec:
    """Make a task of a JSON value.

    Raises:
        InvalidPlan: It is none; names the place, the task's key and each field.
    """
    if not isinstance(value, dict):
        raise InvalidPlan([f"{place}: a task must be a JSON object"])
    try:
        return TaskSpec.model_validate(value)
    except ValidationError as error:
        key = value.get("key")
        where = f"{place}: task {key!r}" if isinstance(key, str) else place
        raise InvalidPlan([f"{where}: {problem}" for problem in problems_of(error)]) from None


_HINT = "a task has: key, kind, title, payload, depends_on, priority, deadline, max_retries"


def _persona(value: Any, name: str) -> Persona | None:
    if value is None:
        return None
    try:
        return Persona.model_validate(value)
    except ValidationError as error:
        raise InvalidPlan([f"{name}: {problem}" for problem in problems_of(error, "persona")]) from None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
