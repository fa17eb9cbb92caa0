"""One round of a drill: a goal is submitted, struck by faults while it is worked on, and accounted for when it is over."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from chimera_cli.config import Settings
from chimera_cli.exceptions import BackendUnavailable, NotFound, SwarmError
from chimera_cli.models.drill import Breach, FaultKind, Harm, RoundReport, Strike
from chimera_cli.models.identity import goal_id_for
from chimera_cli.services.swarm import Swarm
from chimera_cli.simulation.chaos.account import Account, breaches_of, read_runs
from chimera_cli.simulation.chaos.commands import Operator
from chimera_cli.simulation.chaos.fleet import Fleet
from chimera_cli.simulation.chaos.mischief import withdraw
from chimera_cli.simulation.chaos.strikes import Striker
from chimera_cli.simulation.chaos.verdict import Examiner
from chimera_cli.simulation.chaos.workload import workload

PATIENCE = timedelta(seconds=45)
"""How long a round's work may take, and ten leases more."""
GENTLE = {
    FaultKind.OOM,
    FaultKind.MISCONF,
    FaultKind.READONLY,
    FaultKind.STALLED_LOOP,
    FaultKind.FOREIGN_STORE,
    FaultKind.REDIS_CLOCK,
    FaultKind.POOLER,
    FaultKind.MODEL,
}
"""Kinds of fault during which every process lives and goes on to prolong its leases, or is refused that by a server."""
LOOK_AGAIN_S = 0.1
TOLD = {"epochs", "clock", "evicted"}
"""What the counts of the queues tell beside what stands in them; a clock that stepped is told for a while."""
GONE_WITHIN_S = 5.0
"""How long what has ended may still lie about."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where rounds are played."""

    swarm: Swarm
    """The drill's own look into the stores, past all wires."""
    settings: Settings
    """The settings that are tried."""
    fleet: Fleet
    """The roles."""
    striker: Striker
    """Does the faults."""
    operator: Operator
    """Does the commands."""
    examiner: Examiner
    """Checks what is left."""
    runs: Path
    """Where handlers note their runs."""


class Round:
    """One round. What is learnt on the way stands in its attributes."""

    def __init__(self, stage: Stage, *, seed: int, number: int, schedule: Sequence[Strike]) -> None:
        """Args:
        stage: Where it is played.
        seed: Seed of the drill.
        number: Its number, from 1.
        schedule: What strikes when.
        """
        self._stage, self._seed, self._number, self._schedule = stage, seed, number, tuple(schedule)
        self._goal_id = ""
        self._accepted = asyncio.Event()
        self._breaches: list[Breach] = []

    async def play(self) -> RoundReport:
        """Play it to the end.

        Raises:
            BackendUnavailable: A server could not be started again.
        """
        begun, struck = time.monotonic(), Counter(self._stage.striker.struck)
        if any(strike.fault is FaultKind.FLUSH for strike in self._schedule):
            self._stage.striker.servers.remember()
        strikes = asyncio.create_task(self._stage.striker.carry_out(self._schedule, self._accepted))
        try:
            await self._work()
            self._accepted.set()
            await strikes
        finally:
            strikes.cancel()
        await self._settle()
        withdraw(self._stage.striker.folder)
        account = await self._account()
        found = [*self._breaches, *breaches_of(account), *await self._examined(), *self._heard()]
        return RoundReport(
            round=self._number,
            seed=self._seed,
            ok=not found,
            took_s=round(time.monotonic() - begun, 2),
            schedule=self._schedule,
            goal_id=self._goal_id,
            tally=account.tally(self._stage.striker.struck - struck),
            failures=account.failures,
            breaches=tuple(found),
        )

    async def _work(self) -> None:
        """Submit, then approve whatever wants a person, until the goal is over or patience is."""
        patience = PATIENCE + 10 * self._stage.settings.lease_policy().lease
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                await self._submit()
                # Who ended by itself ends the round too: nobody takes its place.
                while not (await self._over() or self._amiss):
                    await self._approve()
                    await asyncio.sleep(LOOK_AGAIN_S)
                return
        text = f"was not over within {patience.total_seconds():g} s"
        self._stuck("nothing waits for ever", text)

    async def _submit(self) -> None:
        """Submit by the command line; the work may begin, and be struck, before the command has ended."""
        goal, key = f"Drill round {self._number}", f"drill-{self._seed}-{self._number}"
        self._goal_id = goal_id_for(key)
        watching = asyncio.create_task(self._watch_for_acceptance())
        try:
            await self._stage.operator.submit(goal, key, workload(self._seed, self._number))
        finally:
            watching.cancel()
        self._accepted.set()

    async def _watch_for_acceptance(self) -> None:
        while not self._accepted.is_set():
            with suppress(SwarmError):
                await self._stage.swarm.record.goal(self._goal_id)
                self._accepted.set()
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _over(self) -> bool:
        with suppress(BackendUnavailable, NotFound):
            return (await self._stage.swarm.record.goal(self._goal_id)).status.terminal
        return False

    async def _approve(self) -> None:
        with suppress(BackendUnavailable):
            cards = await self._stage.swarm.reviews.cards(goal_id=self._goal_id, limit=0)
            if cards:
                await self._stage.operator.approve([card.id for card in cards])

    async def _settle(self) -> None:
        """Wait until everybody is back and nothing is left in the queues."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while not (self._amiss or (self._stage.fleet.whole and await self._idle())):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_AGAIN_S)
                return
        text = "roles are missing, or queues are not empty, long after the goal was over"
        self._stuck("nothing is left", text)

    def _stuck(self, invariant: str, text: str) -> None:
        subject = f"goal {self._goal_id}"
        self._breaches.append(Breach(invariant=invariant, subject=subject, text=text, harm=Harm.STUCK))

    @property
    def _amiss(self) -> bool:
        return bool(self._stage.fleet.breaches or self._stage.operator.breaches)

    async def _idle(self) -> bool:
        with suppress(BackendUnavailable):
            counts = await self._stage.swarm.queue.counts()
            return not any(counts.model_dump(exclude_none=True, exclude=TOLD).values())
        return False

    async def _examined(self) -> list[Breach]:
        """Check the history; what is only left over gets a moment to go, for housekeeping takes turns."""
        end = time.monotonic() + GONE_WITHIN_S
        while True:
            examine = partial(
                self._stage.examiner.breaches, read_runs(self._stage.runs), timed=self._stage.striker.timed
            )
            found = await asyncio.to_thread(examine)
            if not found or time.monotonic() > end:
                return found
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _account(self) -> Account:
        swarm = self._stage.swarm
        return Account(
            tasks=await swarm.record.tasks(goal_id=self._goal_id, limit=0),
            events=await swarm.record.history(goal_id=self._goal_id),
            state=await swarm.record.state(self._goal_id),
            posts=await swarm.outbox.posts(limit=0),
            runs=read_runs(self._stage.runs),
            abandon_cap=self._stage.settings.abandon_cap,
            deadly=any(strike.fault is FaultKind.WORKER for strike in self._schedule),
            gentle=all(strike.fault in GENTLE for strike in self._schedule),
        )

    def _heard(self) -> list[Breach]:
        """Take what roles and commands did wrong in this round."""
        striker = self._stage.striker
        told = (self._stage.fleet, self._stage.operator, striker, striker.strangers)
        heard = [breach for one in told for breach in one.breaches]
        for one in told:
            one.breaches.clear()
        return heard
