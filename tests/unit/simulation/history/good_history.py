"""The history of a run in which everything went well, made by hand, and ways to spoil it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chimera_cli.models.audit import GENESIS, AuditEntry, chain
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.simulation.history.history import ENDS, Death, History, Timing
from chimera_cli.simulation.history.rows import AuditLine, Card, Event, Goal, Order, Post, RedisKey, StateValue, Task
from tests.builders import GOAL, NOON

OPERATOR = "ada"
POST = {"text": "maybe", "platform": "twitter"}
SECRET = 'pass "word" 1/2'
TIMING = Timing(lease=timedelta(seconds=3), retry_base=timedelta(seconds=2), retry_longest=timedelta(seconds=60))
Step = tuple[str, str, dict[str, Any]]


def tid(key: str) -> str:
    return task_id(GOAL, key)


def moment(at: float) -> datetime:
    return NOON + timedelta(seconds=at)


def life(key: str, *steps: tuple[float, str, str, dict[str, Any]]) -> list[Event]:
    """The events of one task; what a step does not say stays as the step before left it."""
    standing: dict[str, Any] = {"phase": "propose", "generation": 0, "attempts": 0}
    events = []
    for version, (at, name, status, said) in enumerate(steps, 1):
        standing |= {field: said[field] for field in standing if field in said}
        ids = {"shard": 0, "entry_id": f"{key}-{version}", "seq": 0, "task_id": tid(key), "goal_id": GOAL}
        own = {"at": moment(at), "name": f"task.{name}", "status": status, "version": version}
        events.append(Event(**{**ids, **own, **standing, **said}))
    return events


def started(at: float, generation: int, agent: str, attempts: int = 1, **said: Any) -> tuple[float, str, str, Any]:
    return at, "started", "RUNNING", {"generation": generation, "agent": agent, "attempts": attempts, **said}


QUEUED: dict[str, Any] = {}


def writes(key: str, expected: int, value: Any) -> dict[str, Any]:
    return {"changes": [{"key": key, "expected": expected, "value": value}]}


def judgement(key: str, output: Any, route: str = "review") -> dict[str, Any]:
    return {
        "verdict": {"rubric_version": "r1", "confidence": 0.6},
        "decision": {"route": route, "policy_version": "p1", "reasons": ["why"]},
        "changes": {},
        "digest": content_digest(tid(key), {}, output, "p1", "r1"),
    }


def tallies() -> list[Event]:
    return [
        *life(
            "first",
            (1.0, "queued", "QUEUED", QUEUED),
            started(1.1, 1, "a1"),
            (1.5, "completed", "COMPLETED", {"agent": "a1", **writes("tally", 0, 1)}),
        ),
        *life(
            "second",
            (1.0, "queued", "QUEUED", QUEUED),
            started(1.1, 1, "b1"),
            (1.6, "conflicted", "QUEUED", {"agent": "b1", "error": "version 1"}),
            started(1.7, 2, "b2"),
            (2.0, "completed", "COMPLETED", {"agent": "b2", **writes("tally", 1, 2)}),
        ),
    ]


def troubles() -> list[Event]:
    return [
        *life(
            "flaky",
            (1.0, "queued", "QUEUED", QUEUED),
            started(1.1, 1, "b1"),
            (1.2, "delayed", "DELAYED", {"agent": "b1", "error": "on purpose"}),
            (3.3, "queued", "QUEUED", QUEUED),
            started(3.4, 2, "b1", 2),
            (3.5, "delayed", "DELAYED", {"agent": "b1", "error": "429, which costs nothing"}),
            (3.6, "queued", "QUEUED", QUEUED),
            started(3.7, 3, "b1", 2),
            (3.8, "delayed", "DELAYED", {"agent": "b1", "error": "on purpose"}),
            (7.9, "queued", "QUEUED", QUEUED),
            started(8.0, 4, "b1", 3),
            (8.1, "completed", "COMPLETED", {"agent": "b1"}),
        ),
        *life(
            "hostage",
            (1.0, "queued", "QUEUED", QUEUED),
            started(1.1, 1, "a1"),
            (5.0, "taken_over", "QUEUED", {"error": "lease of a1 expired"}),
            started(5.1, 2, "b2"),
            (5.2, "given_back", "QUEUED", {"agent": "b2"}),
            started(5.3, 3, "b2"),
            (5.4, "completed", "COMPLETED", {"agent": "b2"}),
        ),
        *life("orphan", (1.0, "cancelled", "CANCELLED", {"error": "it depends on lost, which is FAILED"})),
        *life(
            "lost",
            (0.8, "queued", "QUEUED", QUEUED),
            started(0.85, 1, "a1"),
            (0.9, "failed", "FAILED", {"agent": "a1", "error": "no use"}),
            (9.0, "retried", "PENDING", {"agent": OPERATOR, "attempts": 0, "shard": 1_000_000}),
            (9.0, "queued", "QUEUED", QUEUED),
            started(9.1, 2, "b1"),
            (9.2, "failed", "FAILED", {"agent": "b1", "error": "no use"}),
        ),
    ]


def judged() -> list[Event]:
    """Three results: one held and approved, one held, approved and executed, one that the gate let through, one refused."""
    return [
        *life(
            "draft",
            (1.0, "queued", "QUEUED", QUEUED),
            started(1.1, 1, "b1"),
            (1.2, "judging", "JUDGING", {"agent": "b1", "output": "a draft"}),
            (1.3, "revised", "QUEUED", {"agent": "j1", "generation": 2}),
            started(1.4, 3, "b1"),
            (1.5, "judging", "JUDGING", {"agent": "b1", "output": "better"}),
            (1.6, "held", "NEEDS_REVIEW", held("draft", "better", 4)),
            (2.0, "rejudged", "JUDGING", {}),
            (2.1, "held", "NEEDS_REVIEW", held("draft", "better", 5)),
            (2.6, "approved", "APPROVED", decided("draft", "better", **writes("draft", 0, "better"))),
            (2.6, "completed", "COMPLETED", {"agent": OPERATOR, "output": "better"}),
        ),
        *life(
            "publish",
            (4.0, "queued", "QUEUED", QUEUED),
            started(4.1, 1, "b1"),
            (4.2, "judging", "JUDGING", {"agent": "b1", "output": POST}),
            (4.3, "held", "NEEDS_REVIEW", held("publish", POST, 2)),
            (6.0, "approved", "APPROVED", decided("publish", POST, phase="execute")),
            started(6.1, 3, "b2"),
            (6.2, "completed", "COMPLETED", {"agent": "b2", "output": {"posted": True}}),
        ),
        *life(
            "plain",
            (4.0, "queued", "QUEUED", QUEUED),
            started(4.1, 1, "b1"),
            (4.2, "judging", "JUDGING", {"agent": "b1", "output": "fine"}),
            (4.3, "approved", "APPROVED", passed("plain", "fine", generation=2, phase="execute")),
            started(4.4, 3, "b1"),
            (4.5, "completed", "COMPLETED", {"agent": "b1"}),
        ),
        *life(
            "refused",
            (4.0, "queued", "QUEUED", QUEUED),
            started(4.1, 1, "b1"),
            (4.2, "judging", "JUDGING", {"agent": "b1", "output": "rude"}),
            (4.3, "held", "NEEDS_REVIEW", held("refused", "rude", 2)),
            (6.0, "rejected", "REJECTED", {"agent": OPERATOR, "error": "not our tone"}),
        ),
    ]


def held(key: str, output: Any, generation: int) -> dict[str, Any]:
    data = {"judgement": judgement(key, output)}
    return {"agent": "j1", "generation": generation, "output": output, "data": data}


def decided(key: str, output: Any, **said: Any) -> dict[str, Any]:
    return {"agent": OPERATOR, "data": {"judgement": judgement(key, output)}, **said}


def passed(key: str, output: Any, **said: Any) -> dict[str, Any]:
    return {"agent": "j1", "data": {"judgement": judgement(key, output, "approve")}, **said}


def a_card(key: str, output: Any, generation: int, status: str = "APPROVED") -> Card:
    return Card(
        id=f"card-{key}",
        task_id=tid(key),
        goal_id=GOAL,
        generation=generation,
        status=status,
        content=output,
        judgement=judgement(key, output),
        created_at=NOON,
        decided_by=OPERATOR,
        decided_at=NOON,
        resumed_at=NOON,
    )


def audited(rows: Iterable[Card | Order]) -> tuple[AuditLine, ...]:
    """One row a decision or order, chained by the code that is being checked."""
    lines: list[AuditLine] = []
    for seq, told in enumerate(rows, 1):
        ids = {"card_id": "", "task_id": told.task_id, "goal_id": told.goal_id, "digest": ""}
        if isinstance(told, Card):
            ids |= {"card_id": told.id, "digest": told.judgement["digest"], "goal_id": ""}
            action = {"APPROVED": "approve", "REJECTED": "reject"}[told.status]
        else:
            action = told.action
        entry = AuditEntry(at=NOON, operator=OPERATOR, action=action, **ids)
        row = chain(entry, seq, lines[-1].hash if lines else GENESIS)
        lines.append(AuditLine(**row.model_dump()))
    return tuple(lines)


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Events as they are recorded: by time, those of one instant in the order of their versions."""
    found = sorted(events, key=lambda event: (event.at, event.version))
    return tuple(replace(event, seq=seq) for seq, event in enumerate(found, 1))


