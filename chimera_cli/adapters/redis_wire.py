"""How nouns travel to and from the Redis scripts.

What handlers made stays a JSON text inside JSON, so Lua never reads it, and no number or character is lost there.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from chimera_cli.models.delivery import Delivery, Dependency, Dispatch, Lease, Malformed, Stage
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.result import StateChange
from chimera_cli.models.task import Phase, TaskStatus

UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
"""What reading fields that somebody wrote by hand may raise; pydantic's ValidationError is a ValueError."""
INLINE_BYTES = 16_384
"""Longest payload, as JSON, that is kept in Redis; a longer one stays in the record, and its field here is empty."""
EVENT_FIELDS = {
    "name",
    "task",
    "goal",
    "status",
    "phase",
    "version",
    "generation",
    "attempts",
    "agent",
    "output",
    "changes",
    "error",
}
"""Fields of an event entry that have a place of their own in TaskEvent; the others go to its `data`."""


def encode_push(dispatches: Sequence[Dispatch]) -> tuple[str, str, int]:
    """Write tasks, their goals and the turn as the arguments of push.lua."""
    tasks = [_push_fields(dispatch) for dispatch in dispatches]
    goals = {
        dispatch.task.goal_id: {
            "text": dispatch.goal,
            "persona": dispatch.persona.model_dump_json() if dispatch.persona else "null",
            "paused": int(dispatch.paused),
            "ordered": dispatch.ordered,
            "state": [[key, kept.version, canonical_json(kept.value)] for key, kept in dispatch.state.items()],
        }
        for dispatch in dispatches
    }
    return canonical_json(tasks), canonical_json(goals), min(dispatch.turn for dispatch in dispatches)


def _push_fields(dispatch: Dispatch) -> dict[str, Any]:
    task, payload = dispatch.task, canonical_json(dispatch.task.payload)
    return {
        "id": task.id,
        "goal": task.goal_id,
        "key": task.key,
        "kind": task.kind,
        "title": task.title,
        "prio": task.priority,
        "payload": payload if len(payload) <= INLINE_BYTES else "",
        "max_retries": task.max_retries,
        "version": task.version,
        "gen": task.generation,
        "life": dispatch.life,
        "attempts": task.attempts,
        "status": task.status,
        "phase": task.phase,
        "begin": int(task.attempts == 0),
        "past": _past_fields(dispatch),
        "deadline": to_ms(task.deadline),
        "deps": [_dependency_fields(dependency) for dependency in dispatch.dependencies],
        "cancelled": dispatch.cancelled,
    }


def _dependency_fields(dependency: Dependency) -> dict[str, Any]:
    fields = dependency.model_dump(include={"id", "key", "status", "version"})
    return {**fields, "output": canonical_json(dependency.output)}


def _past_fields(dispatch: Dispatch) -> dict[str, str | int]:
    """Write what a task has behind it as fields of its hash; those of an untouched one are left out."""
    past, held = dispatch.past, dispatch.past.held
    # How often it failed in this phase is not recorded. It is guessed in the task's favour.
    failed = max(dispatch.task.attempts - 1, 0) if dispatch.task.phase is Phase.PROPOSE else 0
    fields: dict[str, str | int] = {
        "conflicts": past.conflicts,
        "revisions": past.revisions,
        "feedback": past.feedback,
        "fail:work": failed,
    }
    fields = {name: value for name, value in fields.items() if value}
    if held is None:
        return fields
    fields |= {
        "output": canonical_json(dispatch.task.output),
        "changes": encode_changes(held.changes),
        "usage": held.usage.model_dump_json(),
        "executes": int(held.executes),
        "mergeable": int(held.mergeable),
        "always": int(held.review_always),
    }
    if held.judgement is None or dispatch.task.status is TaskStatus.JUDGING:
        return fields
    fields |= {
        "judgement": held.judgement.model_dump_json(),
        "digest": held.judgement.digest,
        "policy": held.judgement.decision.policy_version,
        "rubric": held.judgement.verdict.rubric_version,
    }
    # Held work does not run: who stands behind an approval has the approved digest, and nobody else.
    approved = dispatch.task.phase is not Phase.PROPOSE
    return fields | {"approved": held.judgement.digest} if approved else fields


