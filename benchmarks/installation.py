"""A private installation for a benchmark: real servers in a temporary folder, and the real command as processes of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from redis import Redis

from chimera_cli.adapters.schema import upgrade
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer

ROOT = Path(__file__).parent.parent
KINDS = Path(__file__).with_name("recovery_kinds.py")
PATIENCE_S = 240.0


class Installation:
    """Servers with the durability of real life, default settings, and the processes that were started here."""

    def __init__(self) -> None:
        self._ends = ExitStack()
        self.folder = Path(self._ends.enter_context(TemporaryDirectory(prefix="chimera-recovery-")))
        # PostgreSQL runs as a plain user when root starts it.
        self.folder.chmod(0o711)
        self.redis = RedisServer(self.folder / "redis", free_port(), "unguarded")
        self.postgres = PostgresServer(self.folder / "postgres", free_port(), "unguarded")
        self._goals = 0
        for server in (self.redis, self.postgres):
            self._ends.callback(server.stop)
            server.start()
        upgrade(self.postgres.url)
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "OPENAI_API_KEY": "unused",
        }

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a role, ended with the installation if not before."""
        with (self.folder / "roles.log").open("ab") as log:
            command = [sys.executable, "-m", "chimera_cli", *words]
            role = subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=log, stderr=log)
        self._ends.callback(_end, role)
        return role

    def run(self, *words: str) -> Any:
        """Run a command and return its JSON document."""
        command = [sys.executable, "-m", "chimera_cli", *words, "--json"]
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True)
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

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from Postgres."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def client(self) -> Redis:
        """Return a client of the Redis."""
        return Redis.from_url(self.redis.url, decode_responses=True)

    def kill(self, server: RedisServer | PostgresServer) -> None:
        """End a server without warning."""
        pid = server.pid()
        assert pid is not None, "the server runs"
        os.kill(pid, signal.SIGKILL)
        until(lambda: server.pid() is None, "the server is dead")


def until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: It did not come true.
    """
    if not wait_until(condition, timeout_s=within_s):
        raise TimeoutError(f"not within {within_s:g} s: {what}")


def _end(role: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if role.poll() is not None:
            return
        role.send_signal(number)
        try:
            role.wait(10)
        except subprocess.TimeoutExpired:
            continue


def words(*parts: str | int) -> Sequence[str]:
    """Write a command line."""
    return [str(part) for part in parts]
