import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chimera_cli.models.drill import Harm
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import Phase, Task, TaskStatus
from chimera_cli.simulation.chaos.account import Account, breaches_of, read_runs

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def task(key: str, kind: str, status: TaskStatus = TaskStatus.COMPLETED, **more: Any) -> Task:
    return Task(
        key=key, kind=kind, id=f"id-{key}", goal_id="goal", status=status, created_at=NOW, updated_at=NOW, **more
    )


def run(key: str, phase: str = "propose") -> dict[str, str]:
    return {"task": f"id-{key}", "phase": phase}


def taken_over(key: str, version: int) -> TaskEvent:
    return TaskEvent(
        shard=0,
        entry_id=f"{version}-0",
        at=NOW,
        name="task.taken_over",
        task_id=f"id-{key}",
        goal_id="goal",
        status=TaskStatus.QUEUED,
        phase=Phase.PROPOSE,
        version=version,
        generation=1,
        attempts=1,
    )


TASKS = (
    task("count-0", "drill.count"),
    task("count-1", "drill.count"),
    task("merge-0", "drill.merge"),
    task("post-0", "drill.post"),
    task("poison", "drill.poison", TaskStatus.FAILED, error="its agents vanished 3 times"),
)
STATE = {"count": VersionedValue(value=2, version=2), "names": VersionedValue(value=["merge-0"], version=1)}
RUNS = (run("count-0"), run("count-1"), run("merge-0"), run("post-0"), run("post-0", "execute"), run("poison"))
POSTS = ({"idempotency_key": "id-post-0:execute"}, {"idempotency_key": "of-another-goal:execute"})


def account(**more: Any) -> Account:
    good = {"tasks": TASKS, "events": (), "state": STATE, "posts": POSTS, "runs": RUNS, "abandon_cap": 3}
    return Account(**{**good, **more})


def broken(**more: Any) -> list[str]:
    return [f"{breach.subject.split()[0]}: {breach.text}" for breach in breaches_of(account(**more))]


def with_task(*replaced: Task) -> Sequence[Task]:
    return [*(t for t in TASKS if t.key not in {r.key for r in replaced}), *replaced]


def test_good_work_breaks_nothing() -> None:
    assert breaches_of(account()) == []


def test_a_task_that_did_not_end_is_a_breach() -> None:
    assert broken(tasks=with_task(task("sleep-0", "drill.sleep", TaskStatus.RUNNING))) == ["sleep-0: is RUNNING"]


def test_a_task_that_failed_for_a_fault_is_a_breach() -> None:
    failed = task("sleep-0", "drill.sleep", TaskStatus.FAILED, error="no answer")
    assert broken(tasks=with_task(failed)) == ["sleep-0: is FAILED: no answer"]


def test_a_task_whose_processes_died_too_often_may_fail_and_so_may_what_depends_on_it() -> None:
    failed = task("sleep-0", "drill.sleep", TaskStatus.FAILED, error="its agents vanished 3 times")
    child = task("last", "drill.sleep", TaskStatus.CANCELLED, error="it depends on sleep-0", depends_on=("sleep-0",))
    lost = [taken_over("sleep-0", version) for version in (1, 2)]
    assert broken(tasks=with_task(failed, child), events=lost) == []
    assert len(broken(tasks=with_task(failed, child))) == 2


def test_a_task_fails_for_its_processes_only_where_processes_die() -> None:
    failed = task("sleep-0", "drill.sleep", TaskStatus.FAILED, error="its agents vanished 3 times")
    lost = [taken_over("sleep-0", version) for version in (1, 2)]
    without_poison = [t for t in with_task(failed) if t.key != "poison"]
    assert broken(tasks=without_poison, events=lost, deadly=True) == []
    [found] = breaches_of(account(tasks=without_poison, events=lost))
    assert found.harm is Harm.FAILED


def test_a_task_is_taken_over_only_where_a_fault_may_silence_its_agent() -> None:
    without_poison = [t for t in TASKS if t.key != "poison"]
    lost = [taken_over("count-0", 1)]
    assert broken(tasks=without_poison, events=lost) == []
    assert broken(tasks=TASKS, events=lost, gentle=True) == []
    assert broken(tasks=without_poison, events=lost, gentle=True) == [
        "count-0: was taken over 1 times though its agents lived"
    ]


@pytest.mark.parametrize(("posts", "harm"), [((), Harm.LOST), (POSTS * 2, Harm.DOUBLED)])
def test_a_breach_tells_what_it_did_to_the_work(posts: Sequence[dict[str, str]], harm: Harm) -> None:
    assert [breach.harm for breach in breaches_of(account(posts=posts))] == [harm]


@pytest.mark.parametrize(("value", "version"), [(1, 1), (3, 3), (2, 3), (None, 0)])
def test_a_counter_that_lost_or_doubled_an_effect_is_a_breach(value: int | None, version: int) -> None:
    state = {**STATE, "count": VersionedValue(value=value, version=version)}
    assert broken(state=state) == [f"count: stands at {value} in version {version} after 2 tasks"]


@pytest.mark.parametrize("names", [[], ["merge-0", "merge-0"], ["merge-1"]])
def test_a_list_that_lost_or_doubled_a_name_is_a_breach(names: list[str]) -> None:
    assert len(broken(state={**STATE, "names": VersionedValue(value=names, version=1)})) == 1


@pytest.mark.parametrize("posts", [[], [*POSTS, {"idempotency_key": "id-post-0:propose"}]])
def test_a_result_that_was_not_posted_once_is_a_breach(posts: Sequence[dict[str, str]]) -> None:
    assert len(broken(posts=posts)) == 1


def test_a_post_of_a_task_that_posts_nothing_is_a_breach() -> None:
    assert broken(posts=[*POSTS, {"idempotency_key": "id-count-0:execute"}]) == [
        "count-0: is COMPLETED and was put into the outbox 1 times"
    ]


def test_a_task_that_is_done_and_never_ran_is_a_breach() -> None:
    assert broken(runs=RUNS[1:]) == ["count-0: is COMPLETED, and no handler ran its phase propose"]


def test_the_tally_counts_what_was_accepted_ended_and_repeated() -> None:
    runs = [*RUNS, run("count-0"), run("of-another-goal")]
    tally = account(runs=runs, events=[taken_over("count-0", 2)]).tally({"worker": 2})
    assert tally.accepted == 5
    assert tally.ended == {"COMPLETED": 4, "FAILED": 1}
    assert (tally.effects, tally.runs, tally.repeated, tally.takeovers) == (1, 7, 1, 1)
    assert tally.delivered == 5
    assert tally.plus(tally).struck == {"worker": 4}


def test_half_a_line_of_a_killed_process_is_no_run(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    assert read_runs(file) == []
    file.write_text(json.dumps(run("a")) + '\n{"task": "id-b", "ph')
    assert read_runs(file) == [run("a")]