def encode_changes(changes: Sequence[StateChange]) -> str:
    """Write changes as [[key, expected, JSON text of the value], ...]."""
    return canonical_json([[change.key, change.expected, canonical_json(change.value)] for change in changes])


def decode_changes(text: str) -> tuple[StateChange, ...]:
    """Read what `encode_changes` wrote."""
    return tuple(
        StateChange(key=key, expected=int(expected), value=json.loads(value))
        for key, expected, value in json.loads(text)
    )


def decode_claim(stage: Stage, row: Sequence[Any]) -> Delivery | Malformed:
    """Read one row of claim.lua's reply; fields that were written by hand and make no sense give a Malformed."""
    task_id, agent, generation, goal, persona, flat = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    lease = Lease(task_id=task_id, goal_id=fields.get("goal", ""), generation=generation, agent=agent, stage=stage)
    try:
        return _delivery(lease, goal, persona, fields)
    except UNREADABLE as exc:
        return Malformed(lease=lease, reason=f"its fields in Redis cannot be read: {type(exc).__name__}: {exc}"[:500])


def _delivery(lease: Lease, goal: str, persona: str, fields: Mapping[str, str]) -> Delivery:
    def number(name: str) -> int:
        return int(fields.get(name) or 0)

    return Delivery(
        lease=lease,
        key=fields["key"],
        kind=fields["kind"],
        title=fields["title"],
        goal=goal,
        persona=json.loads(persona),
        payload=json.loads(fields["payload"] or "{}"),
        payload_elsewhere=not fields["payload"],
        inputs={name[3:]: json.loads(value) for name, value in fields.items() if name.startswith("in:")},
        phase=fields["phase"],
        attempt=number(f"fail:{lease.stage}") + 1,
        max_retries=number("max_retries"),
        conflicts=number("conflicts"),
        revisions=number("revisions"),
        abandoned=number(f"lost:{lease.stage}"),
        feedback=fields.get("feedback", ""),
        deadline=from_ms(number("deadline")),
        output=json.loads(fields.get("output", "null")),
        changes=decode_changes(fields.get("changes", "[]")),
        usage=json.loads(fields.get("usage", "{}")),
        executes=fields.get("executes") == "1",
        review_always=fields.get("always") == "1",
        digest=fields.get("approved", ""),
        policy_version=fields.get("policy", ""),
        rubric_version=fields.get("rubric", ""),
    )


def decode_event(shard: int, entry_id: str, fields: Mapping[str, str]) -> TaskEvent:
    """Read one entry of the event stream.

    Raises:
        ValueError: Somebody wrote it by hand, and it makes no sense.
        KeyError: A field is missing.
    """
    if "\0" in fields["task"] + fields["goal"]:
        raise ValueError("an id that Postgres cannot look up")
    data: dict[str, Any] = {name: json.loads(value) for name, value in fields.items() if name not in EVENT_FIELDS}
    return TaskEvent(
        shard=shard,
        entry_id=entry_id,
        at=datetime.fromtimestamp(int(entry_id.split("-")[0]) / 1000, tz=UTC),
        name=fields["name"],
        task_id=fields["task"],
        goal_id=fields["goal"],
        status=fields["status"],
        phase=fields["phase"],
        version=int(fields["version"]),
        generation=int(fields["generation"]),
        attempts=int(fields["attempts"] or 0),
        agent=fields.get("agent", ""),
        output=json.loads(fields.get("output") or "null"),
        changes=decode_changes(fields.get("changes") or "[]"),
        error=fields.get("error", ""),
        data=data,
    )


def to_ms(at: datetime | None) -> int:
    """Write a time as ms since 1970, 0 for none."""
    return int(at.timestamp() * 1000) if at else 0


def from_ms(ms: int) -> datetime | None:
    """Read a time written by `to_ms`."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC) if ms else None


def after(entry_id: str) -> str:
    """Return the smallest stream id above the given one: what XTRIM MINID keeps when all up to the id goes."""
    ms, seq = entry_id.split("-")
    return f"{ms}-{int(seq) + 1}"


def chunks(dispatches: Sequence[Dispatch], size: int) -> list[Sequence[Dispatch]]:
    """Cut a sequence into parts of at most `size`."""
    edges = [*range(0, len(dispatches), size), len(dispatches)]
    return [dispatches[start:end] for start, end in pairwise(edges)]
