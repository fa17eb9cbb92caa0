"""The fleet, as Redis sees it: a beat a process, however many agents it holds."""

from datetime import timedelta

from pydantic import ValidationError

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.agent import FleetMember, ProcessBeat, liveness

#: Processes dropped by one call, so that a sweep after a long silence does not hold the server up.
SWEEP_LIMIT = 1000


class RedisAgentRegistry:
    """Implements AgentRegistryPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._tag = keys.fleet

    async def beat(self, beat: ProcessBeat) -> None:
        """Replace the process's sign of life in one call."""
        with redis_errors():
            await self._scripts.call("beat", self._tag, beat.process, beat.model_dump_json())

    async def leave(self, process: str) -> None:
        """Take the process off the list."""
        with redis_errors():
            await self._client.zrem(f"{self._tag}:beats", process)
            await self._client.hdel(f"{self._tag}:fleet", process)
            await self._client.hdel(f"{self._tag}:stalled", process)

    async def fleet(self) -> list[FleetMember]:
        """List all agents, by role, process and id."""
        with redis_errors():
            rows = await self._scripts.call("fleet", self._tag)
        members = [
            member
            for _, age_ms, text, stalled_ms in rows
            if (beat := _beat(text))
            for member in _members(beat, timedelta(milliseconds=age_ms), _span(stalled_ms))
        ]
        return sorted(members, key=lambda member: (member.role, member.process, member.id))

    async def sweep(self, keep: timedelta) -> int:
        """Drop processes whose last beat is older than `keep`."""
        keep_ms = int(keep.total_seconds() * 1000)
        with redis_errors():
            return int(await self._scripts.call("sweep", self._tag, keep_ms, SWEEP_LIMIT))


def _beat(text: str) -> ProcessBeat | None:
    try:
        return ProcessBeat.model_validate_json(text)
    except ValidationError:
        # Written by hand, or by a release that says it otherwise: one such process must not hide all others.
        return None


def _span(ms: str) -> timedelta | None:
    return timedelta(milliseconds=int(ms)) if ms.isascii() and ms.isdigit() else None


def _members(beat: ProcessBeat, age: timedelta, stalled: timedelta | None) -> list[FleetMember]:
    return [
        FleetMember(
            id=agent.id,
            process=beat.process,
            role=agent.role,
            state=agent.status,
            liveness=liveness(age, beat.period, agent.stuck_for, stalled),
            task_id=agent.task_id,
            beat_age=age,
            stuck_for=agent.stuck_for,
            stalled_for=stalled,
            loop_lag=beat.loop_lag,
            kinds=beat.kinds,
            has_key=beat.has_key,
        )
        for agent in beat.agents
    ]
