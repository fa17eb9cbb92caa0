"""What becomes of work when Redis, Postgres or the process between them loses something: on a real pair of servers."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.goal import GoalStatus
from tests.builders import GOAL, a_goal, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database, connections=2) as opened:
        yield opened


async def test_a_first_start_needs_nobody_to_vouch_by_hand(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.queue.complete((await pair.claim()).lease, a_result())
    await pair.orchestrator.tick()
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED


async def test_work_goes_on_after_a_restart_under_the_same_leases(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    held = await pair.claim()
    await pair.restarted()
    with pytest.raises(BackendUnavailable, match="compared with the record"):
        await pair.queue.extend([held.lease])
    await pair.orchestrator.tick()
    assert await pair.queue.extend([held.lease]) == []
    await pair.queue.complete(held.lease, a_result())
    await pair.queue.complete((await pair.claim()).lease, a_result())
    await pair.orchestrator.tick()
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED


async def test_a_process_that_finds_another_one_comparing_leaves_the_record_to_it(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"))
    await pair.record.submit(a_goal("another"), [a_spec("two")])
    await pair.restarted()
    async with pair.comparing():
        with pytest.raises(BackendUnavailable, match="another process is comparing"):
            await pair.orchestrator.tick(wait=False)
    await pair.orchestrator.tick(wait=False)
    assert (await pair.queue.counts()).waiting == 2


async def test_a_shard_that_cannot_be_looked_at_keeps_no_other_one_standing_still(
    redis_url: str, fresh_database: str
) -> None:
    async with open_pair(redis_url, fresh_database, shards=2) as pair:
        await pair.orchestrator.tick()
        await pair.restarted()
        first = f"{pair.keys.shard(0)}:run"
        await pair.client.delete(first)
        await pair.client.rpush(first, "no run")
        with pytest.raises(SwarmError):
            await pair.orchestrator.tick()
        assert (await pair.recovery.survey(1)).vouched


async def test_a_dispatcher_that_slept_and_lost_its_lock_does_not_push_again_what_was_done_meanwhile(
    pair: Pair,
) -> None:
    await pair.record.submit(a_goal(GOAL), [a_spec()])
    await pair.orchestrator.reconcile()
    with pytest.raises(SwarmError):
        await dispatch_asleep(pair)
    assert (await pair.queue.counts()).waiting == 0
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED


async def dispatch_asleep(pair: Pair) -> None:
    """Read what is to be dispatched, and push it only when others have dispatched and done it."""
    async with pair.record.dispatching() as stale:
        cut_off(pair)
        await pair.orchestrator.dispatch()
        await pair.queue.complete((await pair.claim()).lease, a_result())
        await pair.orchestrator.record()
        with pytest.raises(BackendUnavailable, match="Postgres"):
            await pair.queue.push_tasks(stale)


def cut_off(pair: Pair) -> None:
    """End whoever holds the record's lock, as a cut network or a restart of Postgres would."""
    with psycopg.connect(pair.database_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
    assert ended == [(True,)]
