"""Digests and the audit's chain, computed a second time: nothing that made them is asked."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from chimera_cli.simulation.history.rows import AuditLine

FIRST_PREVIOUS = "0" * 64
"""Hash before the first row of the audit."""


def digest_of(task_id: str, payload: Any, output: Any, judgement: Mapping[str, Any]) -> str:
    """Compute what an approval of a judged result is bound to."""
    policy = judgement.get("decision", {}).get("policy_version", "")
    rubric = judgement.get("verdict", {}).get("rubric_version", "")
    return _hash([task_id, payload, output, policy, rubric, judgement.get("changes") or {}])


def link_of(line: AuditLine) -> str:
    """Compute the hash of a row of the audit from what it says and the hash before it."""
    at = line.at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [at, line.operator, line.action, line.card_id, line.task_id, line.digest, line.reason]
    about = [line.goal_id] if line.goal_id else []  # a decision names none, an order does
    return _hash([line.prev_hash, line.seq, *said, *about])


def shard_of(goal_id: str, shards: int) -> int:
    """Compute the shard on which a goal lives."""
    return int(hashlib.sha256(goal_id.encode()).hexdigest()[:8], 16) % shards


def _hash(parts: list[Any]) -> str:
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
