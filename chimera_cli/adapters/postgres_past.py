"""What recorded events tell of the past of live tasks, as far as the queue needs it to go on with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters.rows import TaskRow
from chimera_cli.models.gate import Judgement
from chimera_cli.models.past import HeldResult, Past
from chimera_cli.models.release import Seal
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.models.task import Phase, TaskStatus

LAST_EVENTS = text("""
    SELECT DISTINCT ON (task_id, name) task_id, name, error, data, count(*) OVER (PARTITION BY task_id, name) AS times
    FROM events
    WHERE task_id = ANY(CAST(:ids AS text[]))
      AND name IN ('task.judging', 'task.held', 'task.approved', 'task.revised', 'task.conflicted')
    ORDER BY task_id, name, seq DESC
""")
"""The last event of each name, and how often it happened."""
HANDED = text("""
    SELECT task_id, phase, count(*) AS times FROM events
    WHERE task_id = ANY(CAST(:ids AS text[])) AND name = 'task.started' GROUP BY task_id, phase
""")
"""How often each phase was claimed, over all lives of the task."""
WITH_RESULT = frozenset({TaskStatus.JUDGING, TaskStatus.NEEDS_REVIEW, TaskStatus.APPROVED})
"""Statuses of a task that has a result, whatever its phase."""

Events = Mapping[str, Any]


async def pasts(connection: AsyncConnection, tasks: Sequence[TaskRow]) -> dict[str, Past]:
    """Tell what each task has behind it, by its id."""
    told: dict[str, dict[str, Any]] = {task.id: {} for task in tasks}
    ids = [task.id for task in tasks if task.version]
    for row in await connection.execute(LAST_EVENTS, {"ids": ids}) if ids else ():
        told[row.task_id][row.name] = row
    return {task.id: _past(task, told[task.id]) for task in tasks}


async def handed(connection: AsyncConnection, task_ids: Sequence[str]) -> dict[str, dict[Phase, int]]:
    """Count how often each phase of these tasks was handed to an agent, by task id; one that never was is absent."""
    times: dict[str, dict[Phase, int]] = {}
    for row in await connection.execute(HANDED, {"ids": list(task_ids)}) if task_ids else ():
        times.setdefault(row.task_id, {})[Phase(row.phase)] = row.times
    return times


def _past(task: TaskRow, events: Events) -> Past:
    revised, conflicted = events.get("task.revised"), events.get("task.conflicted")
    has_result = TaskStatus(task.status) in WITH_RESULT or Phase(task.phase) is not Phase.PROPOSE
    return Past(
        conflicts=conflicted.times if conflicted else 0,
        revisions=revised.times if revised else 0,
        feedback=revised.error if revised else "",
        held=_held(events) if has_result else None,
    )


def _held(events: Events) -> HeldResult:
    judging = events["task.judging"].data if "task.judging" in events else {}
    judged = [event for name in ("task.approved", "task.held") if (event := events.get(name)) is not None]
    return HeldResult(
        changes=_changes(judging.get("held") or []),
        usage=_usage(judging.get("usage")),
        executes=judging.get("executes") == 1,
        mergeable=judging.get("mergeable") == 1,
        review_always=judging.get("always") == 1,
        seal=_seal(events["task.approved"].data) if "task.approved" in events else None,
        judgement=next((found for event in judged if (found := _judgement(event.data)) is not None), None),
    )


def _changes(rows: Sequence[tuple[str, int, str]]) -> tuple[StateChange, ...]:
    return tuple(StateChange(key=key, expected=expected, value=json.loads(value)) for key, expected, value in rows)


def _judgement(data: Mapping[str, Any]) -> Judgement | None:
    try:
        return Judgement.model_validate(data.get("judgement"))
    except ValidationError:
        return None


def _seal(data: Mapping[str, Any]) -> Seal | None:
    try:
        return Seal.model_validate(data.get("seal"))
    except ValidationError:
        return None


def _usage(said: object) -> Usage:
    try:
        return Usage.model_validate(said)
    except ValidationError:
        return Usage()
