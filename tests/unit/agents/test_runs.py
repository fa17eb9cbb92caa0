import asyncio
from typing import Any

from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.runs import Runs
from chimera_cli.models.agent import Role
from chimera_cli.models.delivery import Delivery, Lease, Stage
from tests.unit.agents.crew_fakes import Ears, HastyClock, delivery


class Sleeper(CrewAgent):
    """Sees a delivery through when its event is set."""

    role = Role.WORKER
    stage = Stage.WORK

    def __init__(self, ears: Ears) -> None:
        queue: Any = None
        super().__init__(queue, ears, clock=HastyClock(), chance=lambda: 0.0, id="agent-1")
        self.wake = asyncio.Event()

    async def see_through(self, delivery: Delivery) -> None:
        await self.wake.wait()


async def started(agent: Sleeper) -> tuple[Runs, Lease]:
    runs, work = Runs([agent]), delivery()
    lease = work.lease.model_copy(update={"agent": agent.id})
    runs.start(work.model_copy(update={"lease": lease}))
    await asyncio.sleep(0)
    return runs, lease


async def test_a_run_that_has_just_ended_is_not_said_to_be_lost() -> None:
    ears = Ears()
    agent = Sleeper(ears)
    runs, lease = await started(agent)
    agent.wake.set()
    # One step ends the run; that its hands are free is noted in the next.
    await asyncio.sleep(0)
    runs.lose(lease)
    assert ears == []


async def test_a_run_whose_lease_is_lost_is_ended_and_said_once() -> None:
    ears = Ears()
    runs, lease = await started(Sleeper(ears))
    runs.lose(lease)
    runs.lose(lease)
    await asyncio.wait_for(runs.all_done(), 5)
    assert ears.names() == ["task.stale"]
