"""Evidence of a small run in which everything went well, and ways to spoil it. Its history is told apart, in good_history."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pydantic import JsonValue

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import Finding, GateDecision, Judgement, Route
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.models.result import StateChange
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.task import Phase, Task, TaskStatus
from chimera_cli.models.verdict import Verdict
from chimera_cli.simulation.evidence import Evidence, HeldLook, Killed, ModelJournal
from tests.builders import GOAL, NOON, a_goal, a_task
from tests.unit.simulation.history.good_history import good_history

OPERATOR = "scripted operator"
S = TaskStatus
POST: JsonValue = {"text": "maybe", "platform": "twitter"}


def moment(at: float):
    return NOON + timedelta(seconds=at)


def tid(key: str) -> str:
    return task_id(GOAL, key)


def step(key: str, at: float, name: str, status: TaskStatus, **fields: object) -> TaskEvent:
    """One event; the version is counted afterwards."""
    own = {"shard": 0, "entry_id": f"{key}-{at}-{name}", "at": moment(at), "name": f"task.{name}", "status": status}
    ids = {"task_id": tid(key), "goal_id": GOAL, "version": 1, "phase": Phase.PROPOSE, "generation": 1, "attempts": 1}
    return TaskEvent(**{**own, **ids, **fields})


def write(key: str, expected: int, value: JsonValue) -> tuple[StateChange, ...]:
    return (StateChange(key=key, expected=expected, value=value),)


def tallies() -> list[TaskEvent]:
    two = {"generation": 2, "agent": "b2"}
    return [
        step("tally-1", 1.0, "queued", S.QUEUED, generation=0),
        step("tally-1", 1.1, "started", S.RUNNING, agent="a1"),
        step("tally-1", 1.5, "completed", S.COMPLETED, agent="a1", changes=write("tally", 0, 1)),
        step("tally-2", 1.0, "queued", S.QUEUED, generation=0),
        step("tally-2", 1.1, "started", S.RUNNING, agent="b1"),
        step("tally-2", 1.6, "conflicted", S.QUEUED, agent="b1", error="version 1"),
        step("tally-2", 1.7, "started", S.RUNNING, **two),
        step("tally-2", 2.0, "completed", S.COMPLETED, **two, changes=write("tally", 1, 2)),
    ]


def troubles() -> list[TaskEvent]:
    again = {"generation": 2, "agent": "b1", "attempts": 2}
    taken = {"generation": 2, "agent": "b2"}
    return [
        step("flaky", 1.0, "queued", S.QUEUED, generation=0),
        step("flaky", 1.1, "started", S.RUNNING, agent="b1"),
        step("flaky", 1.2, "delayed", S.DELAYED, agent="b1", error="on purpose"),
        step("flaky", 3.3, "queued", S.QUEUED),
        step("flaky", 3.4, "started", S.RUNNING, **again),
        step("flaky", 3.5, "completed", S.COMPLETED, **again),
        step("hostage", 1.0, "queued", S.QUEUED, generation=0),
        step("hostage", 1.1, "started", S.RUNNING, agent="a1"),
        step("hostage", 5.0, "taken_over", S.QUEUED, error="lease expired"),
        step("hostage", 5.1, "started", S.RUNNING, **taken),
        step("hostage", 5.2, "completed", S.COMPLETED, **taken),
    ]


def judged_task(
    key: str, output: JsonValue, at: float, judgement: Judgement, *, executes: bool = False
) -> list[TaskEvent]:
    """Made, held and approved; executed too when it has that phase."""
    phase = Phase.EXECUTE if executes else Phase.PROPOSE
    data = {"judgement": judgement.model_dump(mode="json")}
    events = [
        step(key, at, "queued", S.QUEUED, generation=0),
        step(key, at + 0.1, "started", S.RUNNING, agent="b1"),
        step(key, at + 0.2, "judging", S.JUDGING, agent="b1", output=output),
        step(key, at + 0.3, "held", S.NEEDS_REVIEW, agent="j1", generation=2, output=output, data=data),
        step(key, at + 2, "approved", S.APPROVED, agent=OPERATOR, generation=2, phase=phase, data=data),
    ]
    end = {"generation": 3 if executes else 2, "phase": phase, "agent": "b2"}
    if executes:
        events.append(step(key, at + 2.1, "started", S.RUNNING, **end))
    return [*events, step(key, at + 2.2, "completed", S.COMPLETED, **end)]


def numbered(events: Sequence[TaskEvent]) -> list[TaskEvent]:
    """Put events in the order of time and give each task's its versions."""
    seen: dict[str, int] = {}
    found = []
    for event in sorted(events, key=lambda event: event.at):
        seen[event.task_id] = seen.get(event.task_id, 0) + 1
        found.append(event.model_copy(update={"version": seen[event.task_id]}))
    return found


