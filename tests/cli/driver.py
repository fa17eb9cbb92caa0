"""Drives the real `chimera` command as processes of its own, and looks into the stores that they leave behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from chimera_cli.local.process import wait_until
from chimera_cli.simulation.history.checker import check_history
from chimera_cli.simulation.history.history import History, Timing
from chimera_cli.simulation.history.reading import read_history
from tests.builders import APPROVAL_KEY

ROOT = Path(__file__).parents[2]
KINDS = Path(__file__).with_name("kinds.py")
"""Task kinds for these tests."""
COMMAND_WITHIN_S = 90.0
PATIENCE_S = 60.0
LEASE_S = 15.0
HANDED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Completed:
    """What became of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def failure(self) -> Any:
        """The object that a failing command with `--json` leaves on stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


class Running:
    """A process that was started and not waited for; what it says goes to files, so that it never blocks on a full pipe."""

    def __init__(self, words: Sequence[str], folder: Path, env: Mapping[str, str], *, stdin: str = "") -> None:
        folder.mkdir(parents=True)
        (folder / "in").write_text(stdin)
        self._out, self._err = folder / "out", folder / "err"
        with (folder / "in").open() as given, self._out.open("w") as out, self._err.open("w") as err:
            command = [sys.executable, "-m", "chimera_cli", *words]
            streams: dict[str, Any] = {"stdin": given, "stdout": out, "stderr": err}
            # In a session of its own: some handlers send signals to their whole process group.
            self._process = subprocess.Popen(
                command, cwd=folder.parent, env=dict(env), start_new_session=True, **streams
            )
        self.pid = self._process.pid

    @property
    def said(self) -> str:
        """Everything on stderr so far."""
        return self._err.read_text(errors="surrogateescape")

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process and no other."""
        self._process.send_signal(number)

    def ended(self, within_s: float = COMMAND_WITHIN_S) -> Completed:
        """Wait for its end."""
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within_s:g} s; it said: {self.said[-3000:]}") from None
        return Completed(code, self._out.read_text(errors="surrogateescape"), self.said)

    def end(self) -> None:
        """End it whatever it does: twice politely, so that a parent takes its children along, then not."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            with suppress(ProcessLookupError):
                self.signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)


class Line:
    """One swarm: its folder, its environment, its processes and its database."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        handed_on = {
            name: value for name, value in os.environ.items() if name in HANDED_ON or name.startswith("COVERAGE_")
        }
        self.environment = {
            **handed_on,
            "PYTHONPATH": python_path(),
            "PYTHONWARNINGS": "error::RuntimeWarning",
            "MARKS": str(folder / "marks"),
            "CHIMERA_APPROVAL_KEY": APPROVAL_KEY,
            **environment,
        }
        self._numbers = count(1)
        self._running: list[Running] = []
        self._reader: psycopg.Connection | None = None

    def start(self, *words: str, stdin: str = "", **environment: str | None) -> Running:
        """Start a command; `None` takes a variable away."""
        env = {**self.environment, **environment}
        here = self.folder / f"run-{next(self._numbers)}-{words[0] if words else 'chimera'}"
        given = {name: value for name, value in env.items() if value is not None}
        started = Running(words, here, given, stdin=stdin)
        self._running.append(started)
        return started

    def run(self, *words: str, stdin: str = "", **environment: str | None) -> Completed:
        """Run a command to its end."""
        return self.start(*words, stdin=stdin, **environment).ended()

    def at_once(self, *commands: Sequence[str]) -> list[Completed]:
        """Run commands side by side."""
        return [started.ended() for started in [self.start(*words) for words in commands]]

    def submit(self, goal: str, tasks: Iterable[Mapping[str, Any]], *options: str) -> str:
        """Submit a ready plan and return the goal's id."""
        plan = self.write(f"plan-{next(self._numbers)}.json", json.dumps({"goal": goal, "tasks": list(tasks)}))
        return str(self.run("plan", "--file", plan, "--handlers", str(KINDS), "--json", *options).json["goal_id"])

    def write(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from Postgres, over one connection: `until` looks fifty times a second, and each new one costs both sides CPU."""
        if self._reader is not None:
            # Broken when Postgres was stopped since.
            with suppress(psycopg.OperationalError):
                return self._read(self._reader, query, values)
            self._reader.close()
        url = self.environment["DATABASE_URL"]
        self._reader = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        return self._read(self._reader, query, values)

    def _read(self, reader: psycopg.Connection, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        schema = psycopg.sql.Identifier(f"chimera_{self.environment.get('CHIMERA_NAMESPACE', 'default')}")
        # In the transaction, for a pooler; and before the schema is made: until then the tables of the namespace `default` are
        # read, which are empty.
        with reader.transaction():
            reader.execute(psycopg.sql.SQL("SET LOCAL search_path TO {}, public").format(schema))
            return reader.execute(query, values).fetchall()

    def tasks(self, goal: str) -> dict[str, str]:
        """Return the status of each task by its key."""
        return dict(self.rows("SELECT key, status FROM tasks WHERE goal_id = %s ORDER BY position", goal))

    def goal(self, goal: str) -> str:
        """Return the goal's status."""
        return str(self.rows("SELECT status FROM goals WHERE id = %s", goal)[0][0])

    def history(self, goal: str, key: str) -> list[str]:
        """Return the names of a task's events in the order in which they happened."""
        query = "SELECT e.name FROM events e JOIN tasks t ON t.id = e.task_id WHERE t.goal_id = %s AND t.key = %s ORDER BY e.seq"
        return [name for (name,) in self.rows(query, goal, key)]

    def marks(self) -> list[list[str]]:
        """Return what the handlers of these tests noted about their runs, a list of words a run."""
        try:
            return [line.split() for line in Path(self.environment["MARKS"]).read_text().splitlines()]
        except FileNotFoundError:
            return []

    def marked(self, word: str) -> list[list[str]]:
        """Return the runs noted under a word."""
        return [words for words in self.marks() if words[0] == word]

    def left(self) -> History:
        """Read what the swarm has left in both stores."""
        urls = self.environment["DATABASE_URL"], self.environment["REDIS_URL"]
        shards = int(self.environment.get("CHIMERA_SHARDS", 1))
        return read_history(*urls, namespace=self.environment["CHIMERA_NAMESPACE"], shards=shards)

    def violations(self, *, ended: bool = True) -> list[str]:
        """Check all ten invariants on what the swarm has left; returns what breaks them.

        Args:
            ended: All its goals are over.
        """
        timing = Timing(
            lease=timedelta(seconds=float(self.environment.get("CHIMERA_LEASE_S", LEASE_S))),
            retry_base=timedelta(seconds=float(self.environment["CHIMERA_RETRY__BASE_S"])),
        )
        return [str(violation) for violation in check_history(self.left(), ended=ended, timing=timing)]

    def gate(self, name: str) -> str:
        """Name a gate: a file for which a handler waits."""
        return str(self.folder / f"gate-{name}")

    def open_gate(self, name: str) -> None:
        """Let whoever waits at a gate go on."""
        Path(self.gate(name)).touch()

    def until(self, condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait for a condition; when time is up, tell what everybody said."""
        if not wait_until(condition, timeout_s=within_s):
            said = "\n".join(run.said[-1500:] for run in self._running if run.alive)
            raise AssertionError(f"not within {within_s:g} s: {what}\n{said}")

    def over(self, goal: str, status: str = "COMPLETED") -> None:
        """Wait until the goal has the status."""
        self.until(lambda: self.goal(goal) == status, f"goal {goal} is {status}: {self.tasks(goal)}")

    def said(self) -> str:
        """Everything that the processes still running said on stderr."""
        return "".join(running.said for running in self._running if running.alive)

    def close(self) -> None:
        """End whatever still runs, each by its id."""
        for running in self._running:
            running.end()
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def python_path() -> str:
    """Say where Python finds the package."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def assert_one_clear_error(ended: Completed, code: int, *words: str) -> None:
    """A failure is one line that begins with `error:` and holds the words, at most a hint, and never a traceback.

    What was said of tries on the way stands before it, a log line each.
    """
    lines = [line for line in ended.err.splitlines() if line]
    errors = [line for line in lines if line.startswith("error: ")]
    others = [line for line in lines if not line.startswith(("error: ", "hint: ", "[MCP-LOG] "))]
    assert ended.code == code, ended
    assert len(errors) == 1, ended
    assert others == [], ended
    assert "Traceback" not in ended.err, ended
    assert all(word in ended.err for word in words), ended
