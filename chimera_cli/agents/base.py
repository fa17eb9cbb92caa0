"""What every agent is: an id, a role, a status, a life cycle and a voice. Cheap: a process may hold thousands."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

from chimera_cli.models.agent import AgentHeartbeat, AgentStatus, Role
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort


class BaseAgent(ABC):
    """One agent: sets up, runs, and tears down. A subclass names its `role`."""

    __slots__ = ("due", "id", "status", "task_id", "telemetry")

    role: ClassVar[Role]
    """What it does."""

    def __init__(self, telemetry: TelemetryPort, *, id: str = "") -> None:
        self.id = id or str(uuid4())
        self.telemetry = telemetry
        self.status = AgentStatus.STARTING
        self.task_id = ""
        self.due: datetime | None = None
        """When what it does should be over; it counts as stuck afterwards. None: nobody can tell."""

    @property
    def uuid(self) -> str:
        """The agent's id, by the name that says what it is."""
        return self.id

    async def setup(self) -> None:
        """Get ready to run."""
        self.status = AgentStatus.IDLE

    @abstractmethod
    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the role's work once."""

    async def teardown(self) -> None:
        """Let go of everything."""
        self.status = AgentStatus.STOPPED

    def take(self, task_id: str) -> None:
        """Note that a task is in its hands."""
        self.status, self.task_id = AgentStatus.BUSY, task_id

    def release(self) -> None:
        """Note that its hands are free."""
        self.status, self.task_id, self.due = AgentStatus.IDLE, "", None

    def stall(self, task_id: str, now: datetime) -> None:
        """Note that it cannot let go of a task that is no longer its own."""
        self.status, self.task_id, self.due = AgentStatus.BUSY, task_id, now

    def heartbeat(self, now: datetime, claim_due: datetime | None = None) -> AgentHeartbeat:
        """Return its sign of life; one with free hands is stuck when its process should have claimed before `claim_due`."""
        due = claim_due if self.status is AgentStatus.IDLE else self.due
        stuck_for = None if due is None or now < due else now - due
        return AgentHeartbeat(id=self.id, role=self.role, status=self.status, task_id=self.task_id, stuck_for=stuck_for)

    def log_event(self, name: str, /, message: str = "", *, level: Level = Level.INFO, **fields: Any) -> None:
        """Say something in this agent's name; see models/telemetry.py for the vocabulary."""
        self.telemetry.emit(TelemetryEvent(name=name, level=level, source=self.id, message=message, fields=fields))