def judged(key: str, output: JsonValue, confidence: float, findings: tuple[Finding, ...] = ()) -> Judgement:
    return Judgement(
        verdict=Verdict(confidence=confidence, rubric_version="r1"),
        decision=GateDecision(route=Route.REVIEW, reasons=("why",), findings=findings, policy_version="p1"),
        digest=content_digest(tid(key), {}, output, "p1", "r1"),
    )


def a_card(task: Task, output: JsonValue, judgement: Judgement) -> ReviewCard:
    return ReviewCard(
        id=f"card-{task.key}",
        task_id=task.id,
        goal_id=GOAL,
        generation=2,
        kind=task.kind,
        title=task.title,
        status=CardStatus.APPROVED,
        content=output,
        payload=task.payload,
        judgement=judgement,
        created_at=NOON,
        decided_by=OPERATOR,
        decided_at=NOON,
    )


def done(key: str, kind: str, attempts: int = 1) -> Task:
    return a_task(key, kind, status=S.COMPLETED, attempts=attempts)


def good_run() -> Evidence:
    """Evidence that every check accepts."""
    tasks = [done("tally-1", "sim.tally"), done("tally-2", "sim.tally"), done("flaky", "sim.flaky", 2)]
    tasks += [done("hostage", "sim.hostage"), done("draft", "content.draft"), done("publish", "content.publish")]
    word = Finding(rule="security.password", where="output", message="The output holds 'password'.")
    draft, post = judged("draft", "password", 0.95, (word,)), judged("publish", POST, 0.6)
    events = [*tallies(), *troubles(), *judged_task("draft", "password", 1.0, draft)]
    events += judged_task("publish", POST, 4.0, post, executes=True)
    cards = [a_card(tasks[4], "password", draft), a_card(tasks[5], POST, post)]
    key = f"{tid('publish')}:execute"
    return Evidence(
        goal=a_goal(status=GoalStatus.COMPLETED, finished_at=moment(7)),
        tasks=tasks,
        events=numbered(events),
        cards=cards,
        posts=[{"idempotency_key": key, "platform": "twitter", "post": POST}],
        history=good_history(),
        operator=OPERATOR,
        lease=timedelta(seconds=3),
        journal=ModelJournal(served=5, throttled=1, malformed=1),
        killed=Killed(role="worker-1", at=moment(2.0), agents=frozenset({"a1"}), task_id=tid("hostage")),
        looks=[HeldLook(held=(tid("draft"),), posted=()), HeldLook(held=(tid("publish"),), posted=("x:execute",))],
        exits={"worker-2": 0, "judge": 0},
    )


def spoiled(key: str, name: str, **fields: object) -> Evidence:
    """The good run with one event changed."""
    good = good_run()
    events = [
        event.model_copy(update=fields) if (event.task_id, event.name) == (tid(key), f"task.{name}") else event
        for event in good.events
    ]
    return replace(good, events=events)


def without(key: str, *names: str) -> Evidence:
    """The good run without some events of a task, the rest numbered anew."""
    good = good_run()
    gone = {f"task.{name}" for name in names}
    return replace(good, events=numbered([e for e in good.events if e.task_id != tid(key) or e.name not in gone]))


def with_task(key: str, **fields: object) -> Evidence:
    """The good run with one task changed."""
    good = good_run()
    tasks = [task.model_copy(update=fields) if task.key == key else task for task in good.tasks]
    return replace(good, tasks=tasks)


def with_card(key: str, **fields: object) -> Evidence:
    """The good run with one card changed."""
    good = good_run()
    cards = [card.model_copy(update=fields) if card.task_id == tid(key) else card for card in good.cards]
    return replace(good, cards=cards)
