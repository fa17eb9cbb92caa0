"""What one task waits for that does not come by itself."""

from collections.abc import Sequence
from typing import NamedTuple

from chimera_cli.models.agent import FleetMember
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.release import NOT_VOUCHED, UNVOUCHED_CURE
from chimera_cli.models.task import Phase, Task, TaskStatus
from chimera_cli.models.unserved import CURE, KEY_CURE, unexecuted, unserved

AT_REST = (TaskStatus.QUEUED, TaskStatus.APPROVED)
"""Where a task waits for a worker."""


class Waits(NamedTuple):
    """Whether a task waits for a worker that is not there; None where that is not known."""

    unserved: bool | None
    """No live worker claims its kind."""
    unexecuted: bool | None
    """It is approved, and no live worker for its kind has the key for approvals."""
    unvouched: bool
    """A worker claimed it for its execution and did not vouch for its release."""
    sentences: tuple[str, ...]
    """Each of them with its cure."""

    @property
    def flags(self) -> dict[str, bool | None]:
        """Give them by name, for scripts."""
        return {"unserved": self.unserved, "unexecuted": self.unexecuted, "unvouched": self.unvouched}


def waits_of(task: Task, history: Sequence[TaskEvent], fleet: Sequence[FleetMember] | None) -> Waits:
    """Tell what a task waits for.

    Args:
        task: The task.
        history: Its events, in order.
        fleet: All agents; None while Redis, where they tell of themselves, is away.
    """
    doubted, executes = _doubted(task, history), task.phase is Phase.EXECUTE
    told = [f"{NOT_VOUCHED}; {UNVOUCHED_CURE}"] if doubted else []
    if task.status not in AT_REST:
        return Waits(unserved=False, unexecuted=False, unvouched=doubted, sentences=tuple(told))
    if fleet is None:
        return Waits(unserved=None, unexecuted=None if executes else False, unvouched=doubted, sentences=tuple(told))
    kinds, keys = unserved({task.kind: 1}, fleet), unexecuted({task.kind: int(executes)}, fleet)
    told += [f"{one.sentence}; {CURE}" for one in kinds] + [f"{one.sentence}; {KEY_CURE}" for one in keys]
    return Waits(unserved=bool(kinds), unexecuted=bool(keys), unvouched=doubted, sentences=tuple(told))


def _doubted(task: Task, history: Sequence[TaskEvent]) -> bool:
    """Tell whether no worker vouched when it was claimed last for its execution; `unvouched` of the record reads the same."""
    if task.status not in (TaskStatus.DELAYED, TaskStatus.APPROVED) or task.phase is not Phase.EXECUTE:
        return False
    steps = (event for event in reversed(history) if event.name in ("task.delayed", "task.approved"))
    last = next(steps, None)
    return last is not None and last.error.startswith(NOT_VOUCHED)
