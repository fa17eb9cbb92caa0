"""Where live tasks stand in Redis, held against what the record has of them."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from chimera_cli.models.noun import Noun
from chimera_cli.models.task import TaskStatus


class Standing(StrEnum):
    """What an inspection found of one task."""

    OK = "ok"
    """It stands in the place of its status, or has moved on since the record was read."""
    GOAL = "goal"
    """The task stands well; its goal, or the goal's state, is lost."""
    LOST = "lost"
    """It is unknown, of an older version, or in no place. When mending it was cleared, and has to be put in again."""
    UNMENDED = "unmended"
    """Something beside it is lost that Redis can make anew: a lane's turn, a deadline, a message to its children, the event of
    its end."""
    MENDED = "mended"
    """The same, and it was made anew."""


class StillTask(Noun):
    """A live task that has not moved for long, as the record has it."""

    id: str
    """The task."""
    goal_id: str
    """Its goal."""
    version: int
    """Number of its recorded status changes."""
    status: TaskStatus
    """Its recorded status."""
    dependencies: tuple[str, ...] = ()
    """Ids of the tasks that it depends on, as long as it is PENDING."""


class StillTasks(Noun):
    """A page of them."""

    tasks: tuple[StillTask, ...] = ()
    """The tasks, in the order of submission."""
    states: Mapping[str, int] = Field(default_factory=dict)
    """Number of recorded state keys, by the goal of these tasks; goals without state are absent."""

    def of(self, shard_tasks: tuple[StillTask, ...]) -> "StillTasks":
        """Return a part of the page, with the states of its goals."""
        goals = {task.goal_id for task in shard_tasks}
        return StillTasks(tasks=shard_tasks, states={goal: keys for goal, keys in self.states.items() if goal in goals})
