"""Has the model plan: draft, check as a whole, send every problem back at once, and give up after two corrections."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from chimera_cli.exceptions import InvalidPlan
from chimera_cli.models.goal import Goal
from chimera_cli.models.noun import Noun
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import MAX_PLANNED_TASKS, Kinds, Plan, PlanChecker
from chimera_cli.models.problems import problems_of
from chimera_cli.models.task import Task, TaskSpec, TaskStatus
from chimera_cli.ports.llm import LLMPort
from chimera_cli.services.prompts import Prompt, mend_prompt, planner_prompt, replan_prompt

CORRECTIONS = 2
"""How often an invalid plan goes back to the model."""


class TaskDraft(Noun):
    """One task as the model words it. Loose on purpose: what is wrong with it is told together with all other problems."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    key: str
    """Unique name inside the plan: letters, digits, dots and dashes."""
    kind: str
    """One of the kinds listed."""
    title: str
    """One line that tells a person what the task is for."""
    payload: dict[str, Any] = Field(default_factory=dict)
    """Arguments that fit the schema of the kind."""
    depends_on: list[str] = Field(default_factory=list)
    """Keys of the tasks whose output it needs."""
    priority: str = "normal"
    """high, normal or low."""
    deadline: str | None = None
    """ISO 8601 with time zone; null unless the goal names one."""


class PlanDraft(Noun):
    """A plan as the model words it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    tasks: list[TaskDraft]
    """The tasks that together reach the goal."""


class PlanningService:
    """Turns a goal in plain words into a valid plan."""

    def __init__(
        self,
        llm: LLMPort,
        kinds: Kinds,
        *,
        timeout: timedelta = timedelta(seconds=120),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """Args:
        llm: The model that plans.
        kinds: The task kinds that workers know, with their payload models.
        timeout: Longest time for one draft.
        now: The present, which deadlines are compared with.
        token: Makes the delimiters that fence the goal.
        """
        self._llm = llm
        self._kinds = kinds
        self._timeout = timeout
        self._now = now
        self._token = token

    async def draft(self, goal: str, persona: Persona | None = None) -> Plan:
        """Plan a goal.

        Raises:
            InvalidPlan: The last correction was not valid either; carries every problem left.
            LLMError: The model gave no plan at all. BackendUnavailable and ConfigError pass through too.
        """
        token = self._token()
        tasks = await self._drafted(self._prompt(goal, persona, token), (), token)
        return Plan(goal=goal, tasks=tasks, persona=persona)

    async def redraft(self, goal: Goal, ended: Sequence[Task]) -> tuple[TaskSpec, ...]:
        """Plan what replaces the tasks of a goal that ended badly; new keys differ from all that the goal has.

        Raises:
            InvalidPlan: As for `draft`; so do the other errors.
        """
        token = self._token()
        history = [_ended(task) for task in ended]
        prompt = replan_prompt(self._prompt(goal.text, goal.persona, token), history, token=token)
        return await self._drafted(prompt, ended, token)

    def _prompt(self, goal: str, persona: Persona | None, token: str) -> Prompt:
        return planner_prompt(goal, persona, self._kinds, now=self._now().isoformat(timespec="seconds"), token=token)

    async def _drafted(self, prompt: Prompt, existing: Sequence[Task], token: str) -> tuple[TaskSpec, ...]:
        asked = prompt
        problems: list[str] = []
        for _ in range(1 + CORRECTIONS):
            answer = await self._llm.ask(asked.system, asked.user, PlanDraft, timeout=self._timeout)
            specs, problems = check_draft(answer.value, self._kinds, self._now(), existing=existing)
            if not problems:
                return specs
            asked = mend_prompt(prompt, answer.value.model_dump_json(), problems, token=token)
        raise InvalidPlan(problems, hint="word the goal more plainly, or give a ready plan with --file")


def check_draft(
    draft: PlanDraft, kinds: Kinds, now: datetime, *, existing: Sequence[Task] = ()
) -> tuple[tuple[TaskSpec, ...], list[str]]:
    """Turn a draft into tasks, and tell all that is wrong with it.

    Args:
        draft: What the model answered.
        kinds: The task kinds that workers know.
        now: What deadlines are compared with.
        existing: Tasks that the goal has already; their keys are taken, and only the COMPLETED may be depended on.
    """
    usable = [task.key for task in existing if task.status is TaskStatus.COMPLETED]
    taken = {task.key for task in existing}
    checker = PlanChecker(kinds, now, known=usable)
    specs: list[TaskSpec] = []
    problems: list[str] = []
    for number, item in enumerate(draft.tasks, 1):
        if item.key in taken:
            problems.append(f"task {item.key!r}: the goal has a task of this key already, use a new one")
        try:
            spec = TaskSpec.model_validate(item.model_dump())
        except ValidationError as exc:
            problems += [f"task {number} ({item.key!r}): {problem}" for problem in problems_of(exc)]
            continue
        specs.append(spec)
        checker.add(spec)
    # A task that cannot be read is missing for the others; saying that its key is unknown would mislead.
    unread = {item.key for item in draft.tasks} - {spec.key for spec in specs}
    found = checker.finish(MAX_PLANNED_TASKS) if specs or not draft.tasks else []
    problems += [text for text in found if not any(text.endswith(_missing(key)) for key in unread)]
    return tuple(specs), problems


def _missing(key: str) -> str:
    return f"depends on {key!r}, which is not in the plan"


def _ended(task: Task) -> dict[str, JsonValue]:
    return {
        "key": task.key,
        "kind": task.kind,
        "title": task.title,
        "payload": task.payload,
        "depends_on": list(task.depends_on),
        "status": task.status.value,
        "reason": task.error,
    }
