"""The face of a running swarm for commands and for programs: submit work, add to it, wait for it, decide, look."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from chimera_cli.exceptions import BackendUnavailable, InvalidPlan, WaitTimeout
from chimera_cli.models.agent import Role, living, stalled
from chimera_cli.models.epoch import StaleEpoch, replaced
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.identity import goal_id_for, new_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import Kinds, PlanChecker
from chimera_cli.models.problems import problems_of
from chimera_cli.models.review import Decision, ReviewCard
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.task import TaskSpec
from chimera_cli.models.telemetry import backend_lost
from chimera_cli.models.unserved import unexecuted, unserved
from chimera_cli.ports.clock import ClockPort
from chimera_cli.ports.orders import Ordered
from chimera_cli.ports.outbox import OutboxPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.record import RecordPort
from chimera_cli.ports.registry import AgentRegistryPort
from chimera_cli.ports.state import GlobalStatePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.cancelling import PATIENCE, see_through
from chimera_cli.services.control import ControlService
from chimera_cli.services.orchestrator import Orchestrator
from chimera_cli.services.pairing import Pairing
from chimera_cli.services.records import Records
from chimera_cli.services.review_service import ReviewService

Wish = TaskSpec | Mapping[str, Any]
"""A task as a program may give it."""

POLL = timedelta(seconds=0.25)
"""Time between two looks at a goal that is waited for."""


@dataclass(frozen=True, kw_only=True)
class Swarm(Records):
    """An open connection to one swarm."""

    record: RecordPort
    queue: TaskQueuePort
    state: GlobalStatePort
    registry: AgentRegistryPort
    outbox: OutboxPort
    orchestrator: Orchestrator
    review_service: ReviewService
    control: ControlService
    telemetry: TelemetryPort
    clock: ClockPort

    @property
    def pairing(self) -> Pairing:
        """What compares both stores."""
        return self.orchestrator.pairing

    async def submit(
        self,
        goal: str,
        tasks: Iterable[Wish],
        *,
        persona: Persona | None = None,
        max_replans: int = 0,
        idempotency_key: str | None = None,
        kinds: Kinds | None = None,
    ) -> str:
        """Check a plan, store it, and dispatch its tasks; returns the goal's id.

        Args:
            goal: The wish in words.
            tasks: Its tasks, as TaskSpecs or as mappings with the same fields.
            persona: Whose voice the tasks use.
            max_replans: How often a planner may replace failed tasks.
            idempotency_key: A second goal with the same key is not stored; the first one's id is returned.
            kinds: The task kinds that workers know, with their payload models; None leaves those to the workers.

        Raises:
            InvalidPlan: The plan breaks its rules; carries every problem.
            QueueFull: More tasks than CHIMERA_MAX_QUEUED would wait for their first run; nothing was stored.
            BackendUnavailable: The record is away, and nothing was stored. Redis being away is no error: what is stored
                is dispatched when it is back.
        """
        checked = self._checked(tasks, kinds)
        return await self.submit_checked(
            goal, checked, persona=persona, max_replans=max_replans, idempotency_key=idempotency_key
        )

    async def submit_checked(
        self,
        goal: str,
        tasks: Iterable[TaskSpec],
        *,
        persona: Persona | None = None,
        max_replans: int = 0,
        idempotency_key: str | None = None,
    ) -> str:
        """Do the same for a plan that was checked while it was read; a long one is streamed.

        Raises:
            InvalidPlan: The goal's text cannot be stored, or it has no tasks.
            QueueFull, BackendUnavailable: As `submit`.
        """
        goal_id = goal_id_for(idempotency_key) if idempotency_key else new_id(uuid4)
        created_at = await self.record.now()
        try:
            made = Goal(id=goal_id, text=goal, persona=persona, max_replans=max_replans, created_at=created_at)
        except ValidationError as exc:
            raise InvalidPlan(problems_of(exc, "goal")) from exc
        if await self.record.submit(made, tasks):
            await self._dispatch()
        return goal_id

    async def add(self, goal_id: str, tasks: Iterable[Wish], *, kinds: Kinds | None = None) -> list[str]:
        """Add tasks to a live goal and dispatch them; returns the ids of all given. A known key is left as it is.

        Raises:
            NotFound: No such goal.
            WrongState: The goal takes no more tasks.
            InvalidPlan: The tasks break the rules of a plan.
            QueueFull: As `submit`.
            BackendUnavailable: The record is away, and nothing was stored.
        """
        checked = self._checked(tasks, kinds, await self.record.keys(goal_id))
        ids = await self.record.add_tasks(goal_id, checked)
        await self._dispatch()
        return ids

    async def wait(self, goal_id: str, *, timeout: timedelta | None = None) -> Goal:
        """Wait until a goal is over: terminal, or REPLANNING while no planner is alive to do it.

        Raises:
            NotFound: No such goal.
            WaitTimeout: It was not over in time.
        """
        waited = timedelta(0)
        while True:
            goal = await self.record.goal(goal_id)
            if goal.status.terminal or (goal.status is GoalStatus.REPLANNING and not await self._planner_lives()):
                return goal
            if timeout is not None and waited >= timeout:
                raise WaitTimeout(
                    f"goal {goal_id} is still {goal.status} after {timeout.total_seconds():g} s",
                    hint=f"chimera goals show {goal_id}",
                )
            await self.clock.sleep(POLL)
            waited += POLL

    async def decide(
        self, card_id: str, decision: Decision, operator: str, reason: str = "", *, digest: str = ""
    ) -> ReviewCard:
        """Decide a review card; see `ReviewService.submit_decision`."""
        return await self.review_service.submit_decision(card_id, decision, operator, reason, digest=digest)

    async def order_tasks(
        self, action: OrderAction, task_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Cancel or retry tasks; see `ControlService.order_tasks`."""
        ordered = await self.control.order_tasks(action, task_ids, operator, reason)
        return await self._obeyed(ordered, self.orchestrator.obey)

    async def order_goals(
        self,
        action: OrderAction,
        goal_ids: Sequence[str],
        operator: str,
        reason: str = "",
        patience: timedelta = PATIENCE,
    ) -> Ordered:
        """Pause, resume or cancel goals; see `ControlService.order_goals`. A cancel is seen through as long as `patience` lasts."""
        ordered = await self.control.order_goals(action, goal_ids, operator, reason)
        if action is not OrderAction.CANCEL:
            return await self._obeyed(ordered, self.orchestrator.obey)
        obey, goals = self.orchestrator.obey, [order.goal_id for order in ordered.given]
        return await self._obeyed(ordered, partial(see_through, obey, self.record, goals, self.clock, patience))

    async def _obeyed(self, ordered: Ordered, obey: Callable[[], Awaitable[None]]) -> Ordered:
        """Have orders carried out now, as far as that is possible, and return them with what became of them."""
        if not ordered.given:
            return ordered
        try:
            await obey()
        except BackendUnavailable as exc:
            kept = "the orders are kept and will be carried out when the server is back"
            self.telemetry.emit(backend_lost("control", exc, kept))
        return replace(ordered, given=tuple(await self.orders.kept([order.seq for order in ordered.given])))

    async def snapshot(self) -> Snapshot:
        """Look at everything. The stores are read one after the other, so its parts may differ by some milliseconds.

        Raises:
            BackendUnavailable: One of the stores is away.
        """
        to_review, oldest_card_at = await self.reviews.waiting()
        fleet, queues, epochs = await self.registry.fleet(), await self.queue.counts(), await self.record.epochs()
        stale = replaced(queues.epochs, epochs)
        return Snapshot(
            at=await self.record.now(),
            fleet=tuple(fleet),
            stalled=stalled(fleet),
            queues=queues,
            unserved=unserved(queues.kinds, fleet),
            unexecuted=unexecuted(queues.to_execute, fleet),
            stuck=await self.record.stuck(),
            unvouched=len(await self.record.unvouched()),
            to_review=to_review,
            oldest_card_at=oldest_card_at,
            undispatched=await self.record.undispatched(),
            ledger=await self.record.ledger(),
            recovery=await self.record.recovery(),
            epoch=max(epochs.values(), default=0),
            refused=queues.refused,
            replaced=StaleEpoch(*stale).message if stale else "",
            paused=tuple(await self.record.paused()),
            posts_waiting=await self.posts.unsent(),
            identity=self.pairing.identity,
        )

    async def _planner_lives(self) -> bool:
        return bool(living(await self.registry.fleet(), Role.PLANNER))

    def _checked(self, tasks: Iterable[Wish], kinds: Kinds | None, known: Sequence[str] = ()) -> list[TaskSpec]:
        checker = PlanChecker(kinds, self.clock.now(), known)
        specs: list[TaskSpec] = []
        for number, task in enumerate(tasks, 1):
            try:
                specs.append(task if isinstance(task, TaskSpec) else TaskSpec.model_validate(dict(task)))
                checker.add(specs[-1])
            except ValidationError as exc:
                checker.problems += [f"task {number}: {problem}" for problem in problems_of(exc)]
        if problems := checker.finish():
            raise InvalidPlan(problems)
        return specs

    async def _dispatch(self) -> None:
        try:
            await self.orchestrator.hand_in()
        except BackendUnavailable as exc:
            stored = "the tasks are stored and will be dispatched when the server is back"
            self.telemetry.emit(backend_lost("submit", exc, stored))
