"""An operator takes hold of running work: cancels, pauses, resumes and retries it, alone, with others, and without Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line

pytestmark = pytest.mark.long

SETTINGS = {"CHIMERA_BEAT_S": "1", "CHIMERA_LEASE_S": "8"}
"""Quick beats: workers hear of an order with the next one."""


@pytest.fixture(scope="module")
def line(new_line: NewLine) -> Line:
    """A swarm with quick beats, a worker and a judge."""
    return staffed(new_line(**SETTINGS))


def staffed(line: Line) -> Line:
    roles = [line.start("worker", "--count", "20", "--handlers", str(KINDS)), line.start("judge", "--count", "4")]
    line.until(lambda: all("agent.started" in role.said for role in roles), "all roles are up")
    return line


def id_of(line: Line, goal: str, key: str) -> str:
    return str(line.rows("SELECT id FROM tasks WHERE goal_id = %s AND key = %s", goal, key)[0][0])


def effects(line: Line, goal: str) -> int:
    """Count what took effect by the record: ends, and posts."""
    ended = line.rows("SELECT count(*) FROM events WHERE goal_id = %s AND name = 'task.completed'", goal)[0][0]
    keys = "SELECT count(*) FROM posts JOIN tasks ON posts.idempotency_key LIKE 'by-' || tasks.id || ':%%' WHERE goal_id = %s"
    return int(ended) + int(line.rows(keys, goal)[0][0])


def stopped(line: Line, goal: str) -> bool:
    """Whether each of the goal's tasks that waited at a gate has heard that it shall not go on."""
    waiting = {key for key in marked(line, "begun", goal) if key.startswith("t-")}
    return waiting <= set(marked(line, "stopped", goal))


def marked(line: Line, word: str, goal: str) -> list[str]:
    """The keys of the goal's tasks that were noted under a word."""
    ids = {id for (id,) in line.rows("SELECT id FROM tasks WHERE goal_id = %s", goal)}
    return [words[3] for words in line.marked(word) if words[1] in ids]


def test_a_running_task_is_stopped_within_a_beat_and_its_effect_never_happens(line: Line) -> None:
    gate = line.gate("cancel")
    tasks = [
        {"key": "polite", "kind": "posting", "payload": {"gate": gate}},
        {"key": "stubborn", "kind": "posting", "payload": {"gate": gate, "stubborn": True}},
        {"key": "thread", "kind": "posting.thread", "payload": {"gate": gate}},
        {"key": "child", "kind": "mark", "depends_on": ["polite"]},
    ]
    goal = line.submit("cancel what runs", tasks)
    line.until(lambda: len(marked(line, "begun", goal)) == 3, "all three are running")
    refused = line.run("tasks", "cancel", "--goal", goal)
    assert refused.code == 8
    assert "cancel 4 tasks of 1 goal" in refused.err
    ids = [id_of(line, goal, key) for key in ("polite", "stubborn", "thread")]
    orders = line.run("tasks", "cancel", *ids, "--as", "ana", "--reason", "too dear", "--yes", "--json").json["orders"]
    assert [(order["task_id"], order["note"], order["done_at"] is not None) for order in orders] == [
        (id, "", True) for id in ids
    ]
    line.until(lambda: all(f'"task": "{id}"' in stale_lines(line) for id in ids), "all are stopped")
    line.until(lambda: sorted(marked(line, "stopped", goal)) == ["polite", "stubborn"], "those that can hear of it do")
    line.open_gate("cancel")
    line.until(lambda: marked(line, "went-on", goal) == ["thread"], "the thread goes on, for nothing can stop it")
    line.over(goal, "FAILED")
    assert line.tasks(goal) == dict.fromkeys(("polite", "stubborn", "thread", "child"), "CANCELLED")
    probe = line.submit("something after it", [{"key": "after", "kind": "mark"}])
    line.over(probe)
    assert marked(line, "effect", goal) == []
    assert effects(line, goal) == 0
    shown = line.run("tasks", "show", ids[0], "--json").json
    assert [(order["action"], order["operator"], order["reason"]) for order in shown["orders"]] == [
        ("cancel", "ana", "too dear")
    ]
    assert line.run("tasks", "cancel", ids[0], "--as", "bob", "--yes").code == 4


