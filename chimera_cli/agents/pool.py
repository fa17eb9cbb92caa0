"""One process's crew: claims work for agents with free hands, keeps their leases, and ends in good order.

A process claims for all its free agents at once; when that was less than it asked for, its next claim waits for a bell. A lost
server ends nothing. The first signal drains, the second forces.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from chimera_cli.agents.claims import Claims, Wanted
from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.keeping import Keeping
from chimera_cli.agents.pulse import GRACE, Pulse, PulseTools
from chimera_cli.agents.race import first
from chimera_cli.agents.runs import Runs
from chimera_cli.agents.signals import Signals
from chimera_cli.exceptions import EXIT_FAILED, StaleLease
from chimera_cli.models.agent import AgentStatus
from chimera_cli.models.delivery import Delivery, Lease, Malformed
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.returned import Returned
from chimera_cli.models.telemetry import Level
from chimera_cli.ports.keeper import LeaseKeeperPort, NoKeeper
from chimera_cli.ports.queue import TaskQueuePort

MOST_AT_ONCE = 100
"""Deliveries in one claim, so that a crew of thousands does not hold up the queue for everybody else."""
PATIENCE = timedelta(seconds=1)
"""How long a claim waits for a bell when the one before found less than it asked for: what a missed bell costs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolTools(PulseTools):
    """What a pool works with."""

    queue: TaskQueuePort
    undispatched: Callable[[], Awaitable[int]]
    """Counts persisted tasks that are not in the queue yet."""
    may_execute: Callable[[], bool] = lambda: True
    """Whether approved effects may be claimed now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolOptions:
    """How a pool behaves."""

    process: str
    """Id of the process: host, pid and a random part."""
    lease: LeasePolicy
    """How long a lease holds, and the time between two beats."""
    drain: timedelta
    """How long running tasks may take to end after the first signal."""
    kinds: tuple[str, ...] = ()
    """Kinds to claim; empty means all."""
    max_tasks: int | None = None
    """Deliveries after which it ends; None: no end."""
    burst: bool = False
    """Whether it ends when nothing is left to do."""


class Pool:
    """Runs a crew of agents of one role until a signal, or until there is nothing more to do."""

    def __init__(
        self,
        agents: Sequence[CrewAgent],
        tools: PoolTools,
        *,
        options: PoolOptions,
        signals: Signals,
        notice: Callable[[str], None] = lambda _: None,
        keeper: LeaseKeeperPort | None = None,
    ) -> None:
        """Args:
        agents: The crew, one at least, of one class.
        tools: Ports.
        options: How it behaves.
        signals: What the outside asks for.
        notice: Hears what a person at the terminal should read at once.
        keeper: Prolongs leases from outside the event loop; None: the loop does it.
        """
        self._agents, self._tools, self._options = tuple(agents), tools, options
        self._signals, self._notice, self._stage = signals, notice, agents[0].stage
        self._keeper = keeper or NoKeeper()
        self._runs = Runs(agents, self._keeper)
        wanted = Wanted(self._stage, options.kinds, options.process, tools.may_execute)
        self._claims = Claims(tools.queue, self._runs, wanted)
        self._pulse = Pulse(
            agents,
            tools,
            process=options.process,
            period=options.lease.beat,
            each_beat=self._each_beat,
            each_step=self._keeper.step,
            kinds=options.kinds,
        )
        self._attempt = self._pulse.outages.attempt
        self._keeping = Keeping(self._runs, self._keeper, tools.queue, self._attempt)
        self._claimed = 0
        self._given_back = 0

    async def run(self) -> int:
        """Work until the end and return the exit code: 0, or 130 or 143 when it was forced."""
        async with self._pulse:
            rousing = asyncio.create_task(self._rouse_at_the_end(), name="rouse")
            try:
                await self._claim_to_the_end()
                await self._or_stop(self._runs.all_done())
                if self._signals.stop.is_set():
                    await self._drain()
            finally:
                rousing.cancel()
                await self._let_go()
            if not self._signals.force.is_set():
                # What was done last should be on record when the process is gone.
                await self._pulse.tick()
        return self._exit_code()

    def _exit_code(self) -> int:
        if self._signals.stop.is_set() or not self._runs.exhausted:
            return self._signals.exit_code
        said = "every agent waits for a thread that was left behind beyond its timeout; this process ends"
        self._pulse.say("agent.failed", said, level=Level.ERROR, error=said)
        self._notice(said)
        return EXIT_FAILED

    async def _claim_to_the_end(self) -> None:
        self._expect_claim()
        patience = timedelta(0)
        while not self._signals.stop.is_set() and not self._runs.exhausted:
            free = self._runs.free(self._allowed())
            if self._claims.closed:
                self._pulse.claim_due = None
                await self._or_stop(self._runs.one_done())
                self._expect_claim()
            elif free:
                claimed = await self._claim(free, patience)
                patience = timedelta(0)
                if len(claimed) == len(free) or self._claims.closed:
                    continue
                if self._options.burst and await self._nothing_left():
                    return
                patience = await self._rest()
            elif self._claimed == self._options.max_tasks:
                return
            else:
                await self._or_stop(self._runs.any_free())
                self._expect_claim()
        self._pulse.claim_due = None

    def _expect_claim(self) -> None:
        self._pulse.claim_due = self._tools.clock.now() + self._options.lease.lease + PATIENCE

    def _allowed(self) -> int:
        if self._options.max_tasks is None:
            return MOST_AT_ONCE
        return min(MOST_AT_ONCE, self._options.max_tasks - self._claimed)

    async def _claim(self, free: list[str], patience: timedelta) -> list[Delivery | Malformed]:
        nothing: list[Delivery | Malformed] = []
        # Never cancelled: a claim whose reply nobody reads would be held by nobody until its lease ends.
        claimed = await self._attempt("claims", partial(self._claims.take, free, patience=patience), nothing)
        if not self._pulse.outages.pause("claims"):
            self._expect_claim()
        if self._signals.stop.is_set():
            await self._give_back([delivery.lease for delivery in claimed])
            return []
        self._claimed += len(claimed)
        for delivery in claimed:
            self._runs.start(delivery)
        return claimed

    async def _rest(self) -> timedelta:
        """Leave a lost server alone for a while; return how patient the next claim may be."""
        pause = self._pulse.outages.pause("claims")
        if not pause:
            return PATIENCE
        await self._or_stop(self._tools.clock.sleep(pause))
        return timedelta(0)

    async def _rouse_at_the_end(self) -> None:
        await self._signals.stop.wait()
        await self._attempt("claims", self._tools.queue.rouse, None)

    async def _nothing_left(self) -> bool:
        if len(self._runs) or self._pulse.outages.pause("claims"):
            return False  # A queue that lost its data looks empty, but lets nobody claim until it is compared with the record.
        return await self._attempt("burst", self._all_idle, False)

    async def _all_idle(self) -> bool:
        while True:
            more = await self._pulse.tick()
            if not self._idle(await self._tools.queue.counts()) or await self._tools.undispatched():
                return False
            if not more or self._signals.stop.is_set():
                return True

    def _idle(self, counts: QueueCounts) -> bool:
        if self._options.kinds:
            # What waits of other kinds is for others; what runs or is delayed may be ours.
            waiting = sum(counts.kinds.get(kind, 0) for kind in self._options.kinds)
            counts = counts.model_copy(update={"waiting": waiting})
        return counts.idle(self._stage)

    async def _each_beat(self) -> None:
        await self._keeping.round()
        if len(self._runs):
            await self._attempt("beats", self._claims.look, None)

    async def _drain(self) -> None:
        """Let what runs come to its end, then let go of the rest."""
        running, longest = len(self._runs), self._options.drain
        said = f"draining: {running} running, up to {longest.total_seconds():g} s, again to force"
        self._pulse.say("drain.started", said, running=running, given_back=0)
        self._notice(said)
        for agent in self._agents:
            if agent.status is AgentStatus.IDLE:
                agent.status = AgentStatus.DRAINING
        if running:
            await first(self._runs.all_done(), self._tools.clock.sleep(longest), self._signals.force.wait())
        await self._let_go()
        self._pulse.say("drain.ended", running=running, given_back=self._given_back)

    async def _let_go(self) -> None:
        """Cancel what still runs and give its leases back, as far as that is possible now; what is not lapses."""
        task, runs = asyncio.current_task(), self._runs.cancel_all()
        # Only code of this process cancels this task: what asks from outside comes as a signal.
        why = Returned.BROKEN if task is not None and task.cancelling() else Returned.DRAINED
        if runs:
            await first(self._runs.all_done(), self._tools.clock.sleep(GRACE))
            await first(self._give_back([run.lease for run in runs], why), self._tools.clock.sleep(GRACE))

    async def _give_back(self, leases: Sequence[Lease], why: Returned = Returned.UNBEGUN) -> None:
        for lease in leases:
            await self._attempt("give back", partial(self._give_one_back, lease, why), None)

    async def _give_one_back(self, lease: Lease, why: Returned) -> None:
        try:
            await self._tools.queue.give_back(lease, why)
        except StaleLease:
            return
        self._given_back += 1

    async def _or_stop(self, wait: Coroutine[Any, Any, object]) -> None:
        await first(wait, self._signals.stop.wait())
