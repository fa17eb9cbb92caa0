"""chimera itself, with its defaults; it has a Postgres beside the Redis."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import noted

from chimera_cli import TaskContext, TaskOutcome, handler

WORKER = ["python", "-m", "chimera_cli", "worker", "--count", "8", "--handlers", "chimera_jobs"]


@handler("slow", judged=False)
async def slow(ctx: TaskContext) -> TaskOutcome:
    """Take three seconds."""
    noted.note("start", ctx.task.key)
    await asyncio.sleep(3)
    noted.note("end", ctx.task.key)
    return TaskOutcome(output="slept")


@handler("poison", judged=False)
async def poison(ctx: TaskContext) -> TaskOutcome:
    """Take the process along."""
    noted.poison(ctx.task.key)
    return TaskOutcome()


def submit(kind: str, jobs: list[str]) -> None:
    """Submit a goal of these jobs."""
    plan = Path(f"{kind}.jsonl")
    plan.write_text("".join(json.dumps({"key": job, "kind": kind, "title": job, "payload": {}}) + "\n" for job in jobs))
    chimera = [sys.executable, "-m", "chimera_cli"]
    subprocess.run([*chimera, "db", "migrate"], check=True)
    subprocess.run([*chimera, "plan", kind, "--file", plan, "--handlers", "chimera_jobs"], check=True)


if __name__ == "__main__":
    submit(sys.argv[1], sys.argv[2:])
