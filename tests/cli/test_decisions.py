"""People decide while Redis or the fleet is away, too late, or on what has changed: a decision counts once, or says why not."""

import json
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME
from tests.cli.conftest import NewLine, kill
from tests.cli.driver import KINDS, Line, Running, assert_one_clear_error

pytestmark = pytest.mark.long

OWN = {
    "OPENAI_API_KEY": API_KEY,
    "CHIMERA_MODEL__NAME": MODEL_NAME,
    "CHIMERA_NAMESPACE": "own",
    "CHIMERA_RETRY__BASE_S": "0.1",
}
OTHER_POLICY = {"CHIMERA_GATE__REVIEW_FROM": "0.5"}
"""Makes the policy's version another one."""


def start(line: Line, *, judges: dict[str, str] | None = None) -> tuple[Running, Running]:
    """Start a worker process and a judge process."""
    worker = line.start("worker", "--count", "4", "--handlers", str(KINDS))
    return worker, line.start("judge", "--count", "2", **(judges or {}))


def stop(*roles: Running) -> None:
    for role in roles:
        role.signal(signal.SIGTERM)
    assert [role.ended().code for role in roles] == [0] * len(roles)


def held(line: Line, *keys: str) -> str:
    """Submit posts and wait until all of them wait for a person."""
    goal = line.submit("post with care", [{"key": key, "kind": "posted"} for key in keys])
    line.until(lambda: set(line.tasks(goal).values()) == {"NEEDS_REVIEW"}, f"all are held: {line.tasks(goal)}")
    return goal


def card(line: Line, goal: str, key: str, status: str = "PENDING") -> str:
    """Return the one card of a task that has the status."""
    query = "SELECT c.id FROM cards c JOIN tasks t ON t.id = c.task_id WHERE t.goal_id = %s AND t.key = %s AND c.status = %s"
    ((found,),) = line.rows(query, goal, key, status)
    return str(found)


def fresh(line: Line, goal: str, key: str, than: str) -> str:
    """Wait for the card that takes another one's place, and return it."""
    query = "SELECT c.id FROM cards c JOIN tasks t ON t.id = c.task_id"
    query += " WHERE t.goal_id = %s AND t.key = %s AND c.status = 'PENDING' AND c.id <> %s"
    line.until(lambda: len(line.rows(query, goal, key, than)) == 1, f"{key} has a fresh card")
    return str(line.rows(query, goal, key, than)[0][0])


def audit(line: Line, goal: str, key: str) -> list[tuple[str, str]]:
    """Return who did what, in order."""
    query = (
        "SELECT a.operator, a.action FROM audit a JOIN tasks t ON t.id = a.task_id WHERE t.goal_id = %s AND t.key = %s"
    )
    return line.rows(f"{query} ORDER BY a.seq", goal, key)  # type: ignore[return-value]


def posts(line: Line) -> list[str]:
    return sorted(text for (text,) in line.rows("SELECT post->>'text' FROM posts"))


@pytest.mark.chaos
def test_decisions_made_while_redis_is_killed_or_no_fleet_runs_are_kept_and_each_takes_effect_once(
    redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path
) -> None:
    line = Line(tmp_path, DATABASE_URL=fresh_database, REDIS_URL=redis.url, OPENAI_BASE_URL=model_url, **OWN)
    with ExitStack() as ends:
        ends.callback(line.close)
        decide_without(line, redis)


def decide_without(line: Line, redis: RedisServer) -> None:
    """Kill Redis, decide, bring it back; then the same with the fleet."""
    roles = start(line)
    goal = held(line, "yes-1", "yes-2", "no", "both", "later", "alone")
    cards = {key: card(line, goal, key) for key in line.tasks(goal)}

    kill(redis)
    approve, reject = (
        line.run("review", "approve", cards["yes-1"], cards["yes-2"], "--as", "ada"),
        line.run("review", "reject", cards["no"], "--reason", "not our tone", "--as", "bob"),
    )
    assert (approve.code, reject.code) == (0, 0)
    assert "is kept and will be carried out" in approve.err
    race = line.at_once(
        ("review", "approve", cards["both"], "--as", "ada"),
        ("review", "reject", cards["both"], "--reason", "no", "--as", "bob"),
    )
    winner, loser = sorted(race, key=lambda ended: ended.code)
    assert (winner.code, loser.code) == (0, 4)
    approved = race[0].code == 0
    assert f"was {'approved by ada' if approved else 'rejected by bob'} at" in loser.err
    assert set(line.tasks(goal).values()) == {"NEEDS_REVIEW"}, "nothing happens before Redis is back"

    redis.start()
    ends = {
        "yes-1": "COMPLETED",
        "yes-2": "COMPLETED",
        "no": "REJECTED",
        "both": "COMPLETED" if approved else "REJECTED",
    }
    open_ones = {"later": "NEEDS_REVIEW", "alone": "NEEDS_REVIEW"}
    line.until(lambda: line.tasks(goal) == {**ends, **open_ones}, "what was decided has ended")
    assert line.run("review", "approve", cards["later"], "--as", "ada").code == 0
    line.until(lambda: line.tasks(goal)["later"] == "COMPLETED", "decisions take effect as ever")

    stop(*roles)
    assert line.run("review", "approve", cards["alone"], "--as", "ada").code == 0
    assert_one_clear_error(line.run("review", "approve", cards["alone"], "--as", "bob"), 4, "approved by ada")
    worker = line.start("worker", "--count", "2", "--handlers", str(KINDS))
    line.until(lambda: line.tasks(goal)["alone"] == "COMPLETED", "the fleet that came back does what was approved")

    done = sorted(["yes-1", "yes-2", "later", "alone"] + ["both"] * approved)
    assert posts(line) == done
    assert sorted(key for *_, key in line.marked("posted")) == done
    assert audit(line, goal, "no") == [("bob", "reject")]
    assert audit(line, goal, "both") == [("ada", "approve") if approved else ("bob", "reject")]
    for key in ("yes-1", "yes-2", "later", "alone"):
        assert audit(line, goal, key) == [("ada", "approve")]
    assert line.rows("SELECT note FROM cards WHERE note <> ''") == []
    assert line.run("audit", "verify", "--json").json["holds"] is True
    stop(worker)
    assert line.violations(ended=False) == []


