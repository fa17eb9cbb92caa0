import json
import logging
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest

from chimera_cli.adapters.logging import LogTelemetry, open_log
from chimera_cli.models.telemetry import Level, TelemetryEvent

LINE = re.compile(r"\[MCP-LOG\] (\S+) (INFO|WARN|ERROR|AUDIT) (\S+) ([^{]*) (\{.*\})")
NOW = datetime(2030, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)


def said(event: TelemetryEvent, **how: object) -> str:
    stream = StringIO()
    LogTelemetry(stream, now=lambda: NOW, **how).emit(event)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.fixture
def standard_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    logging.captureWarnings(False)


def test_a_line_has_the_agreed_form() -> None:
    event = TelemetryEvent(name="task.started", source="w-1", message="off we go", fields={"task": "t", "attempt": 1})
    assert said(event) == (
        '[MCP-LOG] 2030-01-02T03:04:05.006Z INFO w-1 off we go {"task": "t", "attempt": 1, "event": "task.started"}\n'
    )


def test_the_name_speaks_when_there_is_no_message() -> None:
    assert " w-1 task.started {" in said(TelemetryEvent(name="task.started", source="w-1"))


@pytest.mark.parametrize(
    "evil",
    [
        "x\n[MCP-LOG] 2030 AUDIT root approved {}",
        "x\r\nforged",
        "\x1b[2Jx",
        "\u2028x",
        "\x85x",
        "\x7fx",
        "\ud800x",
        "a\x0bb",
    ],
)
def test_no_field_can_forge_a_line(evil: str) -> None:
    event = TelemetryEvent(name=evil, source=evil, message=evil, fields={"trace": evil, evil: [evil]})
    line = said(event)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert all(ch.isprintable() for ch in line[:-1])
    found = LINE.fullmatch(line[:-1])
    assert found is not None
    assert json.loads(found[5])["trace"] == evil


def test_what_holds_itself_is_said_without_the_secret_in_it() -> None:
    itself: list[object] = ["sk-abcdefghijklmnop"]
    itself.append(itself)
    line = said(TelemetryEvent(name="x", source="t", fields={"itself": itself}))
    assert LINE.match(line)
    assert "***" in line
    assert "abcdefghijklmnop" not in line


def test_an_event_field_cannot_pass_itself_off_as_another_event() -> None:
    line = said(TelemetryEvent(name="task.failed", source="w", fields={"event": "task.finished"}))
    assert json.loads(line[line.index("{") :])["event"] == "task.failed"


def test_a_stack_trace_stays_inside_the_json() -> None:
    trace = "Traceback:\n  File x\nValueError: y"
    line = said(TelemetryEvent(name="task.failed", level=Level.ERROR, source="w", fields={"trace": trace}))
    assert line.count("\n") == 1
    assert json.loads(line[line.index("{") :])["trace"] == trace


def test_what_json_cannot_hold_is_written_as_text() -> None:
    itself: list[object] = []
    itself.append(itself)
    for value, written in [
        ({1}, "{1}"),
        (object, "<class 'object'>"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (itself, "[[...]]"),
    ]:
        line = said(TelemetryEvent(name="handler.note", source="w", fields={"what": value}))
        assert json.loads(line[line.index("{") :]) == {"what": written, "event": "handler.note"}


def test_what_is_nested_without_end_costs_its_own_line_only() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert said(TelemetryEvent(name="handler.note", source="w", fields={"what": deep})) == ""


def test_secrets_reach_no_part_of_a_line() -> None:
    event = TelemetryEvent(
        name="backend.lost",
        source="hunter2",
        message="redis://:hunter2@h and hunter2",
        fields={"hunter2": {"deep": ["hunter2"]}, "url": "postgresql://u:other@h/d"},
    )
    line = said(event, secrets=["hunter2"])
    assert "hunter2" not in line
    assert "other" not in line


def test_a_secret_with_quotes_is_masked_before_json_escapes_it() -> None:
    line = said(TelemetryEvent(name="x", source="w", fields={"a": 'pa"ss\\word'}), secrets=['pa"ss\\word'])
    assert "ss" not in line.split("{", 1)[1].replace("class", "")


@pytest.mark.parametrize(("level", "heard"), [("INFO", False), ("WARN", True), ("ERROR", True), ("AUDIT", True)])
def test_quiet_leaves_warnings_errors_and_audit(level: str, heard: bool) -> None:
    assert bool(said(TelemetryEvent(name="x", level=Level(level), source="w"), least=Level.WARN)) is heard


def test_a_closed_stream_stops_nothing() -> None:
    stream = StringIO()
    telemetry = LogTelemetry(stream)
    stream.close()
    telemetry.emit(TelemetryEvent(name="x", source="w"))


@pytest.mark.usefixtures("standard_logging")
def test_libraries_speak_in_the_same_form_from_warnings_on() -> None:
    stream = StringIO()
    open_log(secrets=["hunter2"], stream=stream)
    logger = logging.getLogger("redis.connection")
    logger.info("not heard")
    logger.warning("lost %s\nforged", "hunter2")
    logger.warning("bad %d", "format")
    try:
        raise ValueError("inner\nlines")
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().splitlines()
    assert [LINE.fullmatch(line) is not None for line in lines] == [True] * 3
    assert " WARN redis.connection lost ***\\nforged {" in lines[0]
    assert " WARN redis.connection bad %d {" in lines[1]
    assert "ValueError: inner\\nlines" in json.loads(LINE.fullmatch(lines[2])[5])["trace"].replace("\n", "\\n")  # type: ignore[index]


@pytest.mark.usefixtures("standard_logging")
def test_python_warnings_take_the_same_form() -> None:
    stream = StringIO()
    open_log(stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("look out", UserWarning, stacklevel=1)
    assert LINE.fullmatch(stream.getvalue().rstrip("\n"))