def stale_lines(line: Line) -> str:
    return "\n".join(said for said in line.said().splitlines() if "task.stale" in said)


def test_nothing_of_a_paused_goal_takes_effect_until_it_is_resumed_and_then_all_does(line: Line) -> None:
    quick = [{"key": f"q-{n}", "kind": "mark"} for n in range(40)]
    gated = [{"key": f"t-{n}", "kind": "gated", "payload": {"gate": line.gate("pause")}} for n in range(110)]
    goal = line.submit("pause under load", [*quick, *gated])
    other = line.submit(
        "goes on meanwhile", [{"key": f"o-{n}", "kind": "mark", "payload": {"s": 0.01}} for n in range(60)]
    )
    line.until(lambda: marked(line, "gated", goal) and effects(line, goal) == 40, "it is under way")
    paused = line.run("goals", "pause", goal[:8], "--as", "ana", "--reason", "wrong account", "--json").json["orders"]
    assert paused[0]["done_at"] is not None
    line.open_gate("pause")
    again = line.run("goals", "pause", goal, "--as", "bob", "--json")
    assert again.code == 4
    assert "PAUSED by ana since 20" in again.failure["message"]
    line.over(other)
    status = line.run("status", "--json").json["paused"]
    assert [(one["goal_id"], one["by"]) for one in status] == [(goal, "ana")]
    assert effects(line, goal) == 40
    assert set(line.tasks(goal).values()) == {"COMPLETED", "QUEUED"}
    assert line.run("goals", "resume", goal, "--as", "bob").code == 0
    line.over(goal)
    assert effects(line, goal) == 150
    attempts = line.rows("SELECT max(attempts), sum(attempts) FROM tasks WHERE goal_id = %s", goal)
    assert attempts == [(1, 150)]
    told = line.run("audit", "list", "--limit", "0", "--json").json["events"]
    assert [(row["action"], row["operator"], row["reason"]) for row in told if row["goal_id"] == goal] == [
        ("pause", "ana", "wrong account"),
        ("resume", "bob", ""),
    ]


def test_what_is_approved_while_its_goal_is_paused_is_performed_after_it_goes_on(line: Line) -> None:
    goal = line.submit("approve while paused", [{"key": "post", "kind": "reviewed"}])
    line.until(lambda: line.tasks(goal)["post"] == "NEEDS_REVIEW", "it waits for a person")
    line.run("goals", "pause", goal)
    (card,) = line.run("review", "list", "--goal", goal, "--json").json["cards"]
    approved = line.run("review", "approve", card["id"], "--as", "ana")
    assert approved.code == 0
    assert "carried out when it goes on" in approved.err
    probe = line.submit("something meanwhile", [{"key": "meanwhile", "kind": "mark"}])
    line.over(probe)
    assert line.tasks(goal) == {"post": "NEEDS_REVIEW"}
    assert line.rows("SELECT count(*) FROM state WHERE goal_id = %s", goal) == [(0,)]
    line.run("goals", "resume", goal)
    line.over(goal)
    assert len(marked(line, "performed", goal)) == 1