def test_a_card_that_became_stale_is_refused_its_fresh_one_is_approved_and_one_that_nobody_decides_expires(
    new_line: NewLine,
) -> None:
    line = new_line()
    worker, judge = start(line)
    goal = held(line, "altered", "outdated", "refused")
    old = {key: card(line, goal, key) for key in line.tasks(goal)}
    decide_on_an_altered_row(line, goal, old["altered"])

    stop(judge)
    judge = line.start("judge", "--count", "2", **OTHER_POLICY)
    later = held(line, "forgotten")
    decide_under_another_policy(line, goal, old["outdated"])
    assert line.run("review", "reject", old["refused"], "--reason", "no", "--as", "ada").code == 0
    line.until(
        lambda: line.tasks(goal)["refused"] == "REJECTED", "a person may refuse what they saw, whatever the policy"
    )
    assert posts(line) == ["altered", "outdated"]
    assert sorted(key for *_, key in line.marked("proposed")) == ["altered", "forgotten", "outdated", "refused"]

    stop(worker, judge)
    line.start("judge", CHIMERA_REVIEW__EXPIRE_AFTER_H="0.0002")
    line.over(later, "FAILED")
    nobody_decided(line, later, card(line, later, "forgotten", "EXPIRED"))


def decide_on_an_altered_row(line: Line, goal: str, old: str) -> None:
    ((content,),) = line.rows("SELECT content FROM cards WHERE id = %s", old)
    alter(line, old, {"text": "harmless"})
    refused = line.run("review", "approve", old, "--as", "ada")
    assert_one_clear_error(refused, 4, "altered", "a fresh card follows", f"chimera review list --goal {goal}")
    anew = fresh(line, goal, "altered", old)
    late = line.run("review", "approve", old, "--as", "ada")
    assert_one_clear_error(late, 4, "became STALE", f"card {anew} took its place", f"chimera review show {anew}")
    shown = line.run("review", "show", anew, "--json").json
    assert shown["content"] == content == {"text": "altered"}
    assert_one_clear_error(line.run("review", "approve", anew, "--digest", "0" * 12), 4, "not what you saw")
    assert line.run("review", "approve", anew, "--digest", shown["digest"], "--as", "ada").code == 0
    line.until(lambda: line.tasks(goal)["altered"] == "COMPLETED", "the fresh card's approval takes effect")
    assert audit(line, goal, "altered") == [("chimera", "stale"), ("ada", "approve")]
    alter(line, old, content)


def alter(line: Line, id: str, content: object) -> None:
    """Write into a card's row, as somebody with the database's password could."""
    line.rows("UPDATE cards SET content = %s::json WHERE id = %s RETURNING id", json.dumps(content), id)


def decide_under_another_policy(line: Line, goal: str, old: str) -> None:
    refused = line.run("review", "approve", old, "--as", "ada")
    assert_one_clear_error(refused, 4, "was judged under policy", "by now", "a fresh card follows")
    anew = fresh(line, goal, "outdated", old)
    query = "SELECT judgement->'decision'->>'policy_version' FROM cards WHERE id = %s"
    assert line.rows(query, anew) != line.rows(query, old)
    assert line.run("review", "approve", anew, "--as", "ada").code == 0
    line.until(lambda: line.tasks(goal)["outdated"] == "COMPLETED", "the fresh card's approval takes effect")
    assert audit(line, goal, "outdated") == [("chimera", "stale"), ("ada", "approve")]


def nobody_decided(line: Line, goal: str, id: str) -> None:
    reason = f"nobody decided review card {id} within 0.0002 h"
    assert line.rows("SELECT status, error FROM tasks WHERE goal_id = %s", goal) == [("FAILED", reason)]
    shown = line.run("review", "show", id, "--json").json
    assert (shown["status"], shown["decided_by"], shown["reason"]) == ("EXPIRED", None, reason)
    assert_one_clear_error(line.run("review", "approve", id, "--as", "ada"), 4, "became EXPIRED at")
    assert audit(line, goal, "forgotten") == [("chimera", "expire")]
    assert line.run("audit", "verify").code == 0
