"""Answers that are given at the same moment go to the server together; each of them counts for itself."""

import asyncio

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.exceptions import OCCConflict, StaleLease, SwarmError
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.queue_counts import QueueCounts
from tests.builders import GOAL, a_dispatch, a_result

MANY = 120
"""More than go as one."""


async def claimed(queue: RedisTaskQueue, stage: Stage, count: int) -> list[Delivery]:
    found = await queue.pop_tasks(stage, [f"agent-{n}" for n in range(count)])
    return [one for one in found if isinstance(one, Delivery)]


async def test_each_of_many_answers_at_once_is_carried_out_once(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch(f"n-{n}") for n in range(MANY)])
    deliveries = [one for _ in range(2) for one in await claimed(queue, Stage.WORK, MANY // 2)]
    await asyncio.gather(*(queue.complete(one.lease, a_result(one.key)) for one in deliveries))
    counts = await queue.counts()
    assert (len(deliveries), counts.running, counts.waiting) == (MANY, 0, 0)
    again = await asyncio.gather(
        *(queue.complete(one.lease, a_result("again")) for one in deliveries), return_exceptions=True
    )
    assert [type(one) for one in again] == [StaleLease] * MANY


async def test_of_many_answers_at_once_each_hears_its_own_reply(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch(f"n-{n}") for n in range(4)])
    first, second, third, fourth = await claimed(queue, Stage.WORK, 4)
    stale = first.lease.model_copy(update={"generation": 99})
    replies = await asyncio.gather(
        queue.complete(stale, a_result()),
        queue.complete(first.lease, a_result(tally=(0, 1))),
        queue.complete(second.lease, a_result(tally=(0, 1))),
        queue.complete(third.lease, a_result(tally=(1, 2))),
        queue.hand_over(fourth.lease, a_result("a draft")),
        return_exceptions=True,
    )
    kinds = [type(reply) for reply in replies]
    assert kinds == [StaleLease, type(None), OCCConflict, type(None), type(None)], replies


async def test_an_answer_about_what_somebody_spoilt_by_hand_spoils_no_other(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch(f"n-{n}") for n in range(3)])
    deliveries = await claimed(queue, Stage.WORK, 3)
    await client.set(f"{keys.shard(0)}:s:{GOAL}", "no hash")
    results = a_result(), a_result(calendar=(0, "full")), a_result()
    replies = await asyncio.gather(
        *(queue.complete(one.lease, result) for one, result in zip(deliveries, results, strict=True)),
        return_exceptions=True,
    )
    assert [reply is None for reply in replies] == [True, False, True], replies


async def test_an_answer_that_fails_spoils_no_other_while_the_server_does_not_know_the_scripts(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch(f"n-{n}") for n in range(2)])
    spoilt, sound = await claimed(queue, Stage.WORK, 2)
    await queue.counts()
    await client.set(f"{keys.shard(0)}:s:{GOAL}", "no hash")
    await client.script_flush()
    failed, handed_over, counts = await asyncio.gather(
        queue.complete(spoilt.lease, a_result(calendar=(0, "full"))),
        queue.hand_over(sound.lease, a_result("a draft")),
        queue.counts(),
        return_exceptions=True,
    )
    assert isinstance(failed, SwarmError)
    assert handed_over is None
    assert isinstance(counts, QueueCounts)
    assert counts.to_judge == 1
