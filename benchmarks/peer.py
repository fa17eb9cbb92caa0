"""One queue among others: how its jobs get in, and how its workers are started, by its own module in `peers/`."""

import ast
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.installation import Installation, Place

JOBS = Path(__file__).parent / "peers"
OURS = ("chimera", "floor")
"""What needs no virtual environment of its own."""


class Peer:
    """A queue at a place of its own."""

    def __init__(self, name: str, venvs: Path | None, place: Place, *, slots: int | None = None) -> None:
        """Args:
        name: A module of `peers/` and a folder of `venvs`, with what else is in the environment after the plus sign.
        venvs: Folder with one virtual environment a queue.
        place: Its Redis, and more if it needs that.
        slots: Jobs that one worker process may have under way; None for its default.
        """
        self.name, _, extra = name.partition("+")
        self.place = place
        self.effects, self.marks, self.begun = (place.folder / name for name in ("effects", "marks", "begun"))
        self.queued = place.folder / "queued"
        self._jobs = JOBS / f"{self.name}_jobs.py"
        self._bin = interpreter(self.name, venvs).parent
        self._environment = {
            **place.environment,
            "PATH": f"{self._bin}:{place.environment['PATH']}",
            "PYTHONPATH": f"{JOBS}:{JOBS.parent.parent}",
            "EFFECTS": str(self.effects),
            "MARKS": str(self.marks),
            "BEGUN": str(self.begun),
            "QUEUED": str(self.queued),
            **({"SLOTS": str(slots)} if slots else {}),
            **({extra.upper(): "1"} if extra else {}),
        }

    def enqueue(self, kind: str, jobs: Sequence[str], pause_s: float = 0) -> float:
        """Enqueue jobs, all at once or one each pause; returns the seconds it took without the start of the process."""
        done = subprocess.run(
            [self._bin / "python", self._jobs, kind, str(pause_s)],
            env=self._environment,
            cwd=self.place.folder,
            input="\n".join(jobs),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return float(json.loads(done.stdout.splitlines()[-1])["seconds"])

    def worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker with its defaults, in a process group of its own."""
        return self._start(commands(self._jobs)["WORKER"], 0)

    def fleet(self, processes: int) -> "list[subprocess.Popen[bytes]]":
        """Start several worker processes with as many slots as were asked for."""
        known = commands(self._jobs)
        return [self._start(known.get("FLEET") or known["WORKER"], number) for number in range(processes)]

    def _start(self, command: str, number: int) -> "subprocess.Popen[bytes]":
        known = {**self._environment, "JOBS": str(self._jobs), "NUMBER": str(number)}
        first, *rest = (word.format_map(known) for word in shlex.split(command))
        return self.place.spawn([self._bin / first, *rest], self._environment)

    def count(self, word: str, *jobs: str) -> int:
        """Count notes of the file of effects."""
        lines = [line.split() for line in self.effects.read_text().splitlines()] if self.effects.exists() else []
        return sum(line[0] == word and line[1] in jobs for line in lines)

    def ended(self, jobs: Sequence[str]) -> int:
        """Count the jobs that came to their end at least once."""
        return sum(self.count("end", job) > 0 for job in jobs)


def place_for(name: str) -> Place:
    """Return new servers for a queue: a Redis, and a Postgres for the one that has a record."""
    return Installation() if name.startswith("chimera") else Place()


def interpreter(name: str, venvs: Path | None) -> Path:
    """Return the Python of a queue's environment."""
    if name in OURS:
        return Path(sys.executable)
    assert venvs is not None, "peers have environments"
    return venvs.resolve() / name / "bin" / "python"


def commands(file: Path) -> dict[str, str]:
    """Read the command lines, and other texts, of a module that only its own environment can import."""
    found = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found[ast.unparse(node.targets[0])] = node.value.value
    return found
