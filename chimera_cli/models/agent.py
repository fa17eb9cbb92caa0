"""The running agents: who they are, and how alive."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict

from chimera_cli.models.noun import Noun


class Role(StrEnum):
    """What an agent does."""

    PLANNER = "planner"
    WORKER = "worker"
    JUDGE = "judge"


class AgentStatus(StrEnum):
    """What an agent is doing."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    STOPPED = "stopped"


class Liveness(StrEnum):
    """How an agent's sign of life reads."""

    ALIVE = "alive"
    """Beat on time."""
    LATE = "late"
    """Missed one beat."""
    STUCK = "stuck"
    """Beats on time, and makes no progress: it is beyond its task's own limit, or could not claim for long."""
    STALLED = "stalled"
    """Its process lives and keeps its tasks, and its event loop stands still."""
    DEAD = "dead"
    """Missed three."""


class Sign(Noun):
    """What one process says to all others. A fleet is upgraded process by process, so a newer one may say more."""

    model_config = ConfigDict(extra="ignore")


class AgentHeartbeat(Sign):
    """One agent's sign of life."""

    id: str
    """The agent's uuid."""
    role: Role
    """What it does."""
    status: AgentStatus
    """What it is doing."""
    task_id: str = ""
    """The task in its hands; empty when idle."""
    stuck_for: timedelta | None = None
    """How long it has been overdue; None while all is well."""


class ProcessBeat(Sign):
    """One process's sign of life, for all its agents in one message."""

    process: str
    """Id of the process: host, pid and a random part."""
    period: timedelta
    """Time until its next beat."""
    loop_lag: timedelta | None = None
    """How late its event loop came to what was due, at worst since its last beat; None from a release that does not tell."""
    agents: tuple[AgentHeartbeat, ...]
    """Its agents."""
    kinds: tuple[str, ...] | None = None
    """Kinds of tasks that it claims; None: any, or a release that does not tell."""
    has_key: bool = True
    """Whether it has the key for approvals, without which it executes nothing; True from a release that does not tell."""


class FleetMember(Noun):
    """One running agent as an operator sees it."""

    id: str
    """The agent's uuid."""
    process: str
    """The process it runs in."""
    role: Role
    """What it does."""
    state: AgentStatus
    """What it is doing."""
    liveness: Liveness
    """How alive it is."""
    task_id: str = ""
    """The task in its hands."""
    beat_age: timedelta
    """Time since its last beat, by the clock of Redis."""
    stuck_for: timedelta | None = None
    """How long it has made no progress, by its own clock; None while all is well."""
    stalled_for: timedelta | None = None
    """How long its process's event loop has stood still; None while it goes on."""
    loop_lag: timedelta | None = None
    """How late its process's event loop came to what was due, at worst between its last two beats; None: it does not tell."""
    kinds: tuple[str, ...] | None = None
    """Kinds of tasks that its process claims; None: any, or it does not tell."""
    has_key: bool = True
    """Whether its process has the key for approvals; True also when it does not tell."""


def liveness(
    age: timedelta, period: timedelta, stuck_for: timedelta | None = None, stalled_for: timedelta | None = None
) -> Liveness:
    """Read a sign of life: late after one missed beat, dead after three; stalled or stuck when it comes on time and says so.

    A beat counts as missed when another whole period passed after it was due, so that a slow beat is not a dead agent.
    """
    if age >= 4 * period:
        return Liveness.DEAD
    if age >= 2 * period:
        return Liveness.LATE
    if stalled_for is not None:
        return Liveness.STALLED
    return Liveness.ALIVE if stuck_for is None else Liveness.STUCK


def living(fleet: Iterable[FleetMember], role: Role) -> list[FleetMember]:
    """List the agents of a role that are not dead."""
    return [member for member in fleet if member.role is role and member.liveness is not Liveness.DEAD]


def stalled(fleet: Iterable[FleetMember]) -> tuple[str, ...]:
    """Name the processes whose event loop stands still, sorted."""
    return tuple(sorted({member.process for member in fleet if member.liveness is Liveness.STALLED}))
