"""What `chimera doctor` asks about the fleet: work that waits for a worker that is not there, processes that
stand still, and the clock that all of it goes by."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.agent import FleetMember, stalled
from chimera_cli.models.check import Check
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.unserved import CURE, Unserved, unserved


class Look(NamedTuple):
    """What Redis tells of the fleet and of the queues."""

    fleet: list[FleetMember]
    """All agents."""
    queues: QueueCounts
    """What stands in the queues."""


async def look_at_fleet(redis_url: str, keys: Keys) -> Look | None:
    """Read the fleet and the queues once for all checks that compare them; None when Redis is away."""
    try:
        async with open_redis(redis_url, looks=True) as client:
            fleet = await RedisAgentRegistry(client, keys).fleet()
            return Look(fleet, await RedisTaskQueue(client, keys, LeasePolicy()).counts())
    except SwarmError:
        return None  # The check of the server tells why.


def unserved_checks(seen: Look | None) -> Iterator[Check]:
    """Say which kinds wait without a worker that claims them, which processes stand still, and whether the clock stepped; nothing
    when Redis is away."""
    if seen is None:
        return
    yield unserved_check(unserved(seen.queues.kinds, seen.fleet))
    yield stalled_check(stalled(seen.fleet))
    yield steps_check(seen.queues.clock)


def unserved_check(waiting: Sequence[Unserved]) -> Check:
    """Tell of tasks that wait for a worker that is not there."""
    if not waiting:
        return Check(name="unserved", ok=True, detail="no task waits for a worker that is not there")
    return Check(name="unserved", ok=True, warn=True, detail="; ".join(one.sentence for one in waiting), mend=CURE)


def stalled_check(processes: Sequence[str]) -> Check:
    """Tell of processes whose event loop stands still."""
    if not processes:
        return Check(name="stalled", ok=True, detail="no process stands still")
    detail = f"the event loop of {', '.join(processes)} stands still, the tasks are kept"
    return Check(name="stalled", ok=True, warn=True, detail=detail, mend="agent.stalled in the log says where")


def steps_check(sentence: str) -> Check:
    """Tell of a step of Redis' clock, from when it is doubted until an hour after."""
    name = "redis.clock"
    if not sentence:
        return Check(name=name, ok=True, detail="it did not step within the hour")
    return Check(
        name=name, ok=True, warn=True, detail=sentence, mend="have its machine keep time by NTP, in small steps"
    )
