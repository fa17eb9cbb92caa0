"""The same two faults on other task queues, each with its defaults and in a virtual environment of its own:

- `killed`: all of a worker's processes die by SIGKILL in the middle of eight jobs, another worker starts at once. How many
  of the eight had ended after the given time?
- `poison`: one job ends its process whenever it runs, five others do not; a worker that ends is started again at once. How
  often did it run in the given time, and how many of the others had ended?

    python -m venv VENVS/rq && VENVS/rq/bin/pip install rq     # and so on
    python -m benchmarks.peer_faults --venvs VENVS --seconds 90
"""

import argparse
import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.server import LocalServer

JOBS = Path(__file__).parent / "peers"
PEERS = ("chimera", "rq", "arq", "celery", "celery+acks_late", "dramatiq", "saq", "taskiq")
"""Names of folders below VENVS, with what else is in the environment after the plus sign; chimera is this checkout."""


class Peer:
    """One queue, on one Redis, with one file of effects."""

    def __init__(self, name: str, venvs: Path, folder: Path, urls: Mapping[str, str]) -> None:
        self.name, _, extra = name.partition("+")
        self.bin = Path(sys.executable).parent if self.name == "chimera" else venvs.resolve() / self.name / "bin"
        self.effects = folder / "effects"
        self.folder = folder
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            **urls,
            "EFFECTS": str(self.effects),
            "OPENAI_API_KEY": "unused",
            "PYTHONPATH": f"{JOBS}:{JOBS.parent.parent}",
            **({extra.upper(): "1"} if extra else {}),
        }

    def enqueue(self, kind: str, jobs: Sequence[str]) -> None:
        """Enqueue jobs."""
        command = [self.bin / "python", JOBS / f"{self.name}_jobs.py", kind, *jobs]
        subprocess.run(command, env=self.environment, cwd=self.folder, check=True, capture_output=True)

    def worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker in a process group of its own."""
        words = _constant(JOBS / f"{self.name}_jobs.py", "WORKER")
        words = [self.environment["REDIS_URL"] if word is None else word for word in words]
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [self.bin / words[0], *words[1:]],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def count(self, word: str, *jobs: str) -> int:
        """Count lines of the file of effects."""
        lines = [line.split() for line in self.effects.read_text().splitlines()] if self.effects.exists() else []
        return sum(line[0] == word and line[1] in jobs for line in lines)

    def ended(self, jobs: Sequence[str]) -> int:
        """Count the jobs that came to their end at least once."""
        return sum(self.count("end", job) > 0 for job in jobs)


def _constant(file: Path, name: str) -> list[str | None]:
    """Read a list from a module that only its own environment can import; what is no constant becomes None."""
    tree = ast.parse(file.read_text())
    value = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name)  # type: ignore[attr-defined]
    return [item.value if isinstance(item, ast.Constant) else None for item in value.elts]  # type: ignore[attr-defined]


def _kill(worker: "subprocess.Popen[bytes]") -> None:
    """End all processes of a worker, as the loss of its machine would."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    worker.wait()


def killed(peer: Peer, seconds: float) -> Mapping[str, object]:
    """Kill a worker in the middle of eight jobs."""
    jobs = [f"job-{n}" for n in range(8)]
    peer.enqueue("slow", jobs)
    victim = peer.worker()
    _until(lambda: peer.count("start", *jobs) > 0, 30)
    time.sleep(1)
    _kill(victim)
    begun, ended = sum(peer.count("start", job) > 0 for job in jobs), peer.ended(jobs)
    since, other = time.monotonic(), peer.worker()
    _until(lambda: peer.ended(jobs) == len(jobs), seconds)
    took = time.monotonic() - since
    _kill(other)
    finished = peer.ended(jobs)
    return {
        "jobs": len(jobs),
        "in_hand_at_the_kill": begun - ended,
        "ended": finished,
        "all_within_s": round(took, 1) if finished == len(jobs) else None,
    }


def poison(peer: Peer, seconds: float) -> Mapping[str, object]:
    """Run a job that ends its process among five that do not."""
    jobs = [f"good-{n}" for n in range(5)]
    peer.enqueue("poison", ["bad"])
    peer.enqueue("slow", jobs)
    until, starts, worker = time.monotonic() + seconds, 1, peer.worker()
    while time.monotonic() < until:
        if worker.poll() is not None:
            _kill(worker)
            worker, starts = peer.worker(), starts + 1
        time.sleep(0.2)
    _kill(worker)
    return {
        "runs_of_the_poison": peer.count("start", "bad"),
        "starts_of_the_worker": starts,
        "others": len(jobs),
        "others_ended": peer.ended(jobs),
    }


def _until(condition: object, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not condition():  # type: ignore[operator]
        time.sleep(0.1)


def main(arguments: Sequence[str]) -> int:
    """Try every peer whose environment is there; one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=Path, required=True, help="folder with one virtual environment a peer")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long each fault is watched")
    parser.add_argument("peers", nargs="*", default=PEERS)
    chosen = parser.parse_args(arguments)
    for name in chosen.peers:
        if name != "chimera" and not (chosen.venvs / name.partition("+")[0]).is_dir():
            print(json.dumps({"peer": name, "skipped": "no virtual environment"}), flush=True)
            continue
        for fault in (killed, poison):
            with TemporaryDirectory() as folder, _servers(Path(folder), record=name == "chimera") as urls:
                found = fault(Peer(name, chosen.venvs, Path(folder), urls), chosen.seconds)
            print(json.dumps({"peer": name, "fault": fault.__name__, **found}), flush=True)
    return 0


@contextmanager
def _servers(folder: Path, *, record: bool) -> Iterator[dict[str, str]]:
    """Start a Redis and, for a queue with a record, a Postgres; yields the variables that lead there."""
    folder.chmod(0o711)
    servers: dict[str, LocalServer] = {"REDIS_URL": RedisServer(folder / "redis", free_port(), "unguarded")}
    if record:
        servers["DATABASE_URL"] = PostgresServer(folder / "postgres", free_port(), "unguarded")
    with ExitStack() as ends:
        for server in servers.values():
            ends.callback(server.stop)
            server.start()
        yield {name: server.url for name, server in servers.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
