"""Ten thousand tasks that come due in the same millisecond."""

import asyncio
from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Stage
from chimera_cli.models.policy import LeasePolicy
from tests.builders import a_dispatch
from tests.vouching import vouch

HERD = 10_000
AT_ONCE = 500
LIMIT = 100


@pytest.mark.integration
async def test_ten_thousand_tasks_due_at_once_are_queued_in_bounded_steps_and_claimed_once_each(
    redis_url: str,
) -> None:
    async with open_redis(redis_url) as client:
        keys = Keys("herd")
        await vouch(client, keys)
        queue = RedisTaskQueue(client, keys, LeasePolicy(lease=timedelta(minutes=5)))
        agents = [f"a{number}" for number in range(AT_ONCE)]
        await queue.push_tasks([a_dispatch(f"t{number}") for number in range(HERD)])
        for _ in range(HERD // AT_ONCE):
            held = [delivery.lease for delivery in await queue.pop_tasks(Stage.WORK, agents)]
            await asyncio.gather(*(queue.retry(lease, timedelta(hours=1), "a provider is away") for lease in held))
        delay = f"{keys.shard(0)}:work:delay"
        due = dict.fromkeys([task for task, _ in await client.zrange(delay, 0, -1, withscores=True)], 1.0)
        assert len(due) == HERD
        await client.zadd(delay, due)
        steps = []
        while step := await queue.promote(LIMIT):
            steps.append(step)
        assert steps == [LIMIT] * (HERD // LIMIT)
        claimed = [d for _ in range(HERD // AT_ONCE) for d in await queue.pop_tasks(Stage.WORK, agents)]
        assert len({delivery.lease.task_id for delivery in claimed}) == len(claimed) == HERD
        await client.unlink(*[name async for name in client.scan_iter(f"{keys.shard(0)}*", count=HERD)])
