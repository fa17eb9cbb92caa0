"""Tasks on their way into Redis, cut into parcels: what one call of push.lua takes at ease, and what a request may be long."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from chimera_cli.adapters.redis_wire import INLINE_BYTES, encode_changes, to_ms
from chimera_cli.adapters.resume_wire import seal_text
from chimera_cli.models.delivery import Dependency, Dispatch
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.past import HeldResult
from chimera_cli.models.task import Phase, TaskStatus

MOST_TASKS = 100
"""Tasks in one call: about 1 ms of the server's time."""
MOST_SENT = 4_000_000
"""Characters in one call; a single task may bring more, but then it is the last that brings anything of its own."""
MOST_WRITTEN = 32_000_000
"""Characters that one call writes: each task has a copy of the outputs that it depends on."""
FIELDS = 1_000
"""Characters of a task beside its long fields, roughly."""

Item = TypeVar("Item")


class Parcel(NamedTuple):
    """The arguments of one call of push.lua, without the run."""

    tasks: str
    goals: str
    outputs: str
    turn: int


def parcels(dispatches: Sequence[Dispatch]) -> Iterator[Parcel]:
    """Write tasks of one shard, their goals and their inputs as the arguments of as many calls as it takes, in order."""
    turn = min((dispatch.turn for dispatch in dispatches), default=0)
    one_each = {dispatch.task.goal_id: dispatch for dispatch in dispatches}
    goals = {goal_id: _goal_fields(dispatch) for goal_id, dispatch in one_each.items()}
    for rows in cut(_state(dispatches), lambda row: len(str(row[1][-1])), most=1000):
        states: dict[str, list[list[str | int]]] = {}
        for goal_id, kept in rows:
            states.setdefault(goal_id, []).append(kept)
        told = {goal_id: {**goals[goal_id], "state": state} for goal_id, state in states.items()}
        yield Parcel("[]", canonical_json(told), "{}", turn)
    for load in _loads(dispatches):
        told = {goal_id: goals[goal_id] for goal_id in load.goals}
        yield Parcel(canonical_json(load.tasks), canonical_json(told), canonical_json(load.outputs), turn)


def cut(items: Iterable[Item], size: Callable[[Item], int], *, most: int = MOST_TASKS) -> Iterator[list[Item]]:
    """Cut things into parts of at most `most`, and of some MOST_SENT characters; no things, no part."""
    part: list[Item] = []
    total = 0
    for item in items:
        if part and (len(part) >= most or total + size(item) > MOST_SENT):
            yield part
            part, total = [], 0
        part.append(item)
        total += size(item)
    if part:
        yield part


@dataclass
class _Load:
    tasks: list[dict[str, Any]] = field(default_factory=list)
    goals: set[str] = field(default_factory=set)
    outputs: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    written: int = 0

    def has_room(self, sent: int, written: int) -> bool:
        if not self.tasks:
            return True
        fits = self.sent + sent <= MOST_SENT or sent <= 2 * FIELDS
        return len(self.tasks) < MOST_TASKS and fits and self.written + written <= MOST_WRITTEN


def _loads(dispatches: Sequence[Dispatch]) -> Iterator[_Load]:
    texts = {given.id: canonical_json(given.output) for one in dispatches for given in one.dependencies if _sent(given)}
    load = _Load()
    for dispatch in dispatches:
        fields = _push_fields(dispatch)
        inputs = {given.id: texts[given.id] for given in dispatch.dependencies if _sent(given)}
        own = FIELDS + len(fields["payload"]) + sum(len(str(value)) for value in fields["past"].values())
        new = own + sum(len(text) for id, text in inputs.items() if id not in load.outputs)
        copied = own + sum(map(len, inputs.values()))
        if not load.has_room(new, copied):
            yield load
            load, new = _Load(), copied
        load.tasks.append(fields)
        load.goals.add(dispatch.task.goal_id)
        load.outputs |= inputs
        load.sent, load.written = load.sent + new, load.written + copied
    if load.tasks:
        yield load


def _sent(dependency: Dependency) -> bool:
    return dependency.status is TaskStatus.COMPLETED and not dependency.withheld


def _state(dispatches: Iterable[Dispatch]) -> Iterator[tuple[str, list[str | int]]]:
    states = {dispatch.task.goal_id: dispatch.state for dispatch in dispatches}
    for goal_id, state in states.items():
        for key, kept in state.items():
            yield goal_id, [key, kept.version, canonical_json(kept.value)]


def _goal_fields(dispatch: Dispatch) -> dict[str, Any]:
    return {
        "text": dispatch.goal,
        "persona": dispatch.persona.model_dump_json() if dispatch.persona else "null",
        "paused": int(dispatch.paused),
        "ordered": dispatch.ordered,
        "state": [],
    }


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
    return dependency.model_dump(include={"id", "key", "status", "version"})


def _past_fields(dispatch: Dispatch) -> dict[str, str | int]:
    """Write what a task has behind it as fields of its hash; those of an untouched one are left out."""
    past = dispatch.past
    # How often it failed in this phase is not recorded. It is guessed in the task's favour.
    failed = max(dispatch.task.attempts - 1, 0) if dispatch.task.phase is Phase.PROPOSE else 0
    fields: dict[str, str | int] = {
        "conflicts": past.conflicts,
        "revisions": past.revisions,
        "feedback": past.feedback,
        "fail:work": failed,
        **{f"handed:{phase}": times for phase, times in past.handed.items()},
    }
    fields = {name: value for name, value in fields.items() if value}
    return fields if past.held is None else fields | _held_fields(dispatch, past.held)


def _held_fields(dispatch: Dispatch, held: HeldResult) -> dict[str, str | int]:
    fields: dict[str, str | int] = {
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
    return fields | {"approved": held.judgement.digest, "seal": seal_text(held.seal)} if approved else fields
