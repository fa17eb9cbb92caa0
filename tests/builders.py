"""Short ways to make the nouns that tests talk about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from chimera_cli.models.delivery import Delivery, Dependency, Dispatch, Lease, Stage
from chimera_cli.models.gate import GateDecision, Judgement, Route
from chimera_cli.models.goal import Goal
from chimera_cli.models.identity import task_id
from chimera_cli.models.result import StateChange, TaskResult
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.task import Phase, PlannedTask, Task, TaskSpec, TaskStatus
from chimera_cli.models.verdict import Verdict
from chimera_cli.services.vouching import Voucher

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOAL = "a" * 20
APPROVAL_KEY = "0123456789abcdef" * 4
VOUCHER = Voucher("default", APPROVAL_KEY)


def a_goal(id: str = GOAL, **fields: object) -> Goal:
    return Goal(**{"id": id, "text": "Grow on Twitter", "created_at": NOON, **fields})


def a_spec(key: str = "one", kind: str = "noop", **fields: object) -> TaskSpec:
    return TaskSpec(**{"key": key, "kind": kind, "title": f"do {key}", **fields})


def a_task(key: str = "one", kind: str = "noop", *, goal: str = GOAL, **fields: object) -> Task:
    spec = a_spec(key, kind).model_dump()
    own = {"id": task_id(goal, key), "goal_id": goal, "created_at": NOON, "updated_at": NOON}
    return Task(**{**spec, **own, **fields})


def planned(task: Task) -> PlannedTask:
    """What a plan shows of it."""
    return PlannedTask(*(getattr(task, name) for name in PlannedTask._fields))


def a_dispatch(
    key: str = "one", kind: str = "noop", *, after: Mapping[str, TaskStatus] | Sequence[str] = (), **fields: object
) -> Dispatch:
    standing = after if isinstance(after, Mapping) else dict.fromkeys(after, TaskStatus.PENDING)
    task = a_task(key, kind, depends_on=tuple(standing), **fields)
    dependencies = tuple(
        Dependency(id=task_id(task.goal_id, need), key=need, status=status) for need, status in standing.items()
    )
    return Dispatch(task=task, goal="Grow on Twitter", dependencies=dependencies)


def a_delivery(**fields: object) -> Delivery:
    """A first attempt at a proposal."""
    own = {
        "lease": Lease(task_id="t" * 20, goal_id="g" * 20, generation=1, agent="a", stage=Stage.WORK),
        "key": "one",
        "kind": "content.draft",
        "title": "A post",
        "goal": "Grow on Twitter",
        "payload": {},
        "phase": Phase.PROPOSE,
        "attempt": 1,
        "max_retries": 3,
        "conflicts": 0,
        "revisions": 0,
    }
    return Delivery(**{**own, **fields})


def a_result(output: JsonValue = "done", *, executes: bool = False, **changes: tuple[int, JsonValue]) -> TaskResult:
    """A result whose changes are given as key=(expected version, value)."""
    writes = tuple(StateChange(key=key, expected=version, value=value) for key, (version, value) in changes.items())
    return TaskResult(output=output, changes=writes, executes=executes)


def a_judgement(route: Route = Route.APPROVE, *, confidence: float | None = 0.95, digest: str = "d1") -> Judgement:
    return Judgement(
        verdict=Verdict(confidence=confidence, rubric_version="r1"),
        decision=GateDecision(route=route, reasons=("it reads well",), policy_version="p1"),
        digest=digest,
    )


def a_card(task: Task, generation: int, *, status: CardStatus = CardStatus.APPROVED, digest: str = "d1") -> ReviewCard:
    return ReviewCard(
        id="c" * 20,
        task_id=task.id,
        goal_id=task.goal_id,
        generation=generation,
        kind=task.kind,
        title=task.title,
        status=status,
        content="done",
        payload=task.payload,
        judgement=a_judgement(Route.REVIEW, digest=digest),
        created_at=NOON,
        decided_by="ada",
        decided_at=NOON,
        reason="not our tone" if status is CardStatus.REJECTED else "",
    )
