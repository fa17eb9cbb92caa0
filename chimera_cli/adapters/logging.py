"""Telemetry as `[MCP-LOG]` lines on stderr, one line an event whatever the event holds.

    [MCP-LOG] <ISO-8601 UTC> <LEVEL> <source> <message> <JSON>

The JSON holds the event's name as `event` and its fields; stack traces are inside it. Every strict parser reads it, whatever the
fields are: texts stand in place of what JSON cannot hold. What the libraries say through the standard `logging` module from WARNING
on takes the same form.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.services.plain_json import plain_json, plain_text
from chimera_cli.services.plain_text import one_line
from chimera_cli.services.redaction import Redactor

PREFIX = "[MCP-LOG]"
_WEIGHT: Mapping[Level, int] = {Level.INFO: 0, Level.WARN: 1, Level.ERROR: 2, Level.AUDIT: 3}
_FROM_STANDARD = {logging.WARNING: Level.WARN, logging.ERROR: Level.ERROR, logging.CRITICAL: Level.ERROR}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LogTelemetry:
    """The listener that writes lines."""

    def __init__(
        self,
        stream: TextIO,
        *,
        secrets: Iterable[str] = (),
        least: Level = Level.INFO,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._stream = stream
        self._redactor = Redactor(secrets)
        self._least = _WEIGHT[least]
        self._now = now

    def emit(self, event: TelemetryEvent) -> None:
        """Write one line, or lose it: a full disk or a closed pipe must not stop the work."""
        if _WEIGHT[event.level] < self._least:
            return
        try:
            self._stream.write(self.line(event) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    def line(self, event: TelemetryEvent) -> str:
        """Return the line, without its end."""
        fields = plain_json({**event.fields, "event": event.name})
        source, message, data = plain_text(event.source), plain_text(event.message or event.name), _json(fields)
        # One look at all of it: there is hardly ever anything to mask, and there are two lines a task.
        if self._redactor.suspects(f"{source}\n{message}\n{data}"):
            source, message = self._redactor.text(source), self._redactor.text(message)
            data = _json(self._redactor.value(fields))
        source = "_".join(_words(source).split()) or "chimera"
        return f"{PREFIX} {_time(self._now())} {event.level} {source} {_words(message)} {data}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _words(text: str) -> str:
    # The first brace of a line begins its JSON, so that no message can pass for data.
    return one_line(text).replace("{", "\\x7b")


# ASCII output escapes every control character but DEL.
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


def _json(fields: object) -> str:
    return _ENCODER.encode(fields).replace("\x7f", "\\u007f")


class StandardLogHandler(logging.Handler):
    """Takes what libraries log and says it as telemetry."""

    def __init__(self, telemetry: LogTelemetry) -> None:
        super().__init__(logging.WARNING)
        self._telemetry = telemetry

    def emit(self, record: logging.LogRecord) -> None:
        """Say a library's record; one that cannot be formatted is said as it is."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, LookupError):
            message = str(record.msg)
        fields = {"trace": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        level = _FROM_STANDARD.get(record.levelno, Level.WARN)
        self._telemetry.emit(
            TelemetryEvent(name="library.log", level=level, source=record.name, message=message, fields=fields)
        )


def open_log(*, secrets: Iterable[str] = (), least: Level = Level.INFO, stream: TextIO | None = None) -> LogTelemetry:
    """Return the process's log and make it the only listener of the standard `logging` and `warnings` modules."""
    telemetry = LogTelemetry(stream or sys.stderr, secrets=secrets, least=least)
    root = logging.getLogger()
    root.handlers[:] = [StandardLogHandler(telemetry)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return telemetry
