"""The planner: makes a plan of a goal, and replaces what ended badly."""

from chimera_cli.agents.base import BaseAgent
from chimera_cli.exceptions import InvalidPlan, LLMError
from chimera_cli.models.agent import AgentStatus, Role
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import Plan
from chimera_cli.models.task import TaskSpec
from chimera_cli.models.telemetry import Level
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.record import RecordPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.planning import PlanningService


class PlannerAgent(BaseAgent):
    """Plans goals with the model's help. Any number may watch one record: of two that replan a goal, one wins."""

    role = Role.PLANNER

    def __init__(self, planning: PlanningService, telemetry: TelemetryPort, *, id: str = "") -> None:
        super().__init__(telemetry, id=id)
        self._planning = planning

    async def plan(self, goal: str, persona: Persona | None = None) -> Plan:
        """Make a valid plan.

        Raises:
            InvalidPlan: The model's last correction was not valid either.
            LLMError: The model gave no plan at all. BackendUnavailable and ConfigError pass through too.
        """
        self.status = AgentStatus.BUSY
        try:
            plan = await self._planning.draft(goal, persona)
        finally:
            self.status = AgentStatus.IDLE
        self.log_event("goal.planned", goal=goal, tasks=len(plan.tasks))
        return plan

    async def run(self, record: RecordPort, queue: TaskQueuePort) -> int:
        """Do one round of the watch; see `replan_once`."""
        return await self.replan_once(record, queue)

    async def replan_once(self, record: RecordPort, queue: TaskQueuePort) -> int:
        """Replan every goal that waits for it, oldest first, and return how many were changed.

        A goal for which the model gives nothing valid becomes FAILED. An unreachable model changes nothing: the goal waits.
        """
        replanning = await record.goals(status=GoalStatus.REPLANNING, limit=0)
        waiting = [goal for goal in replanning if goal.paused_at is None]
        changed = 0
        for goal in reversed(waiting):
            changed += await self._replan(record, queue, goal)
        return changed

    async def _replan(self, record: RecordPort, queue: TaskQueuePort, goal: Goal) -> bool:
        self.status = AgentStatus.BUSY
        try:
            tasks = await self._redraft(record, goal)
            won = await record.replan(goal.id, goal.replans, tasks)
        finally:
            self.status = AgentStatus.IDLE
        if won:
            self.log_event("goal.replanned", goal=goal.id, tasks=len(tasks))
        if won and not tasks:
            # The goal has FAILED, and no event tells of it: what the queue still holds of it goes now.
            await queue.forget([], [goal.id], turn=await record.turn(), epochs=await record.epochs())
        return won

    async def _redraft(self, record: RecordPort, goal: Goal) -> tuple[TaskSpec, ...]:
        ended = await record.tasks(goal_id=goal.id, limit=0)
        try:
            return await self._planning.redraft(goal, ended)
        except (InvalidPlan, LLMError) as exc:
            self.log_event("goal.replanned", exc.message, level=Level.WARN, goal=goal.id, tasks=0)
            return ()
