import json
import logging
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera_cli.adapters.logging import LogTelemetry, open_log
from chimera_cli.handlers.voice import HandlerVoice
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.services.plain_json import DEEPEST

LINE = re.compile(r"\[MCP-LOG\] (\S+) (INFO|WARN|ERROR|AUDIT) (\S+) ([^{]*) (\{.*\})")
NOW = datetime(2030, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)


class Mute:
    """What fails when it is asked for its text."""

    def __str__(self) -> str:
        raise ZeroDivisionError


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**5000)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.builds(Mute)
    | st.sampled_from(list(Level))
)
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(scalars, inner) | st.tuples(inner))


def strict(line: str) -> dict[str, Any]:
    """Read the JSON of a line as a parser that allows nothing beyond the standard."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len(dict(pairs)) == len(pairs)
        for text in (part for pair in pairs for part in pair if isinstance(part, str)):
            text.encode()
        return dict(pairs)

    found = LINE.fullmatch(line.rstrip("\n"))
    assert found is not None
    read: dict[str, Any] = json.loads(found[5], parse_constant=refuse, object_pairs_hook=once)
    return read


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
    # Half of a surrogate pair is text to Python's parser only: elsewhere the whole line would be refused.
    assert strict(line)["trace"] == evil.replace("\ud800", "\\ud800")


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
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (itself, ["..."]),
        (b"\xff", "b'\\xff'"),
        (float("nan"), "NaN"),
        (10**5000, hex(10**5000)),
        (Mute(), "<Mute>"),
    ]:
        line = said(TelemetryEvent(name="handler.note", source="w", fields={"what": value}))
        assert json.loads(line[line.index("{") :]) == {"what": written, "event": "handler.note"}


def test_what_is_nested_without_end_is_cut_and_the_line_is_whole() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    fields = strict(said(TelemetryEvent(name="handler.note", source="w", fields={"what": deep, "task": "t"})))
    assert (fields["event"], fields["task"]) == ("handler.note", "t")
    assert json.dumps(fields["what"]).count("[") <= DEEPEST


@settings(deadline=None)
@given(fields=st.dictionaries(st.text(), anything), name=st.text(), message=st.text(), source=st.text())
def test_every_line_is_strict_json_behind_its_prefix_and_holds_our_fields(
    fields: dict[str, object], name: str, message: str, source: str
) -> None:
    ours = {"task": "t-1", "attempt": 2}
    event = TelemetryEvent(name=name, source=source, message=message, fields={**fields, **ours})
    line = said(event)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    parsed = strict(line)
    assert {key: parsed[key] for key in ours} == ours
    assert isinstance(parsed["event"], str)


@settings(deadline=None)
@given(fields=st.dictionaries(st.text(), anything), level=anything, message=anything)
def test_a_handler_cannot_replace_our_fields_whatever_it_names_its_own(
    fields: dict[str, object], level: object, message: object
) -> None:
    stream, ours = StringIO(), {"task": "t-1", "goal": "g-1", "kind": "k", "phase": "EXECUTE", "attempt": 2}
    voice = HandlerVoice(LogTelemetry(stream, now=lambda: NOW), source="w-1", ours=ours)
    taken = dict.fromkeys((*ours, "event", "source", "handler", "time"), "forged")
    voice("it.happened", message, **{**fields, **taken, "level": level})
    line = stream.getvalue()
    parsed = strict(line)
    assert {key: parsed[key] for key in ours} == ours
    assert parsed["event"] == "it.happened"
    assert parsed["handler"].items() >= taken.items()
    assert LINE.fullmatch(line[:-1])[3] == "w-1"  # type: ignore[index]


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
