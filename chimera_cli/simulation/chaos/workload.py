"""The work of a round: one goal with a mixture of tasks, the same for the same seed and round."""

from random import Random

from chimera_cli.models.task import Priority, TaskSpec

MODULE = "chimera_cli.simulation.chaos.kinds"
"""Where the handlers are, as `--handlers` takes it."""
POISON_EVERY = 15
"""One round in so many has a task that ends whichever process runs it."""
LONGEST_S = 1.6
"""The longest task."""
AGAIN_S = 1.5
"""How much longer further runs of the tasks that only sleep take."""
PATIENT = 10
"""Retries of every task: a server that is away for a moment must not use them up."""


def workload(seed: int, number: int) -> list[TaskSpec]:
    """Draw the tasks of a round.

    Args:
        seed: Seed of the drill.
        number: Number of the round, from 1.
    """
    chance = Random(f"workload/{seed}/{number}")  # nosec B311 # the same seed must give the same work
    tasks = [_task(f"count-{n}", "count", chance, longest=0.3) for n in range(chance.randint(2, 4))]
    tasks += [_task(f"sleep-{n}", chance.choice(("sleep", "sleep", "thread")), chance) for n in range(8)]
    tasks += [_task(f"flaky-{n}", "flaky", chance, longest=0.2, failures=n + 1) for n in range(chance.randint(1, 2))]
    tasks += [_task(f"merge-{n}", "merge", chance, longest=0.3) for n in range(2)]
    tasks += [_task(f"post-{n}", "post", chance, longest=0.5) for n in range(2)]
    tasks += [_task("publish-0", "publish", chance, longest=0.3)]
    tasks += [_task("publish-1", "publish", chance, "merge-0", "sleep-0", longest=0.1)]
    tasks += [_task("last", "sleep", chance, "post-0", "count-0", "flaky-0", longest=0.1)]
    payload = {"topic": f"round {number}", "platform": "bluesky"}
    draft = TaskSpec(key="draft", kind="content.draft", title="A draft", payload=payload, max_retries=PATIENT)
    tasks += [draft]
    if number % POISON_EVERY == POISON_EVERY // 2:
        tasks += [_task("poison", "poison", chance)]
    return tasks


def _task(
    key: str, kind: str, chance: Random, *depends_on: str, longest: float = LONGEST_S, failures: int = 0
) -> TaskSpec:
    return TaskSpec(
        key=key,
        kind=f"drill.{kind}",
        title=f"Drill {key}",
        payload={"pause_s": round(chance.uniform(0.05, longest), 3), "failures": failures, "again_s": AGAIN_S},
        depends_on=depends_on,
        priority=chance.choice(list(Priority)),
        max_retries=PATIENT,
    )
