"""Who can only write to Redis lets nothing pass: forged releases, wrong keys, and what older releases approved unsigned."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from chimera_cli.local.stand_in import API_KEY, MODEL_NAME
from tests.cli.driver import KINDS, Completed, Line, Running, assert_one_clear_error

WRONG_KEY = "fedcba9876543210" * 4


@pytest.fixture
def line(fresh_database: str, redis_url: str, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm of this test's own, with a judge. What is forged breaks invariants, so that not every test asks for them."""
    made = Line(
        tmp_path,
        DATABASE_URL=fresh_database,
        REDIS_URL=redis_url,
        OPENAI_BASE_URL=model_url,
        OPENAI_API_KEY=API_KEY,
        CHIMERA_MODEL__NAME=MODEL_NAME,
        CHIMERA_NAMESPACE=f"forgery-{uuid4().hex[:8]}",
        CHIMERA_RETRY__BASE_S="0.1",
    )
    made.start("judge", "--count", "2")
    yield made
    made.close()


@pytest.fixture
def redis_of(line: Line) -> Iterator[Redis]:
    with Redis.from_url(line.environment["REDIS_URL"], decode_responses=True) as client:
        yield client


def worker(line: Line, **environment: str | None) -> Running:
    return line.start("worker", "--count", "2", "--handlers", str(KINDS), **environment)


def cards(line: Line, goal: str, status: str = "PENDING") -> dict[str, str]:
    query = "SELECT t.key, c.id FROM cards c JOIN tasks t ON t.id = c.task_id WHERE c.goal_id = %s AND c.status = %s"
    return dict(line.rows(query, goal, status))


def key_of(line: Line, task: str) -> str:
    return f"{tag(line)}:t:{task}"


def tag(line: Line) -> str:
    return f"{{chimera:{line.environment['CHIMERA_NAMESPACE']}:0}}"


def task_of(line: Line, goal: str, key: str = "one") -> str:
    return str(line.rows("SELECT id FROM tasks WHERE goal_id = %s AND key = %s", goal, key)[0][0])


def doctor(line: Line, **environment: str | None) -> Completed:
    return line.run("doctor", "--json", **environment)


def approve(line: Line, *ids: str) -> None:
    assert line.run("review", "approve", *ids, "--as", "ada").code == 0


def force(line: Line, redis: Redis, task: str, **fields: str) -> None:
    """Put a held task into the lane of what is executed, by four commands."""
    lane, place = "posted:normal/execute", 1
    digest = redis.hget(key_of(line, task), "digest")
    entry = f"{place}-{int(time.time() * 1000)}"
    forged = {"status": "APPROVED", "phase": "execute", "approved": str(digest), "entry": entry, **fields}
    redis.hset(key_of(line, task), mapping=forged)
    redis.zadd(f"{tag(line)}:work:w:{lane}", {task: place})
    redis.zadd(f"{tag(line)}:work:turns", {lane: 1})
    redis.rpush(f"{tag(line)}:work:bell", 1)


@pytest.mark.parametrize(
    "fields",
    [{}, {"always": "0"}, {"kind": "reviewed"}],
    ids=["as it is", "as if no person were needed", "as another kind"],
)
def test_a_card_that_nobody_approved_is_not_carried_out_by_whoever_writes_to_redis(
    line: Line, redis_of: Redis, fields: dict[str, str]
) -> None:
    working = worker(line)
    goal = line.submit("a post that a person must see", [{"key": "one", "kind": "posted"}])
    line.until(lambda: "one" in cards(line, goal), "its card is there")
    old = cards(line, goal)["one"]
    task = task_of(line, goal)
    if "kind" in fields:
        redis_of.zadd(f"{tag(line)}:work:w:reviewed:normal/execute", {task: 1})
        redis_of.zadd(f"{tag(line)}:work:turns", {"reviewed:normal/execute": 1})
    force(line, redis_of, task, **fields)
    line.until(lambda: "release.refused" in working.said, "the worker refuses it, and says so")
    line.until(lambda: cards(line, goal).get("one", old) != old, "a fresh card asks a person")
    assert line.marked("posted") == line.marked("performed") == []
    assert line.rows("SELECT count(*) FROM posts WHERE idempotency_key LIKE %s", f"{task}%") == [(0,)]
    if "kind" not in fields:
        approve(line, cards(line, goal)["one"])
        line.over(goal)
        assert len(line.marked("posted")) == 1