def tasks_of(events: Iterable[Event]) -> tuple[Task, ...]:
    """The tasks as the last of their events left them."""
    last = {event.task_id: event for event in events}
    keys = {tid(key): key for key in KINDS}
    return tuple(
        Task(
            id=task,
            goal_id=GOAL,
            key=keys[task],
            kind=KINDS[keys[task]],
            max_retries=2,
            status=event.status,
            phase=event.phase,
            version=event.version,
            generation=event.generation,
            attempts=event.attempts,
            dispatched_at=NOON,
        )
        for task, event in last.items()
    )


KINDS = {
    **dict.fromkeys(("first", "second", "flaky", "hostage", "orphan", "lost", "draft", "plain", "refused"), "any"),
    "publish": "content.publish",
}


def a_key(suffix: str, kind: str = "hash", size: int = 1, *, shard: int | None = 0, **fields: Any) -> RedisKey:
    tag = "{chimera:x}" if shard is None else f"{{chimera:x:{shard}}}"
    return RedisKey(name=f"{tag}:{suffix}", shard=shard, suffix=suffix, kind=kind, size=size, **fields)


RETRY = Order(seq=1, at=NOON, action="retry", goal_id=GOAL, task_id=tid("lost"), operator=OPERATOR, done_at=NOON)


def good_history() -> History:
    """A history that every check accepts."""
    events = in_order([*tallies(), *troubles(), *judged()])
    stale = replace(a_card("draft", "better", 4, "STALE"), id="stale", content="altered", decided_by=None)
    decided = (a_card("draft", "better", 5), a_card("publish", POST, 2), a_card("refused", "rude", 2, "REJECTED"))
    key = f"{tid('publish')}:execute"
    return History(
        events=events,
        tasks=tasks_of(events),
        goals=(Goal(id=GOAL, status="FAILED", submitted=10, finished=7, failed=2, cancelled=1),),
        state=(
            StateValue(goal_id=GOAL, key="tally", value=2, version=2),
            StateValue(goal_id=GOAL, key="draft", value="better", version=1),
        ),
        cards=(*decided, stale),
        audit=audited((*decided, RETRY)),
        orders=(RETRY,),
        posts=(Post(idempotency_key=key, platform="twitter", post=POST, at=NOON),),
        keys=(
            a_key("shards", "string", shard=None),
            a_key("fleet", shard=None),
            a_key("out", "stream", 0),
            a_key("run", "string", 40),
            a_key("work:bell", "list", 3),
        ),
        effects=((tid("publish"), "execute", key), (tid("publish"), "execute", key)),
        deaths=(Death(at=moment(2.0), agents=frozenset({"a1"})),),
        sinks=(("a log", "nothing to see"),),
        secrets=(SECRET,),
    )


