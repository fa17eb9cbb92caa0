"""The runs in progress of one process: which agent holds which lease, and how each run is ended."""

import asyncio
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from chimera_cli.agents.crew import CrewAgent
from chimera_cli.handlers.threads import left_behind
from chimera_cli.models.delivery import Delivery, Lease, Malformed
from chimera_cli.models.telemetry import Level
from chimera_cli.ports.keeper import LeaseKeeperPort, NoKeeper
from chimera_cli.services.retry import describe


@dataclass(slots=True, eq=False)
class Run:
    """One delivery in one agent's hands."""

    agent: CrewAgent
    """Whose hands."""
    lease: Lease
    """The fence of its answer."""
    task: asyncio.Task[None]
    """The work."""
    lost: bool = False
    """Whether the lease is known to hold no longer."""


class Runs:
    """A crew and what each of it is at."""

    def __init__(self, agents: Sequence[CrewAgent], keeper: LeaseKeeperPort | None = None) -> None:
        self._keeper = keeper or NoKeeper()
        self._free = {agent.id: agent for agent in agents}
        self._live: dict[str, Run] = {}
        self._stuck: dict[str, CrewAgent] = {}
        self._change = asyncio.Event()

    def __len__(self) -> int:
        """Return how many are in progress."""
        return len(self._live)

    def free(self, most: int) -> list[str]:
        """Return ids of agents with free hands, `most` at most."""
        return [id for id, _ in zip(self._free, range(most), strict=False)]

    def leases(self) -> list[Lease]:
        """Return the leases of all runs."""
        return [run.lease for run in self._live.values()]

    def start(self, delivery: Delivery | Malformed) -> None:
        """Have the agent that claimed a delivery see it through."""
        lease = delivery.lease
        agent = self._free.pop(lease.agent)
        self._keeper.hold(lease)
        run = Run(agent, lease, asyncio.create_task(agent.run(delivery), name=f"task {lease.task_id}"))
        self._live[agent.id] = run
        run.task.add_done_callback(lambda _: self._ended(run))

    @property
    def exhausted(self) -> bool:
        """Whether every agent waits for a thread that was left behind."""
        return not self._free and not self._live

    async def any_free(self) -> None:
        """Wait until an agent has free hands, or no agent is left that could."""
        while not self._free and not self.exhausted:
            await self._next_change()

    async def one_done(self) -> None:
        """Wait until a run has ended."""
        if self._live:
            await self._next_change()

    async def all_done(self) -> None:
        """Wait until no run is left."""
        while self._live:
            await self._next_change()

    def lose(self, lease: Lease) -> None:
        """End the run whose lease holds no longer; one whose answer is on its way will hear it from the queue."""
        run = self._live.get(lease.agent)
        if run is None or run.lease != lease or run.agent.answering or run.lost or run.task.done():
            return
        said = "the lease was lost, so the run is ended"
        run.agent.log_event("task.stale", said, level=Level.WARN, task=lease.task_id, generation=lease.generation)
        run.lost = True
        run.task.cancel()

    def recover(self) -> None:
        """Give their free hands back to agents whose threads have ended at last."""
        for agent in [agent for agent in self._stuck.values() if not left_behind(agent.id)]:
            del self._stuck[agent.id]
            agent.release()
            self._free[agent.id] = agent
            self._change.set()

    def cancel_all(self) -> list[Run]:
        """Cancel every run and return those whose leases are still to be given back."""
        runs = list(self._live.values())
        for run in runs:
            run.task.cancel()
        return [run for run in runs if not run.lost]

    async def _next_change(self) -> None:
        self._change.clear()
        await self._change.wait()

    def _ended(self, run: Run) -> None:
        del self._live[run.agent.id]
        self._keeper.let_go(run.lease)
        if left_behind(run.agent.id):
            self._stuck[run.agent.id] = run.agent
            run.agent.stall(run.lease.task_id, run.agent.clock.now())
        else:
            self._free[run.agent.id] = run.agent
        self._change.set()
        error = None if run.task.cancelled() else run.task.exception()
        if error is not None:
            # The lease is left to lapse: whoever takes the task over is counted, and a task that kills agents is found out.
            trace = "".join(traceback.format_exception(error))
            told = {"role": run.agent.role, "task": run.lease.task_id, "error": describe(error), "trace": trace}
            run.agent.log_event("agent.failed", describe(error), level=Level.ERROR, **told)
