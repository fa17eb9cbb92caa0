"""`chimera plan`: a goal becomes tasks, by the model or from a file; or the long-running planner."""

from pathlib import Path
from typing import Annotated

import typer

from chimera_cli.cli.arguments import Handlers, StartTimeout, WaitForRoom
from chimera_cli.cli.command import command, single
from chimera_cli.cli.planning import PlanRequest, check_words, dry_run, keep_planning, submit
from chimera_cli.cli.terminal import Terminal

app = single()


@command(app, example='chimera plan "Grow on Twitter" --persona ana.md --wait')
def plan(
    terminal: Terminal,
    goal: Annotated[str | None, typer.Argument(help="The goal in plain words; - reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A ready plan: plan.json or tasks.jsonl.")] = None,
    goal_text: Annotated[str | None, typer.Option("--goal", help="The goal in words, for a tasks.jsonl.")] = None,
    persona: Annotated[Path | None, typer.Option("--persona", help="Markdown with name, voice and directives.")] = None,
    handlers: Handlers = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show the plan; write nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the goal is over; 1 unless COMPLETED.")] = False,
    room: WaitForRoom = False,
    timeout: Annotated[str | None, typer.Option("--timeout", help="Wait no longer than this, such as 10m.")] = None,
    deadline: Annotated[str | None, typer.Option("--deadline", help="For tasks without one: 2h, or a time.")] = None,
    priority: Annotated[str | None, typer.Option("--priority", help="high, normal or low, for all tasks.")] = None,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Submit at most once with this key.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run as the planner that replans what failed.")] = False,
    start_timeout: StartTimeout = None,
) -> int:
    """Plan a goal and submit its tasks.

    The model plans, unless --file gives a ready plan. With --watch this is the long-running planner, which replans what
    failed or was rejected.
    """
    words = check_words(goal, goal_text, file is not None, watch)
    if watch:
        return keep_planning(terminal, handlers or (), start_timeout)
    request = PlanRequest(words, file, persona, tuple(handlers or ()), deadline, priority, key, wait, timeout, room)
    return dry_run(terminal, request) if dry else submit(terminal, request)