def test_a_goal_cancelled_under_load_ends_whole_and_late_answers_change_nothing(line: Line) -> None:
    gate = line.gate("goal")
    tasks = [{"key": f"t-{n}", "kind": "posting", "payload": {"gate": gate, "stubborn": True}} for n in range(5)]
    tasks += [{"key": f"m-{n}", "kind": "mark", "payload": {"s": 0.2}} for n in range(200)]
    tasks += [{"key": "held", "kind": "reviewed"}, {"key": "child", "kind": "mark", "depends_on": ["t-0"]}]
    goal = line.submit("cancel under load", tasks, "--priority", "high")
    line.until(lambda: len(marked(line, "begun", goal)) == 5 and line.tasks(goal)["held"] == "NEEDS_REVIEW", "it runs")
    (card,) = line.run("review", "list", "--goal", goal, "--json").json["cards"]
    (order,) = line.run("goals", "cancel", goal, "--as", "ana", "--yes", "--json").json["orders"]
    assert order["done_at"] is not None
    line.until(
        lambda: len(marked(line, "stopped", goal)) == 5,
        "a beat later the five have heard of it, and go on all the same",
    )
    line.open_gate("goal")
    line.over(goal, "CANCELLED")
    assert set(line.tasks(goal).values()) <= {"COMPLETED", "CANCELLED"}
    before = effects(line, goal)
    late = line.run("review", "approve", card["id"])
    assert late.code == 4
    assert "EXPIRED" in late.err
    line.over(line.submit("something after that", [{"key": "after", "kind": "mark"}]))
    assert effects(line, goal) == before
    assert line.run("goals", "pause", goal).code == 4
    ledger = line.rows("SELECT submitted - finished - failed - cancelled FROM goals WHERE id = %s", goal)
    assert ledger == [(0,)]


def test_a_failed_task_is_retried_with_what_was_cancelled_because_of_it(line: Line) -> None:
    gate = line.gate("mended")
    tasks = [
        {"key": "broken", "kind": "mended", "payload": {"gate": gate}, "max_retries": 1},
        {"key": "child", "kind": "mark", "depends_on": ["broken"]},
    ]
    goal = line.submit("mend it", tasks)
    line.over(goal, "FAILED")
    line.open_gate("mended")
    alone = line.run("tasks", "retry", id_of(line, goal, "child"))
    assert alone.code == 4
    assert "depends on broken, which ended badly too" in alone.err
    words = ("tasks", "retry", "--status", "FAILED", "--goal", goal[:8], "--with-dependents", "--as", "ana")
    assert line.run(*words).code == 8
    assert len(line.run(*words, "--yes", "--json").json["orders"]) == 2
    line.over(goal)
    assert line.history(goal, "broken")[-5:] == [
        "task.failed",
        "task.retried",
        "task.queued",
        "task.started",
        "task.completed",
    ]
    assert line.rows("SELECT attempts FROM tasks WHERE goal_id = %s AND key = 'broken'", goal) == [(1,)]
    assert "task.retried" in line.history(goal, "child")


def test_of_operators_at_once_one_outcome_stands_and_the_others_are_told(line: Line) -> None:
    gate = line.gate("race")
    goals = [
        line.submit(
            f"race {n}", [{"key": "t", "kind": "posting", "payload": {"gate": gate}}, {"key": "r", "kind": "reviewed"}]
        )
        for n in range(2)
    ]
    line.until(lambda: all(line.tasks(goal)["r"] == "NEEDS_REVIEW" for goal in goals), "all are held")
    (card,) = line.run("review", "list", "--goal", goals[1], "--json").json["cards"]
    pause, cancel, approve, also = line.at_once(
        ("goals", "pause", goals[0], "--as", "ana"),
        ("goals", "cancel", goals[0], "--as", "bob", "--yes"),
        ("review", "approve", card["id"], "--as", "ana"),
        ("tasks", "cancel", id_of(line, goals[1], "r"), "--as", "bob", "--yes"),
    )
    assert cancel.code == 0
    assert pause.code in (0, 4)
    assert pause.code == 0 or "CANCELLED by bob" in pause.err
    line.over(goals[0], "CANCELLED")
    assert {approve.code, also.code} <= {0, 4}
    line.until(lambda: line.tasks(goals[1])["r"] in ("COMPLETED", "CANCELLED"), "one of them won")
    if line.tasks(goals[1])["r"] == "COMPLETED":
        assert (approve.code, also.code) == (0, 4)
    else:
        assert also.code == 0
    line.open_gate("race")
    line.over(goals[1], "FAILED" if also.code == 0 else "COMPLETED")


