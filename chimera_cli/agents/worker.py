"""The agent that does tasks. One delivery walks down a straight pipe: invoke, decide the outcome, commit, announce."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from chimera_cli.agents.approval import Approvals, NotVouched, Unreleased
from chimera_cli.agents.crew import CrewAgent, PayloadOf, no_record
from chimera_cli.agents.effects_door import EffectsDoor
from chimera_cli.agents.outcome import Move, Outcome, commit
from chimera_cli.exceptions import OCCConflict, SwarmError
from chimera_cli.handlers.context import Ending, LiveOutbox, MeteredLLM, StateView, TaskContext
from chimera_cli.handlers.invoke import RunLimits, execute, merge, payload_for, propose, run_limits
from chimera_cli.handlers.registry import Handler, HandlerRegistry
from chimera_cli.handlers.voice import HandlerVoice
from chimera_cli.models.agent import Role
from chimera_cli.models.delivery import Delivery, Lease, Setback, Stage
from chimera_cli.models.policy import RetryPolicy, WorkerPolicy
from chimera_cli.models.result import TaskResult
from chimera_cli.models.task import Phase
from chimera_cli.models.telemetry import Level
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.outbox import OutboxPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.state import GlobalStatePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.redaction import Redactor
from chimera_cli.services.retry import MENDING, decide_retry, elbow_room, wait_out

LONGEST_TRACE = 8000
"""Characters of a stack trace that are told; the end says most."""


async def no_record_to_ask(lease: Lease) -> None:
    """Take any lease: there is no record that could know better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTools:
    """What all workers of a process share."""

    queue: TaskQueuePort
    state: GlobalStatePort
    llm: LLMPort
    outbox: OutboxPort
    handlers: HandlerRegistry
    approvals: Approvals
    """What is demanded of what is executed."""
    telemetry: TelemetryPort
    clock: ClockPort
    chance: Chance
    policy: WorkerPolicy = field(default_factory=WorkerPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    payload_of: PayloadOf = no_record
    demand_live: Callable[[Lease], Awaitable[None]] = no_record_to_ask
    """Raises StaleEpoch when the Redis from which a task was claimed was replaced, HandlerError when the record says that the task
    has ended: nothing is executed then."""
    door: EffectsDoor | None = None
    """Hears of effects that the record refused; None: nobody asks it."""
    redactor: Redactor = field(default_factory=Redactor)
    """Takes secrets out of what handlers raise, before it goes into the record."""


class NoHandler(SwarmError):
    """A task of a kind that this worker cannot do. Workers claim what they have handlers for; should one come all the same, another
    worker gets it, and it costs the task nothing."""


class WorkerAgent(CrewAgent):
    """Runs one delivery at a time; keeps nothing between two."""

    __slots__ = ("tools",)
    role = Role.WORKER
    stage = Stage.WORK

    def __init__(self, tools: WorkerTools, *, id: str = "") -> None:
        super().__init__(tools.queue, tools.telemetry, clock=tools.clock, chance=tools.chance, id=id)
        self.tools = tools

    async def see_through(self, delivery: Delivery) -> None:
        """Run the task's phase and answer; a commit that lost a race is tried again on fresh state."""
        self._say(delivery, "task.started")
        try:
            delivery = await self.whole(delivery, self.tools.payload_of)
        except SwarmError as error:
            await self._settle(delivery, self._failure(delivery, error))
            return
        for tries in count(1):
            outcome = await self._outcome(delivery)
            conflict = await self._settle(delivery, outcome)
            if conflict is None:
                return
            if delivery.phase is Phase.PROPOSE or tries > self.tools.policy.max_conflicts:
                await self._settle(delivery, self._after_conflict(delivery, conflict))
                return

    async def _outcome(self, delivery: Delivery) -> Outcome:
        """Run the handler and decide how that ended."""
        try:
            return await self._invoke(delivery)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # a handler may raise anything, and none of it may end the agent
            return self._failure(delivery, error)

    async def _invoke(self, delivery: Delivery) -> Outcome:
        handler = self._handler(delivery.kind)
        if delivery.phase is Phase.MERGE and handler.merge_with is None:
            return self._make_anew(delivery)
        if delivery.phase is Phase.EXECUTE:
            self.tools.approvals.check(delivery, always=handler.review == "always")
            await self.tools.demand_live(delivery.lease)
        context, limits = self._context(handler, delivery), self._limits(handler, delivery)
        self.expect(limits.timeout)
        match delivery.phase:
            case Phase.PROPOSE:
                move = Move.HAND_OVER if handler.judged else Move.COMPLETE
                return Outcome(move=move, result=await propose(handler, context, limits))
            case Phase.MERGE:
                return Outcome(move=Move.COMPLETE, result=await merge(handler, context, delivery.output, limits))
            case Phase.EXECUTE:
                result = await execute(handler, context, delivery.output, limits)
                return Outcome(move=Move.COMPLETE, result=result, digest=delivery.digest)

    def _handler(self, kind: str) -> Handler:
        handler = self.tools.handlers.get(kind)
        if handler is None:
            raise NoHandler(f"this worker has no handler for the kind {kind!r}, start it with --handlers")
        return handler

    def _context(self, handler: Handler, delivery: Delivery) -> TaskContext:
        task_id, ending = delivery.lease.task_id, Ending()
        return TaskContext(
            task=delivery,
            payload=payload_for(handler, delivery.payload),
            inputs=delivery.inputs,
            state=StateView(self.tools.state, delivery.lease.goal_id, ending),
            llm=MeteredLLM(self.tools.llm, ending),
            outbox=LiveOutbox(self.tools.outbox, ending, epochs=delivery.lease.epochs),
            deadline=delivery.deadline,
            idempotency_key=f"{task_id}:{delivery.phase}",
            log_event=HandlerVoice(self.telemetry, source=self.id, ours=_where(delivery)),
            loop=asyncio.get_running_loop(),
            ending=ending,
        )

    def _limits(self, handler: Handler, delivery: Delivery) -> RunLimits:
        now, deadline = self.clock.now(), delivery.deadline
        # The queue judges deadlines by its own clock. One that has passed by ours alone means that ours is wrong.
        ahead = deadline if deadline is not None and deadline > now else None
        return run_limits(handler, self.tools.policy, ahead, now)

    def _after_conflict(self, delivery: Delivery, conflict: OCCConflict) -> Outcome:
        """Run again. To meet others at a key is nobody's failure: it costs no attempt, however often it happens."""
        if delivery.phase is Phase.PROPOSE:
            return self._rerun(delivery, conflict.message)
        delay = elbow_room(1, self.chance)
        return Outcome(move=Move.RETRY, error=conflict.message, delay=delay, costs_attempt=False)

    def _make_anew(self, delivery: Delivery) -> Outcome:
        """Have a held result, which cannot be merged into newer state, made again."""
        return self._rerun(delivery, f"kind {delivery.kind!r} cannot merge its result into the state as it is now")

    def _rerun(self, delivery: Delivery, reason: str) -> Outcome:
        beyond = delivery.conflicts - self.tools.policy.max_conflicts + 1
        return Outcome(move=Move.RERUN, error=reason, delay=elbow_room(beyond, self.chance))

    def _failure(self, delivery: Delivery, error: BaseException) -> Outcome:
        if isinstance(error, NoHandler):
            return Outcome(move=Move.RETRY, error=error.message, delay=MENDING, costs_attempt=False)
        if isinstance(error, Unreleased):
            return Outcome(move=Move.JUDGE, error=error.message, result=TaskResult(review_always=error.always))
        if isinstance(error, NotVouched):
            outages, chance = delivery.outages, self.chance
            waiting = wait_out(error.message, self.tools.retry, outages=outages, chance=chance, cause=Setback.UNRUN)
            return Outcome.of(waiting)
        if self.tools.door and delivery.phase is Phase.EXECUTE:
            self.tools.door.note(error)
        decision = decide_retry(
            error,
            self.tools.retry,
            task_id=delivery.lease.task_id,
            attempt=delivery.attempt,
            max_retries=delivery.max_retries,
            chance=self.chance,
            outages=delivery.outages,
        )
        told = decision.model_copy(update={"error": self.tools.redactor.text(decision.error)})
        return Outcome.of(told, trace="".join(traceback.format_exception(error))[-LONGEST_TRACE:])

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> OCCConflict | None:
        """Commit and announce; a conflict changed nothing and is handed back."""
        lease = delivery.lease
        try:
            accepted = await self.answer(lease, lambda: commit(self.queue, lease, outcome))
        except OCCConflict as conflict:
            versions: dict[str, Any] = {"expected": conflict.expected, "actual": conflict.actual}
            self._say(delivery, "task.conflict", key=conflict.key, **versions)
            return conflict
        if accepted:
            self._announce(delivery, outcome)
        return None

    def _announce(self, delivery: Delivery, outcome: Outcome) -> None:
        told: dict[str, Any] = {"error": outcome.error, "trace": outcome.trace}
        match outcome.move:
            case Move.RETRY:
                delay_s = round(outcome.delay.total_seconds(), 3)
                self._say(delivery, "task.retried", level=Level.WARN, delay_s=delay_s, **told)
            case Move.JUDGE:
                self._say(delivery, "release.refused", level=Level.WARN, error=outcome.error)
            case Move.FAIL:
                self._say(delivery, "task.failed", level=Level.ERROR, **told)
            case _:
                self._say(delivery, "task.finished", outcome=outcome.move)

    def _say(self, delivery: Delivery, name: str, *, level: Level = Level.INFO, **fields: Any) -> None:
        self.log_event(name, level=level, **_where(delivery), **fields)


def _where(delivery: Delivery) -> dict[str, Any]:
    """Return the fields of each line about a delivery."""
    lease = delivery.lease
    names = {"task": lease.task_id, "goal": lease.goal_id, "task_key": delivery.key, "kind": delivery.kind}
    return {**names, "phase": delivery.phase, "attempt": delivery.attempt}
