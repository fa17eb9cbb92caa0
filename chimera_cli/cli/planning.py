"""What `chimera plan` does: get the tasks from a file or from the model, then show or submit them."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chimera_cli.cli.room import room
from chimera_cli.cli.starting import run_role
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import choice, moment, span, utc_now
from chimera_cli.exceptions import EXIT_FAILED, BackendUnavailable, InvalidInput

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.models.goal import Goal
    from chimera_cli.models.persona import Persona
    from chimera_cli.models.task import PlannedTask, TaskSpec
    from chimera_cli.ports.telemetry import TelemetryPort
    from chimera_cli.services.swarm import Swarm


SAMPLED = "trend.fetch"
"""The built-in kind whose results come from a sample."""


@dataclass(frozen=True)
class PlanRequest:
    """What the command line asks for."""

    goal: str
    """The goal in words; empty when only the file names it."""
    file: Path | None
    persona: Path | None
    handlers: tuple[str, ...]
    deadline: str | None
    priority: str | None
    key: str | None
    wait: bool
    timeout: str | None
    room: bool = False
    """Whether to wait for room in the queue."""


@dataclass(frozen=True)
class Prepared:
    """A checked plan, ready to be shown or submitted."""

    goal: str
    tasks: "Callable[[], Iterable[TaskSpec]]"
    """Goes through the tasks, each time anew."""
    persona: "Persona | None"
    max_replans: int


def check_words(goal: str | None, option: str | None, ready: bool, watch: bool) -> str:
    """Return the goal in words, from the argument, stdin or `--goal`; empty when a file or `--watch` takes its place.

    Raises:
        InvalidInput: There is none, there are two, or it is empty or too long.
    """
    if goal is not None and (option is not None or watch):
        raise InvalidInput(
            "give the goal once" if option is not None else "--watch takes no goal", hint="chimera plan -h"
        )
    words = sys.stdin.read() if goal == "-" else (goal if goal is not None else option)
    if words is None:
        if ready or watch:
            return ""
        raise InvalidInput(
            "there is no goal", hint='chimera plan "Grow on Twitter"; with --file tasks.jsonl give --goal TEXT'
        )
    return _goal(words)


def _goal(words: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from chimera_cli.models.problems import problems_of
    from chimera_cli.models.words import Text

    try:
        return TypeAdapter(Text).validate_python(words)
    except ValidationError as error:
        raise InvalidInput(
            f"the goal cannot be used: {problems_of(error)[0]}", hint='chimera plan "Grow on Twitter"'
        ) from None


def dry_run(terminal: Terminal, request: PlanRequest) -> int:
    """Show the plan; nothing is written."""
    from chimera_cli.views.documents import dry_plan_document
    from chimera_cli.views.plan import PlanTree

    prepared = terminal.run(_prepare(terminal, request))
    tasks = list(prepared.tasks())
    terminal.show(dry_plan_document(prepared.goal, tasks), PlanTree(prepared.goal, tasks))
    _note_samples(terminal, tasks)
    return 0


def submit(terminal: Terminal, request: PlanRequest) -> int:
    """Submit the plan, wait when asked to, and show it."""
    from chimera_cli.views.documents import plan_document
    from chimera_cli.views.plan import PlanTree

    async def work() -> "tuple[Goal, list[PlannedTask]]":
        # The record first: a plan costs money, and must not be made where it cannot be kept.
        async with terminal.swarm() as swarm:
            find_room = room(terminal, swarm, request.room, request.timeout)
            if request.file is None and request.key is None:
                await find_room(swarm.record.check_room)
            prepared = await _prepare(terminal, request)
            kinds: Counter[str] = Counter()
            goal_id = await find_room(lambda: _submit(swarm, prepared, request, kinds))
            terminal.note(f"goal {goal_id} submitted; chimera goals show {goal_id}")
            await _warn_of_unserved(terminal, swarm, kinds)
            goal = await _awaited(swarm, goal_id, request)
            tasks = await swarm.record.plan(goal_id)
        return goal, tasks

    goal, tasks = terminal.run(work())
    terminal.show(lambda: plan_document(goal.id, tasks), PlanTree(goal.text, tasks))
    _note_samples(terminal, tasks)
    if request.wait and goal.status != "COMPLETED":
        terminal.note(f"goal {goal.id} is {goal.status}")
        return EXIT_FAILED
    return 0


def _note_samples(terminal: Terminal, tasks: "Iterable[TaskSpec | PlannedTask]") -> None:
    """Say of a plan that asks for trends where they come from."""
    if any(task.kind == SAMPLED for task in tasks):
        terminal.note(f"the trends of {SAMPLED} are a bundled sample, not anybody's present ones")


def keep_planning(terminal: Terminal, handlers: Sequence[str], start_timeout: str | None) -> int:
    """Run the long-running planner."""

    async def run(settings: "Settings", telemetry: "TelemetryPort") -> int:
        return await terminal.backend.run_planner(settings, handlers, telemetry)

    return run_role(terminal, run, start_timeout)


async def _prepare(terminal: Terminal, request: PlanRequest) -> Prepared:
    """Get the plan and check it. A ready plan is never replanned: no model made it, so none may change it."""
    settings, change = terminal.settings(), _change(request)
    persona = terminal.backend.persona(request.persona) if request.persona else None
    if request.file is None:
        drafted = await terminal.backend.draft(
            settings, request.goal, persona=persona, handlers=request.handlers, telemetry=terminal.telemetry()
        )
        tasks = [change(spec) for spec in drafted.tasks]
        return Prepared(request.goal, lambda: tasks, persona, settings.max_replans)
    from chimera_cli.cli.plan_source import FileSource

    source = FileSource(request.file, change)
    goal = check_words(None, request.goal or source.goal or None, False, False)
    source.check(terminal.backend.registry(settings, request.handlers).kinds(), utc_now())
    return Prepared(goal, source.tasks, persona or source.persona, 0)


def _change(request: PlanRequest) -> "Callable[[TaskSpec], TaskSpec]":
    """Return what the options change about each task."""
    from chimera_cli.models.task import Priority

    priority = choice(Priority, request.priority, "--priority")
    deadline = moment(request.deadline, "--deadline", utc_now())

    def change(spec: "TaskSpec") -> "TaskSpec":
        update: dict[str, object] = {} if priority is None else {"priority": priority}
        if deadline is not None and spec.deadline is None:
            update["deadline"] = deadline
        return spec.model_copy(update=update) if update else spec

    return change


async def _submit(swarm: "Swarm", prepared: Prepared, request: PlanRequest, kinds: "Counter[str]") -> str:
    """Submit the plan and count its tasks by kind."""

    def counted() -> "Iterator[TaskSpec]":
        kinds.clear()
        for spec in prepared.tasks():
            kinds[spec.kind] += 1
            yield spec

    return await swarm.submit_checked(
        prepared.goal,
        counted(),
        persona=prepared.persona,
        max_replans=prepared.max_replans,
        idempotency_key=request.key,
    )


async def _warn_of_unserved(terminal: Terminal, swarm: "Swarm", kinds: "Counter[str]") -> None:
    """Say which kinds no worker of those that run will claim. While Redis is away that cannot be told."""
    from chimera_cli.models.unserved import CURE, live_workers, unserved

    with suppress(BackendUnavailable):
        fleet = await swarm.registry.fleet()
        for one in unserved(kinds, fleet) if live_workers(fleet) else ():
            terminal.note(f"warning: {one.sentence}; {CURE}")


async def _awaited(swarm: "Swarm", goal_id: str, request: PlanRequest) -> "Goal":
    if not request.wait:
        return await swarm.record.goal(goal_id)
    return await swarm.wait(goal_id, timeout=span(request.timeout, "--timeout"))
