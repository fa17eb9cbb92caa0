"""What happens in a simulation, in order: plan, add, work, kill, hold, approve, end. Everything is done by real processes."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chimera_cli.models.agent import FleetMember
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import task_id
from chimera_cli.models.review import ReviewCard
from chimera_cli.services.swarm import Swarm
from chimera_cli.simulation.evidence import HeldLook, Killed
from chimera_cli.simulation.extra_tasks import HOSTAGE, MODULE, extra_tasks
from chimera_cli.simulation.life import Mark
from chimera_cli.simulation.options import GOAL, OPERATOR, Onlooker, SimulationOptions
from chimera_cli.simulation.roles import Role, Roles, ensure_alive, kill

PATIENCE = timedelta(seconds=60)
"""How long the goal may take after its tasks are there; more fillers get more."""
A_FILLER = timedelta(seconds=0.3)
"""Patience added for each filler task."""
HOLD = timedelta(seconds=1)
"""How long a card is watched before it is decided: what is held must stay held."""
POLL = timedelta(seconds=0.1)
"""Time between two looks for something to do."""
PERIOD = timedelta(seconds=1)
"""Time between two looks at the board."""
WORKER_PROCESSES = 2
JUDGES = 4
EXTRA_FILE = "extra.jsonl"


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


async def _nap(span: timedelta) -> None:
    await asyncio.sleep(span.total_seconds())


class Story:
    """One run of the script. What it learns on the way stands in its attributes."""

    def __init__(
        self,
        swarm: Swarm,
        roles: Roles,
        *,
        folder: Path,
        options: SimulationOptions,
        watch: Onlooker,
        hold: timedelta = HOLD,
    ) -> None:
        """Args:
        swarm: Looks into the stores; all changes are made by the roles.
        roles: Starts and ends processes.
        folder: Where the roles run.
        options: How the simulation is run.
        watch: Hears what happens.
        hold: How long a card is watched before it is decided.
        """
        self._swarm, self._roles, self._folder = swarm, roles, folder
        self._options, self._watch, self._hold = options, watch, hold
        self.running: list[Role] = []
        """The long-running roles that were not killed."""
        self._deciding = asyncio.Lock()
        self.goal_id = ""
        self.marks: list[Mark] = []
        self.homes: dict[str, str] = {}
        """Names of the processes by the ids of their agents."""
        self.killed: Killed | None = None
        self.looks: list[HeldLook] = []
        self.stall = timedelta()
        """Longest time that this very process was late: what the machine owes to the others too."""

    async def begin(self) -> None:
        """Have the goal planned while the roles come up, and add the simulation's own tasks to it.

        Raises:
            RoleFailed: A command failed.
        """
        plan = await self._roles.start("plan", "plan", GOAL, "--json")
        await self._start_roles()
        planned = json.loads(await self._roles.finished(plan))
        self.goal_id = planned["goal_id"]
        goal = await self._swarm.record.goal(self.goal_id)
        self._say("planner", f"planned {GOAL!r} as {len(planned['tasks'])} tasks", at=goal.created_at)
        extra = extra_tasks(self._options.tasks, self._options.seed)
        lines = "".join(f"{spec.model_dump_json(exclude_none=True)}\n" for spec in extra)
        (self._folder / EXTRA_FILE).write_text(lines)
        await self._roles.run(
            "tasks", "tasks", "add", self.goal_id, "--file", EXTRA_FILE, "--handlers", MODULE, "--json"
        )
        self._say("simulation", f"added {len(extra)} tasks that provoke trouble or keep the workers busy")

    async def _start_roles(self) -> None:
        each = -(-self._options.workers // WORKER_PROCESSES)
        for number in range(1, WORKER_PROCESSES + 1):
            worker = await self._roles.start(f"worker-{number}", "worker", "--count", str(each), "--handlers", MODULE)
            self.running.append(worker)
        self.running.append(await self._roles.start("judge", "judge", "--count", str(JUDGES)))
        self._say("simulation", f"started {WORKER_PROCESSES} worker processes of {each} agents and {JUDGES} judges")

    async def play(self) -> None:
        """Kill, approve and watch until the goal is over or patience is.

        Raises:
            RoleFailed: A role ended by itself, or an approval failed.
        """
        try:
            async with asyncio.TaskGroup() as group:
                acts = (self._kill_holder(), self._operate(), self._look_on())
                helpers = [group.create_task(act) for act in acts]
                await self._until_over()
                # The command of a decision that ended the goal may itself not have ended.
                async with self._deciding:
                    for helper in helpers:
                        helper.cancel()
        except ExceptionGroup as group_of_one:
            # The first to fail cancelled the others.
            raise group_of_one.exceptions[0] from None

    async def _until_over(self) -> None:
        patience = PATIENCE + A_FILLER * self._options.tasks
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while not await self._over():
                    ensure_alive(self.running)
                    before = utc_now()
                    await _nap(POLL)
                    self.stall = max(self.stall, utc_now() - before - POLL)
        except TimeoutError:
            self._say("simulation", f"gave up after {patience.total_seconds():g} s")

    async def _over(self) -> bool:
        goal = await self._swarm.record.goal(self.goal_id)
        if not goal.status.terminal and goal.status is not GoalStatus.REPLANNING:
            return False
        self._say("swarm", f"the goal is {goal.status}")
        return True

    async def _kill_holder(self) -> None:
        """Wait until an agent holds the hostage, then end its process without warning."""
        hostage = task_id(self.goal_id, HOSTAGE)
        while True:
            fleet = await self._swarm.registry.fleet()
            self._learn_homes(fleet)
            for holder in (member for member in fleet if member.task_id == hostage):
                role = _role_of(self.running, holder.process)
                if role is not None:
                    agents = frozenset(member.id for member in fleet if member.process == holder.process)
                    self.running.remove(role)
                    self.killed = Killed(role=role.name, at=utc_now(), agents=agents, task_id=hostage)
                    kill(role)
                    self._say("simulation", f"killed {role.name} (SIGKILL) with a task in its hands", hostage)
                    return
            await _nap(POLL)

    async def _operate(self) -> None:
        """Approve every card, after watching for a moment that what it holds stays held."""
        seen: dict[str, datetime] = {}
        turn = 0
        while True:
            cards = await self._swarm.reviews.cards(goal_id=self.goal_id, limit=0)
            now = utc_now()
            watched = [now - seen.setdefault(card.id, now) for card in cards]
            if watched and min(watched) >= self._hold:
                turn += 1
                async with self._deciding:
                    await self._approve(cards, turn)
            await _nap(POLL)

    async def _approve(self, cards: Sequence[ReviewCard], turn: int) -> None:
        posts = await self._swarm.outbox.posts(limit=0)
        posted = tuple(str(post["idempotency_key"]) for post in posts)
        self.looks.append(HeldLook(held=tuple(card.task_id for card in cards), posted=posted))
        for card in cards:
            self._say(OPERATOR, f"approves {card.title!r}", card.task_id)
        ids = [card.id for card in cards]
        await self._roles.run(f"review-{turn}", "review", "approve", *ids, "--as", OPERATOR, "--json")

    async def _look_on(self) -> None:
        while True:
            snapshot = await self._swarm.snapshot()
            self._learn_homes(snapshot.fleet)
            self._watch.look(snapshot)
            await _nap(PERIOD)

    def _learn_homes(self, fleet: Sequence[FleetMember]) -> None:
        for member in fleet:
            role = _role_of(self.running, member.process)
            if role is not None:
                self.homes[member.id] = role.name

    def _say(self, who: str, what: str, task: str = "", *, at: datetime | None = None) -> None:
        self.marks.append(Mark(at=at or utc_now(), who=who, what=what, task_id=task))
        self._watch.say(f"{who}: {what}")


def _role_of(roles: Sequence[Role], process: str) -> Role | None:
    """Find the role whose process id stands in the id that the process gave itself."""
    return next((role for role in roles if re.search(rf"(?<!\d){role.pid}(?!\d)", process)), None)
