"""What happens in a round: made up from a seed, or one of all the points of a clean run."""

import random
from collections.abc import Callable, Iterable

from chimera_cli.models.task import TaskSpec
from tests.builders import a_spec
from tests.chaos.gate import Fault, Kind, Point, Side
from tests.chaos.process import Work

MIXED = ("plain", "plain", "tally", "tally", "flaky", "slow", "draft", "draft", "merge", "merge", "post", "post")
REVIEWED = ("merge", "post")
POINTS = {"submit": 60, "work": 240, "judge": 240, "decide": 120}
"""About how many points a process of each role passes in a round."""
TELLING = {
    "submit": ("commit", "push", "INSERT INTO tasks", "UPDATE tasks SET"),
    "work": ("claim", "complete", "hand_over", "retry", "rerun", "extend", "commit", "xrange", "trim", "forget", "push",
             "INSERT INTO posts", "INSERT INTO events", "resume", "promote", "reap"),
    "judge": ("claim", "judge", "extend", "model", "commit", "trim", "forget", "push", "INSERT INTO cards"),
    "decide": ("commit", "resume", "INSERT INTO audit", "UPDATE cards SET"),
}  # fmt: skip
"""Exchanges at which a fault can do most harm, by role."""
READS = (
    *("auth", "client", "execute", "enter", "exit", "set_", "rollback"),
    *("SELECT goals", "SELECT tasks", "SELECT cards", "SELECT clock", "SELECT status", "SELECT seq", "SELECT count"),
    *(
        "SELECT orders",
        "SELECT coalesce",
        "blpop",
        "survey",
        "warden",
        "zrem",
        "hdel",
        "beat",
        "sweep",
        "settle",
        "expire",
    ),
)
"""What begins so changes nothing that anybody would miss, so that a crash there is one at the next point; stalls and all the rest
of the points come in random rounds."""


def small_work() -> Work:
    """Return the work whose every point is tried: unjudged, judged, held, executed, and one task that depends on another."""
    return Work(
        goals=((a_spec("first", "plain"), a_spec("draft", "draft"), a_spec("post", "post", depends_on=("first",))),)
    )


def random_work(dice: random.Random) -> Work:
    """Make up goals whose tasks mix all kinds and depend on each other."""
    goals = tuple(tuple(random_tasks(dice, f"g{number}")) for number in range(dice.choice((1, 1, 2))))
    reviewed = [task.key for tasks in goals for task in tasks if task.kind in REVIEWED]
    return Work(goals=goals, refused=frozenset(key for key in reviewed if dice.random() < 0.2))


def random_tasks(dice: random.Random, goal: str) -> Iterable[TaskSpec]:
    """Make up the tasks of one goal."""
    keys: list[str] = []
    for number in range(dice.randint(2, 5)):
        needs = (dice.choice(keys),) if keys and dice.random() < 0.35 else ()
        keys.append(f"{goal}-t{number}")
        yield a_spec(keys[-1], dice.choice(MIXED), depends_on=needs)


def random_faults(dice: random.Random) -> dict[str, list[Fault]]:
    """Make up one to four faults; several in one role hit one process after the other."""
    faults: dict[str, list[Fault]] = {}
    for _ in range(dice.choice((1, 1, 2, 3, 4))):
        role = dice.choice(("work", "work", "work", "judge", "judge", "submit", "decide"))
        due = at_number(dice.randint(1, POINTS[role])) if dice.random() < 0.4 else at_telling(role, dice)
        faults.setdefault(role, []).append(Fault(dice.choice(list(Kind)), due))
    return faults


def at_number(number: int) -> Callable[[int, Point], bool]:
    """Strike at the point with this number."""
    return lambda count, _: count == number


def at_telling(role: str, dice: random.Random) -> Callable[[int, Point], bool]:
    """Strike at a telling point, after some of them have gone by."""
    label, left = dice.choice(TELLING[role]), dice.choice((0, 0, 0, 1, 2, 4, 9, 19))
    gone: list[Point] = []

    def due(_: int, point: Point) -> bool:
        if label in point.label.split("+"):
            gone.append(point)
        return len(gone) > left

    return due


def at_place(label: str, side: Side) -> Callable[[int, Point], bool]:
    """Strike at the first point of this name."""
    return lambda _, point: point.side is side and label in point.label.split("+")


def at_point(wanted: Point) -> Callable[[int, Point], bool]:
    """Strike when this point is passed for the first time, the work being as far as it was."""
    return lambda _, point: point == wanted


def places(passed: Iterable[Point]) -> list[tuple[str, Side]]:
    """List the different places among points, in order, at which something may change or was read for a change.

    Several scripts in one packet are places of their own.
    """
    named = ((label, point.side) for point in passed for label in point.label.split("+"))
    return [place for place in dict.fromkeys(named) if not place[0].startswith(READS)]
