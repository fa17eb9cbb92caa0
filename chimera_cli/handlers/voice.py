"""How a handler's own words get into the log: beside the fields that say which task speaks, never in their place."""

from collections.abc import Mapping
from typing import Any

from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.plain_json import plain_text

LEVELS = {level.value: level for level in (Level.INFO, Level.WARN, Level.ERROR)}
"""What a handler may choose; AUDIT is for what people and the gate decide."""
RESERVED = frozenset({"event", "handler", "source", "time"})
"""Names that belong to the line itself."""


class HandlerVoice:
    """`ctx.log_event`. Each of its lines has the field `handler`, by which it is told from a line of chimera's own."""

    def __init__(self, telemetry: TelemetryPort, *, source: str, ours: Mapping[str, Any]) -> None:
        """Args:
        telemetry: Who listens.
        source: Id of the agent that runs the handler.
        ours: Fields of each line: the task, its goal, kind, phase and attempt.
        """
        self._telemetry = telemetry
        self._source = source
        self._ours = dict(ours)

    def __call__(self, name: object, /, message: object = "", *, level: object = Level.INFO, **fields: object) -> None:
        """Write one line.

        Args:
            name: What happened, as `noun.verb`.
            message: A sentence for people.
            level: INFO, WARN or ERROR; any other one is written as a field and the line is INFO.
            fields: Data. A field with one of our names is written inside `handler`, and ours stays.
        """
        chosen = LEVELS.get(plain_text(level).upper())
        theirs = fields if chosen is not None else {**fields, "level": level}
        taken = RESERVED | self._ours.keys() | {"level"}
        free = {key: value for key, value in theirs.items() if key not in taken}
        clashing = {key: value for key, value in theirs.items() if key in taken}
        self._telemetry.emit(
            TelemetryEvent(
                name=plain_text(name),
                level=chosen or Level.INFO,
                source=self._source,
                message=plain_text(message),
                fields={**free, **self._ours, "handler": clashing},
            )
        )
