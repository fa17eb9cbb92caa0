"""chimera itself, with its defaults; it has a Postgres beside the Redis, which records all that happens."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import noted

from chimera_cli import TaskContext, TaskOutcome, handler

WORKER = "python -m chimera_cli worker --count 8 --handlers chimera_jobs"
FLEET = "python -m chimera_cli worker --count {SLOTS} --handlers chimera_jobs"


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


@handler("noop", judged=False)
async def noop(ctx: TaskContext) -> TaskOutcome:
    """Leave a mark."""
    noted.mark(ctx.task.key)
    return TaskOutcome()


@handler("nap", judged=False)
async def nap(ctx: TaskContext) -> TaskOutcome:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(ctx.task.key)
    return TaskOutcome()


def submit(kind: str, jobs: Sequence[str]) -> None:
    """Submit a goal of these jobs with the command."""
    plan = Path(f"{kind}-{os.getpid()}.jsonl")
    plan.write_text("".join(json.dumps({"key": job, "kind": kind, "title": job, "payload": {}}) + "\n" for job in jobs))
    command = [sys.executable, "-m", "chimera_cli", "plan", kind, "--file", plan, "--handlers", "chimera_jobs"]
    subprocess.run([*command, "--quiet"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    noted.order(lambda kind, job: submit(kind, [job]), submit)
