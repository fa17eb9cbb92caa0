"""The tasks that a simulation adds to the plan: each provokes one thing, the rest keeps the workers busy."""

from random import Random

from chimera_cli.models.task import Priority, TaskSpec

MODULE = "chimera_cli.simulation.kinds"
"""Where their handlers are, as `--handlers` takes it."""
TALLIES = 6
"""Tasks that write one key. Each round at least one of them gets through, so none meets more than five conflicts."""
HOSTAGE = "hostage"
"""Key of the task whose worker is killed."""


def extra_tasks(fillers: int, seed: int) -> list[TaskSpec]:
    """Make the same tasks for the same seed."""
    chance = Random(seed)  # nosec B311 # the same seed must give the same tasks
    # Before the fillers, so that the lane is as full as it gets when the workers look at it.
    own = [_task(HOSTAGE, "sim.hostage", "Its worker is killed", Priority.HIGH)]
    own += [
        _task(f"tally-{n}", "sim.tally", f"Count to {n}", Priority.HIGH, chance.uniform(0.2, 0.4))
        for n in range(1, TALLIES + 1)
    ]
    own += [_task("flaky", "sim.flaky", "Fails once", Priority.NORMAL)]
    return own + [
        _task(f"step-{n}", "sim.step", f"Step {n}", Priority.LOW, chance.uniform(0.1, 0.4))
        for n in range(1, fillers + 1)
    ]


def _task(key: str, kind: str, title: str, priority: Priority, pause_s: float | None = None) -> TaskSpec:
    payload = {} if pause_s is None else {"pause_s": round(pause_s, 3)}
    return TaskSpec(key=key, kind=kind, title=title, priority=priority, payload=payload)