@pytest.fixture
def own_line(redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm on that Redis; no invariant is broken at its end."""
    model = {"OPENAI_API_KEY": API_KEY, "OPENAI_BASE_URL": model_url, "CHIMERA_MODEL__NAME": MODEL_NAME}
    own = {"CHIMERA_NAMESPACE": "orders", "CHIMERA_RETRY__BASE_S": "0.1"}
    folder = tmp_path / "line"
    folder.mkdir()
    line = Line(folder, DATABASE_URL=fresh_database, REDIS_URL=redis.url, **model, **own, **SETTINGS)
    try:
        yield staffed(line)
        assert line.violations(ended=False) == []
    finally:
        line.close()


def test_orders_given_while_redis_is_away_are_kept_and_carried_out_when_it_is_back(
    redis: RedisServer, own_line: Line
) -> None:
    line = own_line
    gate = line.gate("away")
    tasks = [{"key": f"t-{n}", "kind": "posting", "payload": {"gate": gate}} for n in range(3)]
    held = {"key": "r", "kind": "reviewed"}
    failed = {"key": "f", "kind": "mended", "payload": {"gate": line.gate("mend")}, "max_retries": 0}
    first, second, third = (
        line.submit(name, [*tasks, held, failed]) for name in ("to pause", "to cancel", "to pick from")
    )
    goals = (first, second, third)
    line.until(lambda: all(line.tasks(goal)["r"] == "NEEDS_REVIEW" for goal in goals), "all are held")
    line.until(lambda: all(line.tasks(goal)["f"] == "FAILED" for goal in goals), "all have failed")
    (card,) = line.run("review", "list", "--goal", first, "--json").json["cards"]
    redis.stop()
    pause, cancel, one, retry, approve = line.at_once(
        ("goals", "pause", first, "--as", "ana", "--json"),
        ("goals", "cancel", second, "--as", "ana", "--yes", "--json"),
        ("tasks", "cancel", id_of(line, third, "t-0"), "--as", "ana", "--yes", "--json"),
        ("tasks", "retry", id_of(line, third, "f"), "--as", "ana", "--json"),
        ("review", "approve", card["id"], "--as", "bob"),
    )
    for kept in (pause, cancel, one, retry):
        assert kept.json["orders"][0]["done_at"] is None
        assert "kept and will be carried out when the server is back" in kept.err
    assert approve.code == 0
    again = line.run("goals", "cancel", second, "--as", "bob", "--yes")
    assert again.code == 4
    assert "CANCELLED by ana since 20" in again.err
    line.open_gate("mend")
    redis.start()
    line.over(second, "CANCELLED")
    line.until(lambda: line.tasks(third)["t-0"] == "CANCELLED", "the task is cancelled")
    line.until(lambda: line.tasks(third)["f"] == "COMPLETED", "the failed one ran again")
    line.until(lambda: line.rows("SELECT count(*) FROM orders WHERE done_at IS NULL") == [(0,)], "all is carried out")
    line.until(lambda: line.history(first, "t-0")[-1] == "task.recalled", "what ran of the paused goal was taken back")
    # Its process hears of that with its next beat.
    line.until(lambda: all(stopped(line, goal) for goal in (first, second)), "what had begun has stopped")
    line.open_gate("away")
    line.until(lambda: [line.tasks(third)[f"t-{n}"] for n in (1, 2)] == ["COMPLETED"] * 2, "the rest goes on")
    assert effects(line, first) == effects(line, second) == 0
    assert marked(line, "performed", first) == []
    line.run("goals", "resume", first)
    line.until(lambda: list(line.tasks(first).values()) == [*["COMPLETED"] * 4, "FAILED"], "the paused goal goes on")
