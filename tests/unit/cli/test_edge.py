import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import chimera_cli.exceptions as module
from chimera_cli.exceptions import (
    AlreadyDecided,
    BackendUnavailable,
    InvalidPlan,
    LLMError,
    NotFound,
    SchemaOutdated,
    SwarmError,
    WaitTimeout,
)
from tests.unit.cli.fakes import PASSWORD, FakeBackend, python, run

ERRORS = [
    (SwarmError("it failed"), 1),
    (InvalidPlan(["task 'a': bad"]), 1),
    (LLMError("nonsense"), 1),
    (NotFound("goal", "abcd"), 3),
    (AlreadyDecided("c1", "APPROVED", "ada", datetime(2030, 1, 1, tzinfo=UTC)), 4),
    (BackendUnavailable("Redis", "connection refused"), 5),
    (SchemaOutdated("0001", "0002"), 6),
    (WaitTimeout("too slow"), 7),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_error_has_its_exit_code_one_line_and_its_hint(error: SwarmError, code: int) -> None:
    result = run("goals", "list", backend=FakeBackend(error=error))
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: {error.message}\n" + (f"\nhint: {error.hint}\n" if error.hint else "")


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_with_json_a_failure_is_one_object_on_stderr(error: SwarmError, code: int) -> None:
    result = run("goals", "list", "--json", backend=FakeBackend(error=error))
    assert result.stdout == ""
    assert json.loads(result.stderr) == {
        "error": {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "exit_code": code,
            "retryable": error.retryable,
        }
    }


def test_a_usage_error_is_an_object_too_when_json_was_asked_for() -> None:
    result = run("goals", "list", "--nonsense", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"]["code"] == "usage"


def test_an_error_nobody_foresaw_is_one_line_and_never_a_traceback() -> None:
    result = run("goals", "list", backend=FakeBackend(error=RuntimeError("odd\nthing")))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: RuntimeError: odd\\nthing\n\nhint: ")
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback_and_no_secret() -> None:
    error = RuntimeError(f"cannot reach redis://:{PASSWORD}@h and {PASSWORD}")
    result = run("--debug", "goals", "list", backend=FakeBackend(error=error))
    assert "Traceback" in result.stderr
    assert PASSWORD not in result.stderr


def test_an_error_message_cannot_drive_the_terminal() -> None:
    result = run("goals", "list", backend=FakeBackend(error=SwarmError("x\x1b[2J\ny", hint="a\nb")))
    assert result.stderr == "error: x\\x1b[2J\\ny\n\nhint: a\\nb\n"


def test_ctrl_c_exits_130_without_a_word() -> None:
    result = run("goals", "list", backend=FakeBackend(error=KeyboardInterrupt()))  # type: ignore[arg-type]
    assert (result.exit_code, result.stderr) == (130, "")


def test_missing_settings_name_themselves_and_the_cure(folder: Path) -> None:
    (folder / ".env").unlink()
    result = run("status")
    assert result.exit_code == 6
    assert result.stderr.startswith("error: DATABASE_URL is not set; REDIS_URL is not set\n\nhint: chimera up")


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    read, write = os.pipe()
    os.close(read)
    told = python("-m", "chimera_cli", "--help", stdout=write)
    os.close(write)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_exit_codes_are_those_of_the_table_in_exceptions() -> None:
    table = (module.__doc__ or "").splitlines()
    for error in vars(module).values():
        if isinstance(error, type) and issubclass(error, SwarmError) and error is not SwarmError:
            rows = [line for line in table if error.__name__ in line.split()]
            assert rows, error.__name__
            if " exit " in rows[0]:
                assert f"exit {error.exit_code} " in rows[0], error.__name__


@pytest.mark.parametrize(
    ("command", "code"), [(["--version"], 1), (["--help"], 1), (["doctor", "--json"], 1)], ids=lambda words: str(words)
)
def test_an_output_that_takes_no_more_is_told_in_a_line(command: list[str], code: int) -> None:
    with Path("/dev/full").open("w") as full:
        ended = python("-m", "chimera_cli", *command, stdout=full)
    assert ended.returncode == code
    assert "the output cannot be written: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "internal" not in ended.stderr


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        ("doctor >&-", 1),
        ("doctor 2>&-", 1),
        ("doctor <&- 2>&-", 1),
        ("doctor <&- >&- 2>&-", 1),
        ("--version <&- >&- 2>&-", 0),
        ("goals list --json <&- 2>&-", 5),
        ("plan - <&-", 2),
    ],
)
def test_streams_that_are_closed_change_no_exit_code(redirected: str, code: int) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'"$0" -m chimera_cli {redirected}', sys.executable],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert "NoneType" not in ended.stderr


def test_a_stream_that_knows_few_characters_gets_the_others_as_escapes(folder: Path) -> None:
    (folder / "plan.json").write_text(
        '{"goal": "\\ud83d\\ude42", "tasks": [{"key": "a", "kind": "content.draft",'
        ' "payload": {"topic": "t", "platform": "twitter"}, "title": "\\ud83d\\ude42"}]}'
    )
    for form in ([], ["--color", "always"]):
        ended = python(
            "-X",
            "utf8=0",
            "-m",
            "chimera_cli",
            "plan",
            "--file",
            "plan.json",
            "--dry-run",
            *form,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONIOENCODING": "latin-1"},
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "\\U0001f642" in ended.stdout