def test_a_made_up_signature_lets_nothing_pass_and_the_task_waits_for_a_person(line: Line, redis_of: Redis) -> None:
    working = worker(line)
    goal = line.submit("a post that a person must see", [{"key": "one", "kind": "posted"}])
    line.until(lambda: "one" in cards(line, goal), "its card is there")
    forged = f'{{"mode": "person", "who": "ada", "signature": "{"0" * 64}"}}'
    force(line, redis_of, task_of(line, goal), seal=forged)
    line.until(lambda: "its release is not vouched for" in working.said, "the worker refuses it, and says so")
    line.until(lambda: line.tasks(goal) == {"one": "DELAYED"}, "it waits")
    assert line.marked("posted") == []
    assert line.run("tasks", "cancel", task_of(line, goal), "--yes", "--as", "ada").code == 0
    line.until(lambda: line.tasks(goal) == {"one": "CANCELLED"}, "a person ends it")
    assert line.run("audit", "verify").code == 0


@pytest.mark.parametrize("end", ["CANCELLED", "COMPLETED"])
def test_a_task_that_has_ended_is_not_executed_again_though_its_signed_approval_is_put_back(
    line: Line, redis_of: Redis, end: str
) -> None:
    working = worker(line)
    goal = line.submit("a post that a person must see", [{"key": "one", "kind": "posted"}])
    line.until(lambda: "one" in cards(line, goal), "its card is there")
    working.end()
    task = task_of(line, goal)
    approve(line, cards(line, goal)["one"])
    line.until(lambda: redis_of.hget(key_of(line, task), "seal") is not None, "its approval is signed")
    approved, goal_key = redis_of.hgetall(key_of(line, task)), f"{tag(line)}:g:{goal}"
    of_goal = redis_of.hgetall(goal_key)
    if end == "CANCELLED":
        assert line.run("tasks", "cancel", task, "--yes", "--as", "bob").code == 0
    working = worker(line)
    line.until(lambda: line.tasks(goal) == {"one": end}, "it has ended")
    line.until(lambda: not redis_of.exists(goal_key), "nothing is left of it in Redis")
    done = len(line.marked("performed")), len(line.marked("posted"))
    redis_of.hset(goal_key, mapping=of_goal)
    redis_of.hset(key_of(line, task), mapping={**approved, "gen": "50", "version": "50"})
    force(line, redis_of, task)
    line.until(lambda: f"in the record it is {end}" in working.said, "the worker refuses it, and says so")
    assert (len(line.marked("performed")), len(line.marked("posted"))) == done
    assert line.tasks(goal) == {"one": end}


def test_an_effect_without_a_decision_fails_the_audit_which_names_its_task(line: Line) -> None:
    worker(line)
    goal = line.submit("posts", [{"key": "one", "kind": "posted"}, {"key": "two", "kind": "posted"}])
    line.until(lambda: len(cards(line, goal)) == 2, "the cards are there")
    approve(line, cards(line, goal)["one"])
    assert line.run("review", "reject", cards(line, goal)["two"], "--reason", "no", "--as", "ada").code == 0
    line.until(lambda: line.tasks(goal) == {"one": "COMPLETED", "two": "REJECTED"}, "both have ended")
    report = line.run("audit", "verify", "--json").json
    assert (report["holds"], report["effects"]) == (True, {"seen": 2, "unsigned": [], "signatures_checked": True})
    assert "not verified" in line.run("audit", "verify", CHIMERA_APPROVAL_KEY=None).out

    one, two = task_of(line, goal, "one"), task_of(line, goal, "two")
    post = "INSERT INTO posts (idempotency_key, platform, post) VALUES (%s, 'notes', '{}') RETURNING seq"
    line.rows(post, f"{two}:execute")
    for key in (line.environment["CHIMERA_APPROVAL_KEY"], None):
        failed = line.run("audit", "verify", CHIMERA_APPROVAL_KEY=key)
        assert failed.code == 1
        assert two in failed.out
        assert one not in failed.out
    other_key = line.run("audit", "verify", "--json", CHIMERA_APPROVAL_KEY=WRONG_KEY)
    assert other_key.code == 1
    assert set(json.loads(other_key.out)["effects"]["unsigned"]) == {one, two}


def test_of_two_workers_the_one_with_the_wrong_key_leaves_effects_to_the_other(line: Line) -> None:
    wrong = worker(line, CHIMERA_APPROVAL_KEY=WRONG_KEY)
    goal = line.submit("posts", [{"key": f"p-{n}", "kind": "posted"} for n in range(6)])
    line.until(lambda: len(cards(line, goal)) == 6, "the cards are there")
    approve(line, *cards(line, goal).values())
    line.until(lambda: "its release is not vouched for" in wrong.said, "the wrong key does not fit")
    assert line.marked("posted") == []
    told = {check["name"]: check for check in json.loads(doctor(line, CHIMERA_APPROVAL_KEY=WRONG_KEY).out)["checks"]}
    assert not told["approvals.key"]["ok"]
    assert "signed with another CHIMERA_APPROVAL_KEY" in told["approvals.key"]["detail"]
    line.until(lambda: "vouches for their release" in line.run("status").out, "the board tells of it")
    assert line.run("tasks", "show", task_of(line, goal, "p-0"), "--json").json["unexecuted"] is False
    right = worker(line)
    line.over(goal)
    assert len(line.marked("posted")) == 6
    assert {int(pid) for _, _, pid, _ in line.marked("posted")} == {right.pid}
    attempts = line.rows("SELECT max(attempts), count(*) FROM tasks WHERE goal_id = %s AND status = 'COMPLETED'", goal)
    assert attempts == [(1, 6)]
    assert line.violations() == []


