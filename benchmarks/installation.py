"""Private places for a benchmark: real servers in a temporary folder, and the processes that were started beside them."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString, Self

import psycopg
from redis import Redis

from chimera_cli.adapters.schema import upgrade
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer

ROOT = Path(__file__).parent.parent
KINDS = Path(__file__).with_name("recovery_kinds.py")
PATIENCE_S = 240.0
GRACE_S = 15.0
"""How long a process may take to end after a signal."""


class Place:
    """A Redis with the durability of real life, and the processes that were started beside it."""

    def __init__(self) -> None:
        self.ends = ExitStack()
        self.folder = Path(self.ends.enter_context(TemporaryDirectory(prefix="chimera-benchmark-")))
        # PostgreSQL runs as a plain user when root starts it.
        self.folder.chmod(0o711)
        self.redis = RedisServer(self.folder / "redis", free_port(), "unguarded")
        self.ends.callback(self.redis.stop)
        self.redis.start()
        self._log = self.folder / "roles.log"
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self.redis.url,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.close()

    @property
    def servers(self) -> Mapping[str, int | None]:
        """The servers' processes, by name."""
        return {"redis": self.redis.pid()}

    def spawn(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a process in a group of its own, ended with the place if not before."""
        with self._log.open("ab") as log:
            role = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.ends.callback(end, role)
        return role

    def last_words(self) -> str:
        """Return the last line that a process wrote."""
        lines = self._log.read_text(errors="replace").split("\n") if self._log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "nothing")

    def client(self) -> Redis:
        """Return a client of the Redis."""
        return Redis.from_url(self.redis.url, decode_responses=True)

    def kill(self, server: RedisServer | PostgresServer) -> None:
        """End a server without warning."""
        pid = server.pid()
        assert pid is not None, "the server runs"
        os.kill(pid, signal.SIGKILL)
        until(lambda: server.pid() is None, "the server is dead")


class Installation(Place):
    """The same with a Postgres and chimera's schema: the real command, default settings."""

    def __init__(self) -> None:
        super().__init__()
        self.postgres = PostgresServer(self.folder / "postgres", free_port(), "unguarded")
        self._goals = 0
        self.ends.callback(self.postgres.stop)
        self.postgres.start()
        upgrade(self.postgres.url)
        self.environment |= {"DATABASE_URL": self.postgres.url, "OPENAI_API_KEY": "unused"}
        self.environment["CHIMERA_APPROVAL_KEY"] = secrets.token_hex(32)

    @property
    def servers(self) -> Mapping[str, int | None]:
        """The servers' processes, by name."""
        return {**super().servers, "postgres": self.postgres.pid()}

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a role."""
        return self.spawn([sys.executable, "-m", "chimera_cli", *words], self.environment)

    def run(self, *words: str) -> Any:
        """Run a command and return its JSON document."""
        command = [sys.executable, "-m", "chimera_cli", *words, "--json"]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def submit(self, count: int, seconds: float) -> str:
        """Submit a goal of naps and return its id."""
        self._goals += 1
        plan = self.folder / f"goal-{self._goals}.jsonl"
        task = {"kind": "nap", "title": "nap", "payload": {"s": seconds}}
        plan.write_text("".join(json.dumps({**task, "key": f"n-{n}"}) + "\n" for n in range(count)))
        goal = ("plan", f"nap {self._goals}", "--file", str(plan), "--handlers", str(KINDS))
        return str(self.run(*goal)["goal_id"])

    def homes(self) -> dict[str, str]:
        """Return the process of every agent that gives signs of life, by its id."""
        return {agent["id"]: agent["process"] for agent in self.run("status")["fleet"]}

    def database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Return a connection to Postgres."""
        return psycopg.connect(self.postgres.url, autocommit=True)

    def rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Read from Postgres."""
        with self.database() as connection:
            return connection.execute(query, values).fetchall()


def until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: It did not come true.
    """
    if not wait_until(condition, timeout_s=within_s):
        raise TimeoutError(f"not within {within_s:g} s: {what}")


def end(role: "subprocess.Popen[bytes]") -> None:
    """End a process, politely first, and at last whatever is left of its group."""
    for number in (signal.SIGTERM, signal.SIGTERM):
        if role.poll() is not None:
            break
        role.send_signal(number)
        try:
            role.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue
    cut(role)


def cut(role: "subprocess.Popen[bytes]") -> None:
    """End all processes of a group without warning, as the loss of its machine would."""
    try:
        os.killpg(role.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    role.wait()


def words(*parts: str | int) -> Sequence[str]:
    """Write a command line."""
    return [str(part) for part in parts]
