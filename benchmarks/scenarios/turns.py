"""Whose turn it is: a goal of three tasks behind a giant one, or behind very many small ones. The queue alone."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from benchmarks.installation import Place
from benchmarks.scenario import Bench, Figures, Scenario
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Delivery, Dispatch, Stage
from chimera_cli.models.identity import task_id
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.result import TaskResult
from chimera_cli.models.task import Task, TaskSpec

AT_ONCE = 10
"""Deliveries that one claim asks for."""
CLAIMS = 500
"""Claims whose cost is measured."""
PARCEL = 5_000
"""Tasks that are made before they are put in."""
SMALL = "5" * 20
"""The goal that comes last."""
EMPTY, GIANT, MANY = "1,000 of one goal", "a giant goal", "10,000 goals of one task"


def turns(bench: Bench, subject: str) -> Figures:
    """Fill a queue, put a small goal behind, and claim."""
    count = {EMPTY: 1_000, GIANT: bench.size(1_000_000, 20_000), MANY: 10_000}[subject]
    with Place() as place:
        return asyncio.run(_measure(place.redis.url, count, one_each=subject == MANY))


async def _measure(url: str, count: int, *, one_each: bool) -> Figures:
    async with open_redis(url) as client, Redis.from_url(url, decode_responses=True) as looker:
        keys = Keys(uuid4().hex)
        # As the reconciler does once it has compared a shard with the record; there is none here.
        await looker.set(f"{keys.shard(0)}:run", str((await looker.info("server"))["run_id"]))
        queue = RedisTaskQueue(client, keys, LeasePolicy())
        before, put = await _look(looker), perf_counter()
        await _fill(queue, count, one_each)
        filled, took = await _look(looker), perf_counter() - put
        await queue.push_tasks([_task(SMALL, n) for n in range(3)])
        started = await _claims_until_small(queue)
        await _fill(queue, CLAIMS * AT_ONCE, one_each, first=count)
        ready, begun = await _look(looker), perf_counter()
        claimed = await _claim(queue, CLAIMS)
        done, spent = await _look(looker), perf_counter() - begun
    return {
        "claims": started,
        "push_us": (filled["cpu"] - before["cpu"]) * 1e6 / count,
        "push_commands": (filled["commands"] - before["commands"]) / count,
        "tasks_per_s": count / took,
        "claim_us": (done["cpu"] - ready["cpu"]) * 1e6 / claimed,
        "claim_commands": (done["commands"] - ready["commands"]) / claimed,
        "claimed_per_s": claimed / spent,
        "bytes": (filled["memory"] - before["memory"]) / count,
    }


async def _look(client: Redis) -> dict[str, float]:
    stats = await client.info("everything")
    calls = sum(value["calls"] for name, value in stats.items() if name.startswith("cmdstat_"))
    return {"cpu": stats["used_cpu_user"] + stats["used_cpu_sys"], "commands": calls, "memory": stats["used_memory"]}


async def _fill(queue: RedisTaskQueue, count: int, one_each: bool, *, first: int = 0) -> None:
    giant = "a" * 20
    tasks = (_task(f"{n:020d}" if one_each else giant, n) for n in range(first, first + count))
    while some := list(islice(tasks, PARCEL)):
        await queue.push_tasks(some)
        # The record takes events and drops them, which is not what is measured; neither is the memory that they take.
        await _forget_events(queue)


async def _forget_events(queue: Any) -> None:
    await queue._client.xtrim(f"{queue._keys.shard(0)}:out", maxlen=0)


def _task(goal: str, number: int) -> Dispatch:
    now = datetime.now(UTC)
    spec = TaskSpec(key=f"t{number}", kind="noop", title=f"task {number}")
    task = Task(**spec.model_dump(), id=task_id(goal, spec.key), goal_id=goal, created_at=now, updated_at=now)
    return Dispatch(task=task, goal="Grow on Twitter")


async def _claims_until_small(queue: RedisTaskQueue) -> int:
    """Count claims until one brings a task of the small goal; what was claimed is done."""
    number = 0
    while True:
        number += 1
        deliveries = await _claimed(queue)
        for delivery in deliveries:
            await queue.complete(delivery.lease, TaskResult(output=None))
        if not deliveries or any(delivery.lease.goal_id == SMALL for delivery in deliveries):
            return number


async def _claim(queue: RedisTaskQueue, claims: int) -> int:
    return sum([len(await _claimed(queue)) for _ in range(claims)])


async def _claimed(queue: RedisTaskQueue) -> list[Delivery]:
    popped = await queue.pop_tasks(Stage.WORK, [f"agent-{n}" for n in range(AT_ONCE)])
    return [delivery for delivery in popped if isinstance(delivery, Delivery)]


def _subjects(_: Bench) -> Iterator[str]:
    yield from (EMPTY, GIANT, MANY)


SCENARIO = Scenario(
    about=f"""No-ops of the goals that are named wait, a million of them for the giant one; then a goal of three comes. Counted:
    claims of {AT_ONCE} until the first of the three starts; then, over {CLAIMS} claims of {AT_ONCE}, what one task of a claim costs
    Redis. No worker, no Postgres: the queue alone, called from one process.""",
    headings={
        "claims": "claims until the small goal starts",
        "push_us": "us of Redis' CPU a task put in",
        "push_commands": "commands a task put in",
        "tasks_per_s": "tasks put in a second",
        "claim_us": "us of Redis' CPU a task claimed",
        "claim_commands": "commands a task claimed",
        "claimed_per_s": "tasks claimed a second",
        "bytes": "bytes of Redis a waiting task",
    },
    subjects=lambda bench: tuple(_subjects(bench)),
    measure=turns,
)
