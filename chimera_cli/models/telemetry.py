"""The vocabulary of what the swarm says while it works. Telemetry may be lost; what must be kept is a TaskEvent or an AuditEvent.

| event | level | fields |
|---|---|---|
| agent.started, agent.stopped | INFO | role, count |
| agent.failed | ERROR | role, error, trace |
| agent.beat_missed | WARN | error |
| agent.stalled | WARN | stalled_s, over, where |
| keeper.failed | WARN | role, error |
| loop.late | WARN | late_s |
| drain.started, drain.ended | INFO | running, given_back |
| task.started | INFO | task, kind, phase, attempt |
| task.finished | INFO | task, kind, phase, outcome |
| task.retried | WARN | task, kind, attempt, delay_s, error, trace |
| task.failed | ERROR | task, kind, attempt, error, trace |
| task.conflict | INFO | task, kind, key, expected, actual |
| task.stale | WARN | task, generation |
| effects.held, effects.resumed | WARN, INFO | error |
| release.refused | WARN | task, kind, error |
| result.judged | INFO | task, confidence, route |
| review.decided | AUDIT | card, task, operator, action |
| review.waits | WARN | card, task, goal |
| order.given | AUDIT | goal, task, operator, action |
| goal.planned, goal.replanned | INFO | goal, tasks |
| goal.finished | INFO | goal, status |
| backend.lost, backend.back | WARN, INFO | backend, error |
| model.retried | WARN | reason, attempt, wait_s |
| housekeeping.done | INFO | step, count |
| clock.doubted, clock.agreed | INFO | shard, jumped_s |
| clock.stepped | WARN | shard, step_s, agreed |
| redis.evicts | WARN | evicted |
| recovery.done | WARN, INFO | shard, cause, dispatched, restored, decisions |
| schema.made | WARN | namespace, schema |
| stores.foreign | ERROR | |
| library.log | WARN, ERROR | trace |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chimera_cli.exceptions import BackendUnavailable


class Level(StrEnum):
    """How much it matters."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    AUDIT = "AUDIT"


@dataclass(frozen=True, kw_only=True, slots=True)
class TelemetryEvent:
    """One thing worth saying. Nothing is checked: a report must not fail the work."""

    name: str
    """From the table above: `noun.verb`."""
    level: Level = Level.INFO
    """How much it matters."""
    source: str
    """Who says it: an agent's id or the part of the program."""
    message: str = ""
    """A sentence for people; empty when the name says all."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Data for machines: JSON, and texts in place of what JSON cannot hold."""


def backend_lost(source: str, error: BackendUnavailable, message: str) -> TelemetryEvent:
    """Say that a server is away, and what that means for whoever waits for it."""
    fields = {"backend": error.backend, "error": error.reason}
    return TelemetryEvent(name="backend.lost", level=Level.WARN, source=source, message=message, fields=fields)
