"""What one call of push.lua carries: a bounded length, each output once, every task in its place."""

import json

from chimera_cli.adapters.push_wire import MOST_SENT, MOST_TASKS, cut, parcels
from chimera_cli.models.delivery import Dependency, Dispatch
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import TaskStatus
from tests.builders import a_dispatch

MEGABYTE = "x" * 1_000_000


def given(key: str, *, withheld: bool = False) -> Dependency:
    return Dependency(id=f"id-{key}", key=key, status=TaskStatus.COMPLETED, output=MEGABYTE, withheld=withheld)


def waiting(key: str, *dependencies: Dependency) -> Dispatch:
    return a_dispatch(key).model_copy(update={"dependencies": dependencies})


def keys(tasks: str) -> list[str]:
    return [task["key"] for task in json.loads(tasks)]


def test_small_tasks_share_a_call() -> None:
    assert [len(keys(parcel.tasks)) for parcel in parcels([a_dispatch(f"t{n}") for n in range(250)])] == [100, 100, 50]


def test_no_call_carries_much_more_than_the_bound() -> None:
    sent = list(parcels([waiting(f"t{n}", given(f"p{n}")) for n in range(10)]))
    assert [key for parcel in sent for key in keys(parcel.tasks)] == [f"t{n}" for n in range(10)]
    assert max(sum(map(len, (parcel.tasks, parcel.goals, parcel.outputs))) for parcel in sent) < 2 * MOST_SENT
    assert len(sent) == 4


def test_what_many_tasks_depend_on_is_sent_once_a_call() -> None:
    parents = [given(f"p{n}") for n in range(6)]
    sent = list(parcels([waiting(f"t{n}", *parents) for n in range(50)]))
    assert len(sent) == 10, "each task gets a copy, and a call writes no more than 32 MB"
    assert all(len(parcel.outputs) < 6_100_000 for parcel in sent)


def test_what_is_too_much_for_one_task_is_not_sent() -> None:
    [parcel] = parcels([waiting("t", *(given(f"p{n}", withheld=True) for n in range(20)))])
    assert (keys(parcel.tasks), parcel.outputs) == (["t"], "{}")


def test_the_state_of_a_goal_goes_ahead_in_calls_of_its_own() -> None:
    state = {f"k{n}": VersionedValue(value=MEGABYTE, version=1) for n in range(10)}
    *states, tasks = parcels([waiting("t").model_copy(update={"state": state})])
    told = [row for parcel in states for goal in json.loads(parcel.goals).values() for row in goal["state"]]
    assert [key for key, *_ in told] == list(state)
    assert max(len(parcel.goals) for parcel in states) < 2 * MOST_SENT
    assert [goal["state"] for goal in json.loads(tasks.goals).values()] == [[]]


def test_things_are_cut_by_number_and_by_length() -> None:
    assert list(cut([], len)) == []
    assert [len(part) for part in cut([1] * (MOST_TASKS + 1), lambda one: one)] == [MOST_TASKS, 1]
    assert [len(part) for part in cut([MEGABYTE] * 9, len)] == [4, 4, 1]