def spoiled(key: str, name: str, **fields: Any) -> History:
    """The good history with some events of a task changed."""
    return with_events(
        lambda event: replace(event, **fields) if (event.task_id, event.name) == (tid(key), f"task.{name}") else event
    )


def with_events(change: Callable[[Event], Event | None]) -> History:
    """The good history with every event passed through a function; the tasks are as their last events leave them."""
    return telling(changed for event in good_history().events if (changed := change(event)))


def with_life(events: Iterable[Event]) -> History:
    """The good history with another life of one task."""
    lived = list(events)
    others = [event for event in good_history().events if event.task_id != lived[0].task_id]
    return telling(in_order([*others, *lived]))


def telling(events: Iterable[Event]) -> History:
    """The good history with other events; tasks and goal are as these leave them."""
    told = tuple(events)
    tasks = tasks_of(told)
    number = Counter(task.status for task in tasks)
    live = any(task.status not in ENDS for task in tasks)
    goal = Goal(
        id=GOAL,
        status="ACTIVE" if live else "FAILED",
        submitted=len(tasks),
        finished=number["COMPLETED"],
        failed=number["FAILED"] + number["REJECTED"],
        cancelled=number["CANCELLED"],
    )
    return replace(good_history(), events=told, tasks=tasks, goals=(goal,))


def with_card(key: str, **fields: Any) -> History:
    """The good history with one card changed, and the audit as it was."""
    good = good_history()
    cards = tuple(replace(card, **fields) if card.task_id == tid(key) else card for card in good.cards)
    return replace(good, cards=cards)


def with_audit(place: int, **fields: Any) -> History:
    """The good history with one row of the audit changed."""
    good = good_history()
    lines = list(good.audit)
    lines[place] = replace(lines[place], **fields)
    return replace(good, audit=tuple(lines))


def with_key(suffix: str, kind: str = "hash", size: int = 1, **fields: Any) -> History:
    """The good history with one key more in Redis."""
    good = good_history()
    return replace(good, keys=(*good.keys, a_key(suffix, kind, size, **fields)))
