"""Housekeeping: what must happen although nobody is working. Every long-running process does it on a timer of its own.

There is no master. Each step is atomic and bounded, so any number of processes may run it at any time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.ports.event_stream import EventStreamPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.record import Chores, RecordPort
from chimera_cli.ports.registry import AgentRegistryPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.control import ControlService
from chimera_cli.services.pairing import ForeignStore, Pairing
from chimera_cli.services.reconciler import Reconciler
from chimera_cli.services.review_service import ReviewService
from chimera_cli.services.server_watch import ServerWatch
from chimera_cli.services.sweep import Sweep

ROUNDS = 50
"""Batches that one step may take in one tick, so that a long backlog does not keep the other steps waiting."""
BATCH = 500
"""Tasks in one batch."""
EVENTS = 1000
"""Events in one batch: a third more a second than by 500; `python -m benchmarks --scenarios judge` tells how many they are."""
BEHIND_THE_LOCK = frozenset({"obey", "dispatch", "resume", "record", "misplaced"})
"""Steps that take turns at the record. While a shard stands still they can do nothing for it, and many processes that tried would
keep the record from the one that compares it. Besides, what is recorded then would hide that the record was put back."""
KEEP_SILENT = timedelta(minutes=5)
"""How long a silent process stays on the board, as dead, before it is swept."""
EVERYTHING = Chores(orders=True, tasks=True, overdue=True, decisions=True, sweep=True)

Step = Callable[[], Awaitable[int]]


class Orchestrator:
    """Keeps the swarm moving: retries, takeovers, deadlines, dispatch, decisions, the record."""

    def __init__(
        self,
        queue: TaskQueuePort,
        events: EventStreamPort,
        record: RecordPort,
        *,
        reconciler: Reconciler,
        sweep: Sweep,
        registry: AgentRegistryPort,
        reviews: ReviewService,
        control: ControlService,
        telemetry: TelemetryPort,
        policy: LeasePolicy,
        pairing: Pairing,
        servers: ServerWatch,
    ) -> None:
        self.pairing = pairing
        self._queue = queue
        self._events = events
        self._record = record
        self.reconciler = reconciler
        """Compares Redis with the record."""
        self._sweep = sweep
        self._registry = registry
        self._reviews = reviews
        self._control = control
        self._telemetry = telemetry
        self._policy = policy
        self._servers = servers

    async def tick(self, *, wait: bool = True) -> int:
        """Run every step once that may find something to do, and return how much was done; 0 means that there is nothing now.
        With `wait` off, events that another process is recording right now are left to it, unless there is something to dispatch.

        A step that fails does not keep the others from running: retries and takeovers go on without Postgres, and one row
        that cannot be read must not stop the record. Only while it is unknown how a shard and the record stand to each other, what
        moves something from one to the other is left out for that shard.

        Raises:
            ForeignStore: The two stores do not belong together; nothing was tried.
            SwarmError: A step failed, mostly because a server was away; the others were tried all the same.
        """
        paired = await self._attempt("pairing", self._pair)
        if isinstance(paired, ForeignStore):
            raise paired
        compared = (
            paired if isinstance(paired, SwarmError) else await self._attempt("reconcile", self.reconciler.reconcile)
        )
        still = isinstance(paired, SwarmError) or self.reconciler.away.all
        steps = {} if isinstance(paired, SwarmError) else self._in_the_queue()
        # Asked for together, these travel together.
        ends = [compared, *await asyncio.gather(*(self._attempt(*step) for step in steps.items()))]
        chores = await self._look()
        if isinstance(chores, SwarmError):
            ends.append(chores)
            chores = EVERYTHING  # Each step may fail by itself.
        for name, step in self._in_the_record(chores, wait).items():
            if not (still and name in BEHIND_THE_LOCK):
                ends.append(await self._attempt(name, step))
        for end in ends:
            if isinstance(end, SwarmError):
                raise end
        return sum(end for end in ends if isinstance(end, int))

    async def _attempt(self, name: str, step: Step) -> int | SwarmError:
        try:
            count = await step()
        except SwarmError as exc:
            return exc
        if count and name in {"reap", "expire", "reviews", "sweep"}:
            self._say("housekeeping.done", step=name, count=count)
        return count

    def _in_the_queue(self) -> dict[str, Step]:
        return {
            "servers": self._servers.step,
            "promote": self._queue.promote,
            "reap": lambda: self._queue.reap(self._policy.abandon_cap),
            "expire": self._queue.expire,
            "settle": self._queue.settle,
            "sweep": lambda: self._registry.sweep(KEEP_SILENT),
        }

    def _in_the_record(self, chores: Chores, wait: bool) -> dict[str, Step]:
        """Choose the steps that may find something to do: each is a transaction, dispatching one that keeps recorders waiting.

        While tasks are dispatched the record stands in line: two processes that hand each other the lock would leave nothing to
        one that only tries it, until the last task of a plan is queued.
        """
        steps: dict[str, tuple[bool, Step]] = {
            "obey": (chores.orders, self._carry_out),
            "dispatch": (chores.tasks, self.dispatch),
            "reviews": (chores.overdue, self._reviews.expire_overdue),
            "resume": (
                chores.decisions or chores.overdue,
                lambda: self._reviews.resume_decided(away=self.reconciler.away),
            ),
            "record": (True, lambda: self.record(wait=wait or chores.tasks)),
            "misplaced": (chores.sweep, self._sweep.step),
        }
        return {name: step for name, (wanted, step) in steps.items() if wanted}

    async def _look(self) -> Chores | SwarmError:
        try:
            chores = await self._record.chores(older_than=self._reviews.expire_after)
            self._servers.heard(chores.at)
            return chores
        except SwarmError as exc:
            return exc

    async def _pair(self) -> int:
        await self.pairing.check()
        return 0

    async def reconcile(self) -> int:
        """Make sure that the queue is the record's and moves, waiting for others who compare both; returns how many shards
        stood."""
        await self.pairing.check()
        return await self.reconciler.reconcile(wait=True)

    async def obey(self, rounds: int = ROUNDS) -> None:
        """Carry out operators' orders at once, and bring the record up to what came of them.

        Args:
            rounds: Batches of tasks that are dispatched and of events that are recorded, at most; nothing that is stopped starts
                meanwhile, however many are left.

        Raises:
            SwarmError: A store is away; what is left will be done by housekeeping.
        """
        failed = await self._reconcile_some()
        await self._carry_out()
        await self.dispatch(rounds)
        await self._carry_out()
        await self.record(rounds=rounds)
        if failed:
            raise failed

    async def hand_in(self) -> None:
        """Put what is persisted into the queue, for the shards that are there; then raise SwarmError when one is away."""
        failed = await self._reconcile_some()
        while await self.dispatch():
            pass
        if failed:
            raise failed

    async def _reconcile_some(self) -> SwarmError | None:
        """Reconcile, and return what keeps some shards from being worked with; raise it when it keeps all."""
        await self.pairing.check()
        try:
            await self.reconciler.reconcile(wait=True)
        except SwarmError as error:
            if self.reconciler.away.all:
                raise
            return error
        return None

    async def _carry_out(self) -> int:
        return await self._control.carry_out(away=self.reconciler.away)

    async def dispatch(self, rounds: int = ROUNDS) -> int:
        """Put what is persisted but not queued into the queue; returns how many tasks were new there."""
        new = 0
        for _ in range(rounds):
            async with self._record.dispatching(BATCH, away=self.reconciler.away) as waiting:
                new += await self._queue.push_tasks(waiting)
            if not waiting:
                break  # Fewer than a batch may be what fits into memory.
        return new

    async def record(self, *, wait: bool = True, rounds: int = ROUNDS) -> int:
        """Bring the record up to the queue's events, then drop those and what they ended; returns how many were new."""
        new, failed = 0, None
        for shard in range(self._events.shards):
            if shard in self.reconciler.away.numbers:
                continue
            try:
                new += await self._record_shard(shard, wait, rounds)
            except BackendUnavailable as error:
                if error.backend != "Redis":
                    raise
                failed = failed or error  # Of this shard; the others are recorded all the same.
        if failed:
            raise failed
        return new

    async def _record_shard(self, shard: int, wait: bool, rounds: int) -> int:
        new = 0
        for _ in range(rounds):
            events, last = await self._events.read(shard, EVENTS)
            if not last:
                break
            recorded = await self._record.record(events, wait=wait)
            if recorded is None:
                break  # Two who record at once would read every event twice; the next look is half a second away.
            ended_goals = [goal.id for goal in recorded.ended_goals]
            epochs = recorded.epochs
            if not await self._queue.forget(recorded.ended_tasks, ended_goals, turn=recorded.turn, epochs=epochs):
                break  # Others recorded meanwhile; the events stay until the next round.
            await self._events.trim(shard, last, recorded=recorded.reached, epochs=epochs)
            for goal in recorded.ended_goals:
                self._say("goal.finished", goal=goal.id, status=goal.status)
            new += recorded.new
        return new

    def _say(self, name: str, **fields: str | int) -> None:
        self._telemetry.emit(TelemetryEvent(name=name, source="orchestrator", fields=fields))
