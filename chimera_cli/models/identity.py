"""Ids, digests and canonical JSON: pure functions from values to short strings."""

import hashlib
import json
from collections.abc import Callable, Mapping
from uuid import UUID

ID_LENGTH = 20
"""Characters of an id: 80 random or hashed bits as lower-case hex, so that any four tell most records apart."""


_CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: object) -> str:
    """Write a JSON value in the one spelling that digests and stores use: ASCII, sorted keys, no spaces.

    Raises:
        TypeError: The value holds something that JSON cannot.
        ValueError: The value holds NaN or an infinity, or refers to itself.
    """
    return _CANONICAL.encode(value)


def new_id(uuid4: Callable[[], UUID]) -> str:
    """Make a random id from the given source of UUIDs."""
    return uuid4().hex[:ID_LENGTH]


def task_id(goal_id: str, key: str) -> str:
    """Derive the id of a task from its goal and key, which makes adding a task idempotent without a look-up."""
    return hashlib.sha256(f"{goal_id}\n{key}".encode()).hexdigest()[:ID_LENGTH]


def goal_id_for(idempotency_key: str) -> str:
    """Derive the id of a goal that is submitted with an idempotency key."""
    return hashlib.sha256(f"goal\n{idempotency_key}".encode()).hexdigest()[:ID_LENGTH]


def shard_of(goal_id: str, shards: int) -> int:
    """Tell on which shard (0 to shards - 1) everything of a goal lives."""
    return int(hashlib.sha256(goal_id.encode()).hexdigest()[:8], 16) % shards


def content_digest(
    task: str,
    payload: object,
    output: object,
    policy_version: str,
    rubric_version: str,
    *,
    changes: Mapping[str, object] | None = None,
) -> str:
    """Bind an approval to what was shown, as a SHA-256 in hex: task, arguments, result with its writes, policy, rubric."""
    parts = [task, payload, output, policy_version, rubric_version, dict(changes or {})]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