def test_without_a_key_nothing_is_approved_and_nothing_approved_is_claimed(line: Line) -> None:
    keyless = worker(line, CHIMERA_APPROVAL_KEY=None)
    goal = line.submit("a post", [{"key": "one", "kind": "posted"}, {"key": "two", "kind": "posted"}])
    line.until(lambda: len(cards(line, goal)) == 2, "proposals need no key")
    assert "CHIMERA_APPROVAL_KEY is not set" in keyless.said
    refused = line.run("review", "approve", cards(line, goal)["one"], "--as", "ada", CHIMERA_APPROVAL_KEY=None)
    assert_one_clear_error(refused, 6, "CHIMERA_APPROVAL_KEY is not set", "hint: ")
    approve(line, *cards(line, goal).values())
    other = line.submit("other work", [{"key": "m", "kind": "mark", "depends_on": []}])
    line.over(other)
    assert line.marked("posted") == []
    keyed = worker(line)
    line.over(goal)
    assert {int(pid) for _, _, pid, _ in line.marked("posted")} == {keyed.pid}


def test_approved_work_that_no_live_worker_has_the_key_for_is_told_until_one_with_the_key_comes(line: Line) -> None:
    worker(line, CHIMERA_APPROVAL_KEY=None)
    goal = line.submit("posts", [{"key": "one", "kind": "posted"}, {"key": "two", "kind": "posted"}])
    line.until(lambda: len(cards(line, goal)) == 2, "proposals need no key")
    assert line.run("status", "--json").json["unexecuted"] == []
    approve(line, *cards(line, goal).values())
    line.until(lambda: line.run("status", "--json").json["unexecuted"] != [], "the board tells of it")
    task = task_of(line, goal)
    status, board, told, shown, plain = line.at_once(
        ("status", "--json"),
        ("status",),
        ("doctor", "--json"),
        ("tasks", "show", task, "--json"),
        ("tasks", "show", task),
    )
    said = "2 approved tasks of kind posted wait, no live worker for it has CHIMERA_APPROVAL_KEY"
    assert status.json["unexecuted"] == [{"kind": "posted", "waiting": 2}]
    assert (status.json["unserved"], status.json["unvouched"]) == ([], 0)
    assert said in board.out
    check = next(check for check in json.loads(told.out)["checks"] if check["name"] == "approvals.waiting")
    assert (check["ok"], check["warn"], check["detail"]) == (True, True, said)
    assert "CHIMERA_APPROVAL_KEY" in check["mend"]
    flags = {"unserved": False, "unexecuted": True, "unvouched": False}
    assert {name: shown.json[name] for name in flags} == flags
    assert "no live worker for it has CHIMERA_APPROVAL_KEY" in plain.out
    worker(line)
    line.over(goal)
    assert line.run("status", "--json").json["unexecuted"] == []
    assert line.run("tasks", "show", task, "--json").json["unexecuted"] is False
    assert line.violations() == []


@pytest.mark.parametrize(("key", "why"), [("short", "must be 32 or more"), ("a" * 64, "openssl rand -hex 32")])
def test_an_odd_key_ends_every_role_at_its_start(line: Line, key: str, why: str) -> None:
    ended = worker(line, CHIMERA_APPROVAL_KEY=key).ended()
    assert_one_clear_error(ended, 6, "CHIMERA_APPROVAL_KEY", why)


def test_what_an_older_release_approved_without_a_signature_gets_a_new_card(line: Line, redis_of: Redis) -> None:
    first = worker(line)
    goal = line.submit("a post", [{"key": "one", "kind": "posted"}])
    line.until(lambda: "one" in cards(line, goal), "its card is there")
    first.end()
    old = cards(line, goal)["one"]
    approve(line, old)
    # As an older release leaves it behind.
    assert redis_of.hdel(key_of(line, task_of(line, goal)), "seal") == 1
    line.rows("UPDATE cards SET seal = NULL WHERE id = %s RETURNING id", old)
    worker(line)
    line.until(lambda: cards(line, goal).get("one", old) != old, "a fresh card asks a person")
    assert line.marked("posted") == []
    approve(line, cards(line, goal)["one"])
    line.over(goal)
    assert len(line.marked("posted")) == 1
    assert line.violations() == []
