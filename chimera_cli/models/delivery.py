"""A task as the queue hands it over: everything its reader needs, and the lease that fences the reader's answer."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from chimera_cli.models.epoch import Epochs
from chimera_cli.models.noun import Noun
from chimera_cli.models.past import Past
from chimera_cli.models.persona import Persona
from chimera_cli.models.release import Seal
from chimera_cli.models.result import Parsed, StateChange, Usage, VersionedValue
from chimera_cli.models.task import Phase, Task, TaskStatus


class Stage(StrEnum):
    """Who takes deliveries from a queue."""

    WORK = "work"
    """Workers take tasks."""
    JUDGE = "judge"
    """Judges take results."""


class Setback(StrEnum):
    """What kept work from its end, as far as the queue counts it."""

    WORK = ""
    """The work itself."""
    OUTAGE = "outage"
    """Redis or Postgres was away."""
    UNRUN = "unrun"
    """The agent may not run it now, and no handler was begun; counted as an outage."""


class Lease(Noun):
    """The right to answer for a task, until it expires or someone else claims the task."""

    task_id: str
    """The task held."""
    goal_id: str
    """Its goal, which tells the shard."""
    generation: int
    """Number of claims of this task so far; an answer with an older one changes nothing."""
    agent: str
    """Id of the agent that holds it."""
    stage: Stage
    """Whether it is held for work or for judgement."""
    shard: int = 0
    """The shard from which it was claimed."""
    epoch: int = 0
    """Epoch of that shard in the Redis from which it was claimed."""

    @property
    def epochs(self) -> Epochs:
        """What must still hold in the record when something is done outside of Redis under this lease."""
        return {self.shard: self.epoch}


class Delivery(Noun):
    """One claimed task or result."""

    lease: Lease
    """The fence for the answer."""
    key: str
    """The task's name inside its goal."""
    kind: str
    """Which handler does it."""
    title: str
    """One line for people."""
    goal: str
    """The goal in words."""
    persona: Persona | None = None
    """Whose voice to use."""
    payload: dict[str, Parsed]
    """Arguments for the handler; empty while they are elsewhere."""
    payload_elsewhere: bool = False
    """Whether the payload is too long for the queue and still to be fetched from the record."""
    alone: bool = False
    """Whether its agent's process takes nothing else until it has ended, because it may be what ended processes before."""
    inputs: Mapping[str, Parsed] = Field(default_factory=dict)
    """Outputs of the tasks it depends on, by key."""
    phase: Phase
    """What to do with it."""
    attempt: int
    """Which attempt this is, counted from 1."""
    max_retries: int
    """Failed attempts that are followed by another."""
    conflicts: int
    """Runs that were repeated because of a version conflict."""
    revisions: int
    """How often the gate sent the result back."""
    abandoned: int = 0
    """How often its lease expired at this stage; a high count means that its agents die on it."""
    number: int = 1
    """How often this phase of the task was handed to an agent, this time included; it never falls."""
    outages: int = 0
    """Answers in a row at this stage that failed because Redis or Postgres was away."""
    feedback: str = ""
    """What the judge asked to change; empty on the first proposal."""
    deadline: datetime | None = None
    """When the task fails if it is not done."""
    output: Parsed = None
    """The result to judge, to merge or to execute; None while proposing."""
    changes: tuple[StateChange, ...] = ()
    """The held writes of that result."""
    usage: Usage = Usage()
    """What making the result consumed."""
    executes: bool = False
    """Whether an execute phase follows approval."""
    review_always: bool = False
    """Whether a person must see the result whatever its score."""
    digest: str = ""
    """Digest of what was approved; empty before approval."""
    seal: Seal | None = None
    """Who vouches for the approval; None before it, and for one that no release with signatures made."""
    policy_version: str = ""
    """Version of the gate policy under which it was approved; part of the digest."""
    rubric_version: str = ""
    """Version of the rubric by which it was judged; part of the digest."""

    @property
    def written(self) -> dict[str, JsonValue]:
        """What the held writes put into the goal's state, by key."""
        return {change.key: change.value for change in self.changes}


class Malformed(Noun):
    """A claimed task whose stored fields cannot be read; it can only be failed."""

    lease: Lease
    """The fence for failing it."""
    alone: bool = False
    """As for a Delivery."""
    reason: str
    """What is wrong with it."""


class Dependency(Noun):
    """How a task's dependency stood when the task was dispatched."""

    id: str
    """Id of the task depended on."""
    key: str
    """Its key; its output arrives under this name."""
    status: TaskStatus
    """Its status in the record."""
    output: JsonValue = None
    """Its output, when COMPLETED."""
    withheld: bool = False
    """Whether its output is left out, because the outputs are too much together for the task that depends on them."""
    version: int = 0
    """Number of its status changes that the record knows; what the queue holds of an older one is out of date."""


class Dispatch(Noun):
    """A persisted task on its way into the queue."""

    task: Task
    """The task."""
    goal: str
    """The goal in words."""
    persona: Persona | None = None
    """Whose voice to use."""
    dependencies: tuple[Dependency, ...] = ()
    """What it waits for."""
    past: Past = Past()
    """What it has behind it, when the queue has lost it."""
    turn: int = 0
    """Turn of whoever read it from the record; the queue takes nothing under an older turn than it has seen."""
    epochs: Epochs = Field(default_factory=dict)
    """The epochs of the shards when it was read from the record; a Redis of another epoch does not take it."""
    state: Mapping[str, VersionedValue] = Field(default_factory=dict)
    """The goal's recorded state, by key, when the task had ended before: the queue may have forgotten it by then."""
    cancelled: str = ""
    """Why it ends as soon as it arrives; empty when nobody ordered that."""
    paused: bool = False
    """Whether its goal is paused."""
    ordered: int = 0
    """Number of the last order about its goal."""
    life: int = 0
    """Number of the order by which the task was put back last; 0 in its first life."""
