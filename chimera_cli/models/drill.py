"""What a chaos drill reports: what was done to the swarm in each round, what became of the work, and what broke."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from chimera_cli.models.noun import Noun


class FaultKind(StrEnum):
    """What a drill does to a swarm."""

    WORKER = "worker"
    """Workers and judges are killed, stalled or restarted."""
    REDIS = "redis"
    """Redis is killed and started again, or stalled."""
    POSTGRES = "postgres"
    """Postgres is killed, stopped and started again, or stalled."""
    NETWORK = "network"
    """Connections are cut, torn, slow, half-open or refused."""
    CLOCK = "clock"
    """A worker's clock is minutes off."""
    FLUSH = "flush"
    """Redis loses its data, or comes back with old data."""
    MODEL = "model"
    """The model throttles, answers nonsense, is slow or away."""
    KEY_FAMILY = "key-family"
    """Redis goes on without one family of the key map."""
    OOM = "oom"
    """Redis has no memory left and refuses what would take some."""
    MISCONF = "misconf"
    """Redis cannot save its snapshot and refuses writes."""
    READONLY = "readonly"
    """Redis is the replica of a server that is not there."""
    STALLED_LOOP = "stalled-loop"
    """A handler holds the event loop longer than a lease, each time that its task runs."""
    SELF_DRAIN = "self-drain"
    """A handler sends its own process the signal to end."""
    FOREIGN_STORE = "foreign-store"
    """A role is started with a Redis or a record that is not the swarm's."""
    TWO_PRIMARIES = "two-primaries"
    """A copy of Redis takes over while the old one still answers; in the end the old one is back."""
    REDIS_CLOCK = "redis-clock"
    """Redis' clock steps by minutes, and back."""
    POOLER = "pooler"
    """The pooler in front of Postgres is killed, stopped and started again, or stalled."""
    RESHARD = "reshard"
    """The swarm's slots of a Redis Cluster move to other nodes."""


class Moment(StrEnum):
    """From when the time of a fault is counted."""

    SUBMISSION = "submission"
    """The round's plan is on its way to the record."""
    ACCEPTANCE = "acceptance"
    """The plan is stored: its tasks are worked on from now."""


class Strike(Noun):
    """One fault at one moment."""

    after: Moment
    """From when its time is counted."""
    at_s: float
    """Seconds after that."""
    fault: FaultKind
    """Its kind."""
    action: str
    """What exactly is done."""
    target: str = ""
    """The role or the wire that is struck; empty for the server that the fault is about."""
    lasts_s: float = 0.0
    """Seconds that it lasts; 0 for a moment."""
    leases: float = 0.0
    """Leases that it lasts, for what is told in leases."""
    amount: float = 0.0
    """How much: seconds of a clock, milliseconds of a delay, number of requests; 0 where there is nothing to tell."""


class Harm(StrEnum):
    """What a breach did to accepted work."""

    LOST = "lost"
    """Work or an effect is missing."""
    DOUBLED = "doubled"
    """Something was done twice."""
    STUCK = "stuck"
    """Something waits for ever."""
    FAILED = "failed"
    """A task failed for a fault that was not its own."""
    OTHER = "other"
    """None of these."""


class Breach(Noun):
    """Something that must not happen, and did."""

    invariant: str
    """What was broken, in a few words."""
    subject: str
    """What it was seen on: a task, a key, a role."""
    text: str
    """What was seen."""
    harm: Harm = Harm.OTHER
    """What it did to the work."""


class Toll(Noun):
    """What the rounds with one kind of fault cost."""

    rounds: int = 0
    """Rounds in which it struck, alone or with others."""
    broken: int = 0
    """Of these, how many broke something."""
    harms: Mapping[Harm, int] = Field(default_factory=dict)
    """How much was broken in these rounds, by harm; 0 for those that did not occur."""


class Tally(Noun):
    """What became of the work."""

    accepted: int = 0
    """Tasks that were stored."""
    ended: Mapping[str, int] = Field(default_factory=dict)
    """Of these, how many ended, by status."""
    effects: int = 0
    """Committed effects outside the swarm."""
    runs: int = 0
    """Times that a handler began a phase of a task."""
    repeated: int = 0
    """Of these, how many began a phase that was begun before."""
    takeovers: int = 0
    """Tasks taken over from agents that fell silent."""
    struck: Mapping[str, int] = Field(default_factory=dict)
    """Faults applied, by kind."""

    @property
    def delivered(self) -> int:
        """Tasks that ended, in whatever way."""
        return sum(self.ended.values())

    def plus(self, other: "Tally") -> "Tally":
        """Add two accounts."""
        return Tally(
            accepted=self.accepted + other.accepted,
            ended=_sum(self.ended, other.ended),
            effects=self.effects + other.effects,
            runs=self.runs + other.runs,
            repeated=self.repeated + other.repeated,
            takeovers=self.takeovers + other.takeovers,
            struck=_sum(self.struck, other.struck),
        )


class RoundReport(Noun):
    """One round of a drill."""

    round: int
    """Its number, from 1."""
    seed: int
    """The drill's seed; with the number it makes the schedule and the work."""
    ok: bool
    """Whether nothing broke."""
    took_s: float
    """Seconds from its first command to its last check."""
    schedule: tuple[Strike, ...]
    """What was done to the swarm."""
    goal_id: str
    """The goal that was worked on meanwhile."""
    tally: Tally
    """What became of it."""
    failures: tuple[str, ...] = ()
    """Tasks that ended badly, with their reasons; those that may are no breach."""
    breaches: tuple[Breach, ...] = ()
    """What broke."""


class DrillReport(Noun):
    """The end of a drill."""

    ok: bool
    """Whether nothing broke in any round."""
    seed: int
    """What it was run with."""
    rounds: int
    """Rounds that were played."""
    faults: tuple[FaultKind, ...]
    """What it could do to the swarm."""
    took_s: float
    """Seconds from the start of the servers to the last check."""
    settings: Mapping[str, str]
    """The installation's settings that were tried, by variable; no secrets are among them."""
    tally: Tally
    """What became of all the work."""
    tolls: Mapping[FaultKind, Toll] = Field(default_factory=dict)
    """What each kind of fault cost."""
    broken: tuple[int, ...] = ()
    """Rounds in which something broke."""
    kept: str = ""
    """Folder with the servers' data and the roles' logs; empty when it was removed."""


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
