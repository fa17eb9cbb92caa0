"""What became of a round's work, counted from outside: the stores on one side, the runs that the handlers noted on the other."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from chimera_cli.models.drill import Breach, Harm, Tally
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import Task, TaskStatus

DEADLY = "drill.poison"
"""The one kind that may fail by itself."""
POSTED = {"drill.post", "drill.publish"}
"""Kinds with an effect outside the swarm."""
BAD = {TaskStatus.FAILED, TaskStatus.REJECTED, TaskStatus.CANCELLED}
"""Ways to end badly."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """All that is known of one goal."""

    tasks: Sequence[Task]
    """Its tasks."""
    events: Sequence[TaskEvent]
    """Its events."""
    state: Mapping[str, VersionedValue]
    """Its state."""
    posts: Sequence[Mapping[str, JsonValue]]
    """The posts of all goals."""
    runs: Sequence[Mapping[str, Any]]
    """The runs that handlers noted, of all goals."""
    abandon_cap: int
    """Leases that may expire on one task before it fails."""
    deadly: bool = False
    """Whether the faults of the round end processes."""
    gentle: bool = False
    """Whether the faults of the round leave every process alive and connected."""

    def tally(self, struck: Mapping[str, int]) -> Tally:
        """Count."""
        begun = Counter((run["task"], run["phase"]) for run in self.own_runs)
        return Tally(
            accepted=len(self.tasks),
            ended=dict(sorted(Counter(task.status.value for task in self.tasks if task.status.terminal).items())),
            effects=len(self.own_posts),
            runs=begun.total(),
            repeated=begun.total() - len(begun),
            takeovers=sum(event.name == "task.taken_over" for event in self.events),
            struck=dict(struck),
        )

    @property
    def ids(self) -> set[str]:
        """Ids of the goal's tasks."""
        return {task.id for task in self.tasks}

    @property
    def own_runs(self) -> list[Mapping[str, Any]]:
        """Runs of the goal's tasks."""
        ids = self.ids
        return [run for run in self.runs if run["task"] in ids]

    @property
    def own_posts(self) -> list[str]:
        """Idempotency keys of the posts of the goal's tasks."""
        ids = self.ids
        return [key for post in self.posts if (key := str(post["idempotency_key"])).partition(":")[0] in ids]

    @property
    def failures(self) -> tuple[str, ...]:
        """Tasks that ended badly, with their reasons."""
        return tuple(f"{task.key} is {task.status}: {task.error}" for task in self.tasks if task.status in BAD)

    def done(self, *kinds: str) -> list[Task]:
        """Return the COMPLETED tasks of some kinds."""
        return [task for task in self.tasks if task.kind in kinds and task.status is TaskStatus.COMPLETED]


def read_runs(file: Path) -> list[Mapping[str, Any]]:
    """Read what handlers noted; a line that a killed process left half is no run that is known of."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def breaches_of(account: Account) -> list[Breach]:
    """Find everything that must not have happened."""
    return [
        *_lost(account),
        *_failed(account),
        *_robbed(account),
        *_shared(account),
        *_posted(account),
        *_unseen(account),
    ]


def _lost(account: Account) -> Iterator[Breach]:
    for task in account.tasks:
        if not task.status.terminal:
            subject, text = f"{task.key} {task.id}", f"is {task.status}"
            yield Breach(invariant="every accepted task ends", subject=subject, text=text, harm=Harm.STUCK)


def _failed(account: Account) -> Iterator[Breach]:
    """Only what kills processes may fail, and what was in one that was killed too often, and what depended on those."""
    lost = Counter(event.task_id for event in account.events if event.name == "task.taken_over")
    deadly = account.deadly or any(task.kind == DEADLY for task in account.tasks)
    excused = {t.key for t in account.tasks if t.kind == DEADLY or (deadly and lost[t.id] >= account.abandon_cap - 1)}
    for task in account.tasks:
        if task.status in BAD and task.key not in excused and not excused.intersection(task.depends_on):
            text = f"is {task.status}: {task.error or 'without a reason'}"
            subject = f"{task.key} {task.id}"
            yield Breach(invariant="no fault fails a task", subject=subject, text=text, harm=Harm.FAILED)


def _robbed(account: Account) -> Iterator[Breach]:
    """Where all processes live, none of them loses a task."""
    lost = Counter(event.task_id for event in account.events if event.name == "task.taken_over")
    if account.gentle and not any(task.kind == DEADLY for task in account.tasks):
        for task in account.tasks:
            if lost[task.id]:
                subject, text = f"{task.key} {task.id}", f"was taken over {lost[task.id]} times though its agents lived"
                yield Breach(invariant="no living agent is robbed", subject=subject, text=text)


def _shared(account: Account) -> Iterator[Breach]:
    """What all tasks of a kind wrote together must hold each of them once."""
    invariant, nothing = "effects are committed once", VersionedValue()
    counted, count = account.state.get("count", nothing), len(account.done("drill.count"))
    if (counted.value or 0) != count or counted.version != count:
        text = f"stands at {counted.value} in version {counted.version} after {count} tasks"
        yield Breach(invariant=invariant, subject="count", text=text, harm=_harm(counted.version, count))
    listed = account.state.get("names", nothing).value
    names, wanted = Counter(listed if isinstance(listed, list) else []), [t.key for t in account.done("drill.merge")]
    if names != Counter(wanted):
        text, harm = f"holds {dict(names)} after {sorted(wanted)}", _harm(names.total(), len(wanted))
        yield Breach(invariant=invariant, subject="names", text=text, harm=harm)


def _posted(account: Account) -> Iterator[Breach]:
    posted = Counter(account.own_posts)
    for task in account.tasks:
        times = sum(number for key, number in posted.items() if key.startswith(f"{task.id}:"))
        done = task.kind in POSTED and task.status is TaskStatus.COMPLETED
        if times != 1 if done else times > (task.kind in POSTED):
            text = f"is {task.status} and was put into the outbox {times} times"
            subject, harm = f"{task.key} {task.id}", _harm(times, int(done))
            yield Breach(invariant="effects are committed once", subject=subject, text=text, harm=harm)


def _unseen(account: Account) -> Iterator[Breach]:
    """What is done must have run."""
    ran = {(run["task"], run["phase"]) for run in account.own_runs}
    for task in account.tasks:
        if task.status is TaskStatus.COMPLETED and task.kind.startswith("drill."):
            phases = ["propose", "execute"] if task.kind in POSTED else ["propose"]
            for phase in phases:
                if (task.id, phase) not in ran:
                    text = f"is COMPLETED, and no handler ran its phase {phase}"
                    subject = f"{task.key} {task.id}"
                    yield Breach(invariant="what is done has run", subject=subject, text=text, harm=Harm.LOST)


def _harm(times: int, wanted: int) -> Harm:
    return Harm.DOUBLED if times > wanted else Harm.LOST
