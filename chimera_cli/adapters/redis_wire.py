"""How nouns travel to and from the Redis scripts.

What handlers made stays a JSON text inside JSON, so Lua never reads it, and no number or character is lost there.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ConfigDict, JsonValue, TypeAdapter

from chimera_cli.models.delivery import Delivery, Lease, Malformed, Stage
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.eviction import eviction_sentence
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.models.server_clock import clock_sentence

UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
"""What reading fields that somebody wrote by hand may raise; pydantic's ValidationError is a ValueError."""
_ANY = TypeAdapter[JsonValue](JsonValue, config=ConfigDict(defer_build=True))
DEEP = 100
"""Brackets above which a value may be nested so deep that whoever reads it later would fail."""
INLINE_BYTES = 16_384
"""Longest payload, as JSON, that is kept in Redis; a longer one stays in the record, and its field here is empty."""
EVENT_FIELDS = frozenset("name task goal status phase version generation attempts agent output changes error".split())
"""Fields of an event entry that have a place of their own in TaskEvent; the others go to its `data`."""


def encode_changes(changes: Sequence[StateChange]) -> str:
    """Write changes as [[key, expected, JSON text of the value], ...]."""
    return canonical_json([[change.key, change.expected, canonical_json(change.value)] for change in changes])


def decode_changes(text: str) -> tuple[StateChange, ...]:
    """Read what `encode_changes` wrote."""
    if text == "[]":
        return ()
    return tuple(
        StateChange(key=key, expected=int(expected), value=json.loads(value))
        for key, expected, value in json.loads(text)
    )


def decode_claim(stage: Stage, row: Sequence[Any], shard: int = 0) -> Delivery | Malformed:
    """Read one row of claim.lua's reply; fields that were written by hand and make no sense give a Malformed."""
    task_id, agent, generation, goal, persona, flat, epoch = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    lease = Lease(
        task_id=task_id,
        goal_id=fields.get("goal", ""),
        generation=generation,
        agent=agent,
        stage=stage,
        shard=shard,
        epoch=epoch,
    )
    try:
        return _delivery(lease, goal, persona, fields)
    except UNREADABLE as exc:
        alone = fields.get(f"alone:{stage}") == "1"
        return Malformed(
            lease=lease, alone=alone, reason=f"its fields in Redis cannot be read: {type(exc).__name__}: {exc}"[:500]
        )


def _delivery(lease: Lease, goal: str, persona: str, fields: Mapping[str, str]) -> Delivery:
    return Delivery(
        lease=lease,
        key=fields["key"],
        kind=fields["kind"],
        title=fields["title"],
        goal=goal,
        persona=None if persona == "null" else json.loads(persona),
        payload=_parsed(fields["payload"] or "{}"),
        payload_elsewhere=not fields["payload"],
        alone=fields.get(f"alone:{lease.stage}") == "1",
        inputs={name[3:]: _parsed(value) for name, value in fields.items() if name.startswith("in:")},
        phase=fields["phase"],
        **_counters(lease.stage, fields),
        feedback=fields.get("feedback", ""),
        deadline=from_ms(_number(fields, "deadline")),
        output=_parsed(fields.get("output", "null")),
        changes=decode_changes(fields.get("changes", "[]")),
        usage=json.loads(fields["usage"]) if "usage" in fields else Usage(),
        executes=fields.get("executes") == "1",
        review_always=fields.get("always") == "1",
        digest=fields.get("approved", ""),
        seal=_seal(fields.get("seal", "")),
        policy_version=fields.get("policy", ""),
        rubric_version=fields.get("rubric", ""),
    )


def _seal(text: str) -> Seal | None:
    """Read who vouches for an approval; what cannot be read is a seal that vouches for nothing."""
    if not text:
        return None
    try:
        return Seal.model_validate_json(text)
    except ValueError:
        return Seal(mode=ReviewMode.GATE, who="", signature="")


def _counters(stage: Stage, fields: Mapping[str, str]) -> dict[str, int]:
    return {
        "attempt": _number(fields, f"fail:{stage}") + 1,
        "max_retries": _number(fields, "max_retries"),
        "conflicts": _number(fields, "conflicts"),
        "revisions": _number(fields, "revisions"),
        "abandoned": _number(fields, f"lost:{stage}"),
        "number": _number(fields, f"handed:{fields['phase']}") + 1,
        "outages": _number(fields, f"outages:{stage}"),
    }


def _number(fields: Mapping[str, str], name: str) -> int:
    return int(fields.get(name) or 0)


def decode_event(shard: int, entry_id: str, fields: Mapping[str, str], epoch: int = 0) -> TaskEvent:
    """Read one entry of the event stream.

    Raises:
        ValueError: Somebody wrote it by hand, and it makes no sense.
        KeyError: A field is missing.
    """
    if "\0" in fields["task"] or "\0" in fields["goal"]:
        raise ValueError("an id that Postgres cannot look up")
    return TaskEvent(
        shard=shard,
        entry_id=entry_id,
        epoch=epoch,
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
        output=_parsed(fields.get("output") or "null"),
        changes=decode_changes(fields.get("changes") or "[]"),
        error=fields.get("error", ""),
        data={name: _parsed(text) for name, text in fields.items() if name not in EVENT_FIELDS},
    )


def _parsed(text: str) -> Any:
    if text == "null":
        return None
    value = json.loads(text)
    return _ANY.validate_python(value) if text.count("[") + text.count("{") > DEEP else value


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


def decode_counts(replies: Sequence[Sequence[Any] | None]) -> QueueCounts:
    """Sum up what each shard counted, see counts.lua; None stands for one that is away, at least one is there."""
    counted = {shard: reply for shard, reply in enumerate(replies) if reply is not None}
    rows = list(counted.values())
    waiting, running, delayed, to_judge, judging, deferred = (sum(row[i] for row in rows) for i in range(6))
    oldest = max(row[6] for row in rows)
    return QueueCounts(
        kinds=_by_kind(row[7] for row in rows),
        to_execute=_by_kind(row[15] for row in rows),
        waiting=waiting,
        running=running,
        delayed=delayed,
        to_judge=to_judge,
        judging=judging,
        deferred=deferred,
        epochs={shard: row[8] for shard, row in counted.items()},
        away=tuple(shard for shard, reply in enumerate(replies) if reply is None),
        oldest_waiting=timedelta(milliseconds=oldest) if oldest >= 0 else None,
        refused=next((str(row[9]) for row in rows if row[9]), ""),
        clock=next(filter(None, (clock_sentence(*row[10:13]) for row in rows)), ""),
        evicts=next(filter(None, (eviction_sentence(str(row[13])) for row in rows)), ""),
        evicted=sum(row[14] for row in rows),
    )


def _by_kind(lists: Iterable[Sequence[Any]]) -> dict[str, int]:
    """Sum up lists of kinds, each followed by its count."""
    kinds: Counter[str] = Counter()
    for pairs in lists:
        kinds.update(dict(zip(pairs[::2], map(int, pairs[1::2]), strict=True)))
    return dict(sorted(kinds.items()))
