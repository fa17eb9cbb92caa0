import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from benchmarks.crews import Crew, Findings
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.agent import AgentStatus, ProcessBeat
from chimera_cli.models.delivery import Lease, Stage
from chimera_cli.models.result import TaskResult
from tests.builders import a_delivery


class Servers:
    """A queue of so many tasks, and a registry; both end the test when all is done."""

    def __init__(self, tasks: int) -> None:
        self.left, self.tasks = tasks, tasks
        self.completed: list[Lease] = []
        self.extended: list[Sequence[Lease]] = []
        self.beats: list[ProcessBeat] = []
        self.done = asyncio.Event()

    async def pop_tasks(self, stage: Stage, agents: Sequence[str], *, patience: timedelta) -> list[object]:
        if patience and not self.left:
            await asyncio.Event().wait()
        taken = agents[: min(self.left, 3)]
        self.left -= len(taken)
        return [a_delivery(lease=lease(agent, stage)) for agent in taken]

    async def complete(self, lease: Lease, result: TaskResult) -> None:
        self.completed.append(lease)
        if len(self.completed) == self.tasks:
            self.done.set()

    async def extend(self, leases: Sequence[Lease]) -> list[Lease]:
        self.extended.append(leases)
        return []

    async def beat(self, beat: ProcessBeat) -> None:
        self.beats.append(beat)
        if not self.tasks and len(self.beats) == 3:
            self.done.set()
            raise BackendUnavailable("Redis", "gone")


def lease(agent: str, stage: Stage) -> Lease:
    return Lease(task_id=f"task of {agent}", goal_id="goal", generation=1, agent=agent, stage=stage)


async def lived(servers: Servers, *, hold_s: float) -> Findings:
    found = Findings(counts=True)
    crew = Crew("crew", 5, servers, servers, found=found, hold_s=hold_s)  # type: ignore[arg-type]
    life = asyncio.create_task(crew.live(timedelta(seconds=0.001), 0))
    async with asyncio.timeout(5):
        await servers.done.wait()
    life.cancel()
    with suppress(asyncio.CancelledError):
        await life
    return found


async def test_a_crew_completes_what_it_claims_and_no_agent_holds_two() -> None:
    servers = Servers(20)
    found = await lived(servers, hold_s=0.002)
    assert len(servers.completed) == found.claimed == 20
    assert found.errors == []
    assert len(found.beat) == len(servers.beats)
    assert all(len({lease.agent for lease in held}) == len(held) <= 5 for held in servers.extended)
    assert all(len(beat.agents) == 5 for beat in servers.beats)
    assert any(agent.status is AgentStatus.BUSY for beat in servers.beats for agent in beat.agents)


async def test_a_crew_that_holds_nothing_only_beats_and_tells_what_failed() -> None:
    servers = Servers(0)
    found = await lived(servers, hold_s=0)
    assert [error.partition(":")[0] for error in found.errors] == ["BackendUnavailable"]
    assert found.claim == []
    assert servers.extended == []
