"""A swarm of plain Python for the commands to talk to, and the way to run a command against it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from chimera_cli.cli.app import app
from chimera_cli.cli.backend import Backend
from chimera_cli.cli.terminal import Terminal
from chimera_cli.config import Settings
from chimera_cli.exceptions import (
    AlreadyDecided,
    AmbiguousId,
    BackendUnavailable,
    Conflict,
    NotFound,
    ReviewCardNotFound,
    SwarmError,
    WrongState,
)
from chimera_cli.handlers.registry import Handler, HandlerRegistry
from chimera_cli.models.agent import FleetMember
from chimera_cli.models.audit import GENESIS, AuditEntry, AuditEvent, chain
from chimera_cli.models.effect import Effect
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.identity import goal_id_for, task_id
from chimera_cli.models.order import Order, OrderAction
from chimera_cli.models.performed import Performed, Trace
from chimera_cli.models.plan import Plan
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.result import TaskOutcome
from chimera_cli.models.review import CardStatus, Decision, ReviewCard
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.task import PlannedTask, Task, TaskSpec, TaskStatus
from chimera_cli.ports.orders import Ordered
from tests.builders import GOAL, NOON, a_goal, a_task, planned
from tests.unit.agents.crew_fakes import HastyClock

PASSWORD = "hunter2hunter2"


class EmptyOutbox:
    """Holds no posts."""

    async def posts(self, **_: Any) -> list[Any]:
        return []

    async def post(self, prefix: str) -> Any:
        raise NotFound("post", prefix, hint="chimera outbox list")


@dataclass
class FakeSwarm:
    """Keeps goals, tasks, cards and audit rows in dictionaries; is its own record and review port."""

    goals_by_id: dict[str, Goal] = field(default_factory=dict)
    tasks_by_id: dict[str, Task] = field(default_factory=dict)
    cards_by_id: dict[str, ReviewCard] = field(default_factory=dict)
    rows: list[AuditEvent] = field(default_factory=list)
    ends_as: GoalStatus = GoalStatus.COMPLETED
    submitted: dict[str, Any] = field(default_factory=dict)
    full: SwarmError | None = None
    """What is raised when something asks for room."""
    late: str = ""
    """What decisions and orders are told when they come too late; `away` when orders are only kept."""
    ordered: list[Order] = field(default_factory=list)
    dependents: list[str] = field(default_factory=list)
    patience: timedelta | None = None
    """How long a cancel was to be seen through."""
    effects: dict[Effect, int] = field(default_factory=dict)
    """Of cancelled tasks."""
    members: list[FleetMember] = field(default_factory=list)
    """Who runs."""
    redis_down: bool = False

    @property
    def registry(self) -> "FakeSwarm":
        return self

    @property
    def posts(self) -> Any:
        return EmptyOutbox()

    async def fleet(self) -> list[FleetMember]:
        if self.redis_down:
            raise BackendUnavailable("Redis", "gone")
        return self.members

    @property
    def record(self) -> "FakeSwarm":
        return self

    @property
    def reviews(self) -> "FakeSwarm":
        return self

    @property
    def orders(self) -> "FakeOrders":
        return FakeOrders(self)

    async def order_tasks(
        self, action: OrderAction, task_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        refused = [
            WrongState("task", id, self.tasks_by_id[id].status, action.past)
            for id in task_ids
            if self.tasks_by_id[id].status.terminal is (action is OrderAction.CANCEL)
        ]
        wrong = {error.id for error in refused}
        subjects = [(self.tasks_by_id[id].goal_id, id) for id in task_ids if id not in wrong]
        return self._ordered(action, subjects, refused, operator, reason)

    async def order_goals(
        self, action: OrderAction, goal_ids: Sequence[str], operator: str, reason: str = "", **how: Any
    ) -> Ordered:
        self.patience = how.get("patience")
        refused = [
            WrongState("goal", id, self.goals_by_id[id].status, action.past)
            for id in goal_ids
            if self.goals_by_id[id].status.terminal
        ]
        wrong = {error.id for error in refused}
        subjects = [(id, "") for id in goal_ids if id not in wrong]
        return self._ordered(action, subjects, refused, operator, reason)

    def _ordered(
        self,
        action: OrderAction,
        subjects: Iterable[tuple[str, str]],
        refused: Iterable[WrongState],
        operator: str,
        reason: str,
    ) -> Ordered:
        done = None if self.late == "away" else NOON
        note = "" if self.late == "away" else self.late
        given = [
            Order(
                seq=len(self.ordered) + place,
                at=NOON,
                action=action,
                goal_id=goal,
                task_id=task,
                operator=operator,
                reason=reason,
                done_at=done,
                note=note,
            )
            for place, (goal, task) in enumerate(subjects, 1)
        ]
        self.ordered += given
        return Ordered(tuple(given), tuple(refused))

    async def resolve(self, noun: str, prefix: str) -> str:
        known = {"goal": self.goals_by_id, "task": self.tasks_by_id, "review card": self.cards_by_id}[noun]
        found = [id for id in known if id.startswith(prefix)]
        if not found:
            raise ReviewCardNotFound(prefix) if noun == "review card" else NotFound(noun, prefix)
        if len(found) > 1:
            raise AmbiguousId(noun, prefix, found)
        return found[0]

    async def check_room(self) -> None:
        if self.full is not None:
            raise self.full

    async def goal(self, goal_id: str) -> Goal:
        return self.goals_by_id[goal_id]

    async def cancelled_effects(self, goal_id: str) -> dict[Effect, int]:
        return self.effects

    async def goals(self, *, status: GoalStatus | None = None, limit: int = 50) -> list[Goal]:
        found = [goal for goal in self.goals_by_id.values() if status in (None, goal.status)]
        return found[: limit or None]

    async def paused(self) -> list[Goal]:
        return [goal for goal in self.goals_by_id.values() if goal.paused_at]

    async def task(self, task_id: str) -> Task:
        return self.tasks_by_id[task_id]

    async def tasks(
        self, *, goal_id: str | None = None, status: TaskStatus | None = None, limit: int = 50
    ) -> list[Task]:
        found = [t for t in self.tasks_by_id.values() if goal_id in (None, t.goal_id) and status in (None, t.status)]
        return found[: limit or None]

    async def plan(self, goal_id: str) -> list[PlannedTask]:
        return [planned(task) for task in await self.tasks(goal_id=goal_id, limit=0)]

    async def keys(self, goal_id: str) -> list[str]:
        return [task.key for task in self.tasks_by_id.values() if task.goal_id == goal_id]

    async def history(self, *, goal_id: str, task_id: str | None = None, limit: int = 0) -> list[TaskEvent]:
        return []

    async def card(self, card_id: str) -> ReviewCard:
        return self.cards_by_id[card_id]

    async def cards(
        self, *, status: CardStatus | None = CardStatus.PENDING, goal_id: str | None = None, limit: int = 50
    ) -> list[ReviewCard]:
        return [card for card in self.cards_by_id.values() if status in (None, card.status)][: limit or None]

    async def audit(self, *, since: datetime | None = None, limit: int = 50) -> list[AuditEvent]:
        return [row for row in self.rows if since is None or row.at >= since]

    async def audit_after(self, seq: int, limit: int = 500) -> list[AuditEvent]:
        return [row for row in self.rows if row.seq > seq][:limit]

    async def performed(self, trace: Trace, after: int, limit: int) -> list[Performed]:
        return []

    async def submit_checked(
        self, goal: str, tasks: Iterable[TaskSpec], *, idempotency_key: str | None = None, **how: Any
    ) -> str:
        goal_id = goal_id_for(idempotency_key) if idempotency_key else GOAL
        self.submitted = {"goal": goal, **how}
        self.goals_by_id[goal_id] = a_goal(goal_id, text=goal)
        await self.add(goal_id, list(tasks))
        return goal_id

    async def add(self, goal_id: str, tasks: Sequence[TaskSpec]) -> list[str]:
        for spec in tasks:
            made = a_task(goal=goal_id, **{**spec.model_dump(), "id": task_id(goal_id, spec.key)})
            self.tasks_by_id.setdefault(made.id, made)
        return [task_id(goal_id, spec.key) for spec in tasks]

    async def wait(self, goal_id: str, *, timeout: timedelta | None = None) -> Goal:
        return self.goals_by_id[goal_id].model_copy(update={"status": self.ends_as})

    async def rivals(self, card: ReviewCard) -> list[ReviewCard]:
        return card.rivals(self.cards_by_id.values())

    async def decide(
        self, card_id: str, decision: Decision, operator: str, reason: str = "", *, digest: str = ""
    ) -> ReviewCard:
        card = self.cards_by_id[card_id]
        if card.status is not CardStatus.PENDING:
            raise AlreadyDecided(card.id, card.status, card.decided_by, card.decided_at)
        if not card.judgement.digest.startswith(digest):
            raise Conflict("it is not what you saw", hint="look again")
        status = CardStatus.APPROVED if decision is Decision.APPROVE else CardStatus.REJECTED
        entry = AuditEntry(
            at=NOON,
            operator=operator,
            action=decision,
            card_id=card_id,
            task_id=card.task_id,
            digest="d",
            reason=reason,
        )
        self.rows.append(chain(entry, len(self.rows) + 1, self.rows[-1].hash if self.rows else GENESIS))
        said = {"status": status, "decided_by": operator, "decided_at": NOON, "reason": reason, "note": self.late}
        self.cards_by_id[card_id] = card.model_copy(update=said)
        return self.cards_by_id[card_id]

    async def snapshot(self) -> Snapshot:
        return Snapshot(at=NOON, fleet=(), queues=QueueCounts(waiting=3), to_review=0, ledger=Ledger())


@dataclass
class FakeOrders:
    """The orders of a fake swarm."""

    swarm: FakeSwarm

    async def dependents(self, task_ids: Sequence[str]) -> list[str]:
        return self.swarm.dependents

    async def open(self, after: int = 0) -> list[Order]:
        return [order for order in self.swarm.ordered if order.seq > after and order.done_at is None]

    async def orders(self, *, goal_id: str, task_id: str = "") -> list[Order]:
        return [order for order in self.swarm.ordered if (order.goal_id, order.task_id) == (goal_id, task_id)]


class FakeBackend(Backend):
    """Settings as ever; the swarm is the fake one, and every door can be locked with an error."""

    def __init__(self, swarm: FakeSwarm | None = None, *, error: Exception | None = None, code: int = 0) -> None:
        self.swarm = swarm or FakeSwarm()
        self.error = error
        self.code = code
        self.ran: list[Any] = []
        self.waits = HastyClock()
        self.plan = Plan(goal="g", tasks=(TaskSpec(key="drafted", kind="noop"),))

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    @asynccontextmanager
    async def open_swarm(self, settings: Settings, **_: Any) -> AsyncIterator[Any]:
        self._fail()
        yield self.swarm

    @asynccontextmanager
    async def open_records(self, settings: Settings, **_: Any) -> AsyncIterator[Any]:
        self._fail()
        yield self.swarm

    def registry(self, settings: Settings, handlers: Sequence[str]) -> HandlerRegistry:
        return HandlerRegistry([Handler("noop", lambda ctx: TaskOutcome(), judged=False)])

    async def draft(self, settings: Settings, goal: str, **_: Any) -> Plan:
        self._fail()
        return self.plan

    def clock(self) -> HastyClock:
        return self.waits

    async def check_ready(self, settings: Settings, *, need_model: bool, **_: Any) -> None:
        self._fail()
        self.ran.append(("ready", need_model))

    async def run_workers(self, settings: Settings, options: Any, telemetry: Any) -> int:
        self.ran.append(options)
        return self.code

    async def run_judges(self, settings: Settings, options: Any, telemetry: Any) -> int:
        self.ran.append(options)
        return self.code

    async def run_planner(self, settings: Settings, handlers: Any, telemetry: Any) -> int:
        self.ran.append(list(handlers))
        return self.code


def run(*arguments: str, backend: Backend | None = None, stdin: str | None = None) -> Result:
    """Run a command line as `chimera` would."""
    return CliRunner().invoke(app, list(arguments), input=stdin, obj=Terminal(backend or FakeBackend()))


def settle(folder: Path, more: str = "") -> None:
    """Write settings that are good enough for commands that reach no server."""
    text = f"DATABASE_URL=postgresql://u:{PASSWORD}@127.0.0.1:1/d\nREDIS_URL=redis://:{PASSWORD}@127.0.0.1:1/0\n{more}"
    (folder / ".env").write_text(text)


class Unexpected(SwarmError):
    """An error of a kind that no command knows of."""

    code = "unexpected"
    exit_code = 9


def python(*arguments: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run this Python as a process of its own that finds the package, installed or not."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 30, "env": environment}
    return subprocess.run([sys.executable, *arguments], **{**streams, **how})
