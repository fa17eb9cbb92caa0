"""Files that an operator gives, full of whatever: plans, task lists, settings, personas, policies."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import Result

from tests.fuzz.profile import EXIT_CODES, ODD_TIMES, VALUES, budget
from tests.hostile import TEXTS, offending
from tests.unit.cli.fakes import FakeBackend, run, settle

FIELDS = st.sampled_from(
    ["key", "kind", "title", "payload", "depends_on", "priority", "deadline", "max_retries", "id", "status"]
)
TASKS = st.fixed_dictionaries({}, optional={"key": TEXTS | st.just("a"), "kind": st.just("noop") | TEXTS}).flatmap(
    lambda known: st.dictionaries(FIELDS, VALUES | ODD_TIMES, max_size=4).map(lambda more: {**known, **more})
)
PLANS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"tasks": st.lists(TASKS, max_size=4)}, optional={"goal": VALUES, "persona": VALUES}),
)
DEEP = "[" * 100_000
HUGE = "x" * 10_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settle(tmp_path)
    return tmp_path


def assert_clear(ended: Result) -> None:
    """A command ended with a code of the table; what it said is a line or two, and no surprise to itself."""
    assert isinstance(ended.exception, SystemExit | None), ended.exception
    assert ended.exit_code in EXIT_CODES
    assert "Traceback" not in ended.output
    assert "run the same command with --debug" not in ended.stderr, ended.stderr
    assert offending(ended.stderr.replace("\n", "")) == []
    assert len(ended.stderr) < 20_000


def write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogatepass"))


@budget(60)
@given(plan=PLANS)
@example(plan={"tasks": [{"key": "a", "kind": "noop", "deadline": "9999-12-31T23:59:59+23:59"}]})
@example(plan={"tasks": [{"key": "a", "kind": "noop", "max_retries": 10**400}]})
@example(plan={"tasks": [{"key": "a", "kind": "noop", "payload": {"n": float("nan")}}]})
def test_no_plan_surprises(plan: Any, folder: Path) -> None:
    write(folder / "plan.json", json.dumps(plan))
    assert_clear(run("plan", "--file", "plan.json", "--goal", "g", "--dry-run", "--json"))
    rows = plan.get("tasks") if isinstance(plan, dict) else [plan]
    write(folder / "tasks.jsonl", "\n".join(json.dumps(row) for row in (rows if isinstance(rows, list) else [rows])))
    assert_clear(run("plan", "--file", "tasks.jsonl", "--goal", "g", "--idempotency-key", "k"))


@budget(30)
@given(text=st.binary(max_size=200) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(text=b'{"tasks": [], "tasks": [{"key": "a", "kind": "noop"}]}')
@example(text=b'{"tasks": [{"key": "a", "key": "b", "kind": "noop"}]}')
@example(text=b"\xff\xfe{\x00}")
@example(text=b"\xef\xbb\xbf{}")
@example(text=b'{"tasks": [' + b"9" * 10_000 + b"]}")
@example(text=b'{"tasks": [{"key": "a", "kind": "noop", "payload": ' + DEEP.encode() + b"}]}")
@example(text=b'{"tasks": [{"key": "a", "kind": "noop", "payload": {"x": "' + HUGE.encode() + b'"}}]}')
@example(text=b'{"goal": "' + HUGE.encode() + b'", "tasks": []}')
@pytest.mark.parametrize("name", ["plan.json", "tasks.jsonl"])
def test_no_bytes_that_are_taken_for_a_plan_surprise(name: str, text: bytes, folder: Path) -> None:
    (folder / name).write_bytes(text)
    assert_clear(run("plan", "--file", name, "--goal", "g", "--dry-run"))


LINES = st.tuples(
    st.sampled_from(
        [
            "DATABASE_URL",
            "REDIS_URL",
            "OPENAI_BASE_URL",
            "OPENAI_API_KEY",
            "CHIMERA_LEASE_S",
            "CHIMERA_SHARDS",
            "CHIMERA_RETRY",
            "CHIMERA_GATE__APPROVE_ABOVE",
            "CHIMERA_MODEL__NAME",
            "CHIMERA_NAMESPACE",
            "CHIMERA_HANDLERS",
            "CHIMERA_NOPE",
            "export X",
        ]
    ),
    st.one_of(
        TEXTS,
        st.sampled_from(
            [
                "nan",
                "-inf",
                "1e999",
                "9" * 400,
                "${HOME}",
                "${X:-${Y}}",
                "'unclosed",
                '"',
                "postgresql://",
                "postgresql://[::1",
                "postgresql://h:99999/d",
                "postgresql://h/d?options=\x01",
                "postgresql://h/d?sslmode=nonsense",
                "redis://h:x/0",
                "redis://h/0?db=x",
                "redis://h/99999999999",
                "rediss://h/0?ssl_cert_reqs=nonsense",
                "unix://",
                "redis://:@",
                "{}",
                "[]",
                "http://[",
                "http://h:99999999/v1",
                "0",
                "-1",
                "1025",
            ]
        ),
    ),
).map(lambda pair: "=".join(pair))


@budget(60)
@given(text=st.lists(LINES, max_size=4).map("\n".join) | TEXTS)
@example(text="CHIMERA_MODEL__NAME=" + HUGE)
def test_no_settings_file_surprises(text: str, folder: Path) -> None:
    settle(folder)
    known = (folder / ".env").read_text()
    write(folder / ".env", f"{known}\n{text}\n")
    assert_clear(run("goals", "list"))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"A=1\x00B=2", b"\xed\xa0\x80=1"])
def test_a_settings_file_of_other_bytes_is_told(content: bytes, folder: Path) -> None:
    (folder / ".env").write_bytes(content)
    ended = run("goals", "list")
    assert_clear(ended)
    assert ended.exit_code == 6


@budget(20)
@given(text=TEXTS | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")), head=VALUES)
@example(text="", head={"\U000e0041": None})
def test_no_persona_surprises(text: str, head: Any, folder: Path) -> None:
    write(folder / "ana.md", f"---\n{json.dumps(head)}\n---\n{text}")
    assert_clear(run("plan", "a goal", "--persona", "ana.md", "--dry-run"))
    write(folder / "ana.md", text)
    assert_clear(run("plan", "a goal", "--persona", "ana.md", "--dry-run", backend=FakeBackend()))


@pytest.mark.parametrize(
    "front", [f"name: {DEEP}", "a: &a [*a]", "&x x: [*x, *x]", "name: " + "9" * 5000, f"name: {HUGE}", "2001-02-30: x"]
)
def test_no_yaml_of_a_persona_surprises(front: str, folder: Path) -> None:
    write(folder / "ana.md", f"---\n{front}\n---\nhello")
    ended = run("plan", "a goal", "--persona", "ana.md", "--dry-run")
    assert_clear(ended)
    assert ended.exit_code == 2
