"""Whatever an operator gives wrongly ends in one clear line, a hint and the right exit code."""

import json
import os
import subprocess
import sys
from itertools import count

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.models.identity import goal_id_for, task_id
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Completed, Line, assert_one_clear_error
from tests.servers import Servers

CYCLE = [
    {"key": "egg", "kind": "mark", "depends_on": ["hen"]},
    {"key": "hen", "kind": "mark", "depends_on": ["egg"]},
]


@pytest.fixture(scope="module")
def still(new_line: NewLine) -> Line:
    """A swarm in which nobody works."""
    return new_line()


def two_keys_alike(goal: str, length: int = 4) -> tuple[str, str, str]:
    """Find two task keys whose ids begin alike."""
    seen: dict[str, str] = {}
    for key in (f"key-{n}" for n in count()):
        start = task_id(goal, key)[:length]
        if start in seen:
            return seen[start], key, start
        seen[start] = key
    raise AssertionError("unreachable")


def test_ids_that_are_unknown_short_or_ambiguous_are_told_apart(still: Line) -> None:
    goal = goal_id_for("alike")
    one, two, start = two_keys_alike(goal)
    tasks = [{"key": key, "kind": "mark"} for key in (one, two)]
    assert still.submit("alike", tasks, "--idempotency-key", "alike") == goal
    unknown, short, odd, ambiguous = still.at_once(
        ("goals", "show", "f" * 20),
        ("tasks", "show", start[:3]),
        ("review", "show", "no such thing%"),
        ("tasks", "show", start),
    )
    assert_one_clear_error(unknown, 3, "f" * 20, "hint: chimera goals list")
    assert_one_clear_error(short, 3, start[:3])
    assert_one_clear_error(odd, 3, "hint: chimera review list")
    assert_one_clear_error(ambiguous, 3, task_id(goal, one), task_id(goal, two), "hint: ")


def test_settings_that_are_missing_or_malformed_are_named(still: Line) -> None:
    malformed = still.write(
        "malformed.env", "DATABASE_URL=postgresql://a:secret@b/c\nwhat is this\nCHIMERA_LEESE_S=3\n"
    )
    wrong = still.write("wrong.env", "CHIMERA_LEASE_S=soon\n")
    started = [
        still.start("goals", "list", "--env-file", malformed),
        still.start("goals", "list", "--env-file", wrong),
        still.start("worker", DATABASE_URL=None),
        still.start("worker", OPENAI_API_KEY=None),
    ]
    bad_lines, bad_value, missing, no_key = [running.ended() for running in started]
    assert_one_clear_error(bad_lines, 6, "line 2", "line 3", "CHIMERA_LEASE_S", "hint: ")
    assert "secret" not in bad_lines.err
    assert_one_clear_error(bad_value, 6, "CHIMERA_LEASE_S", "hint: ")
    assert_one_clear_error(missing, 6, "DATABASE_URL is not set", "hint: ")
    assert_one_clear_error(no_key, 6, "OPENAI_API_KEY is not set", "hint: ")


def test_plans_that_cannot_be_used_are_refused_with_place_and_key_and_nothing_is_stored(still: Line) -> None:
    before = still.rows("SELECT count(*) FROM goals")
    handlers = ("--handlers", str(KINDS), "--goal", "bad")
    broken = still.write("broken.jsonl", '{"key": "a", "kind": "mark"}\n{"key": "b", \n')
    cycle = still.write("cycle.json", json.dumps({"tasks": CYCLE}))
    payload = {"key": "p", "kind": "content.draft", "payload": {"topic": 3}, "deadline": "2001-01-01T00:00:00Z"}
    wrong = still.write("wrong.json", json.dumps({"tasks": [{"key": "a", "kind": "unheard-of"}, payload]}))
    ended = still.at_once(
        ("plan", "--file", broken, *handlers),
        ("plan", "--file", cycle, *handlers),
        ("plan", "--file", wrong, *handlers),
        ("plan", "--file", "nowhere.json", *handlers, "--json"),
    )
    bad_json, cyclic, bad_tasks, no_file = ended
    assert_one_clear_error(bad_json, 2, "broken.jsonl line 2", "hint: ")
    assert_one_clear_error(cyclic, 1, "egg", "hen", "hint: ")
    assert_one_clear_error(bad_tasks, 1, "'a'", "unheard-of", "'p'", "topic", "deadline")
    assert no_file.failure["exit_code"] == 2
    assert set(no_file.failure) == {"code", "message", "hint", "exit_code", "retryable"}
    assert still.rows("SELECT count(*) FROM goals") == before


def test_servers_that_are_away_refuse_or_hold_an_old_schema_are_told_apart(
    still: Line, servers: Servers, database_url: str
) -> None:
    database, redis = still.environment["DATABASE_URL"], still.environment["REDIS_URL"]
    started = [
        still.start("worker", REDIS_URL=f"redis://:x@127.0.0.1:{free_port()}/0"),
        still.start("judge", DATABASE_URL=f"postgresql://a:b@127.0.0.1:{free_port()}/c"),
        still.start("goals", "list", DATABASE_URL=wrong_password(database)),
        still.start("worker", REDIS_URL=wrong_password(redis)),
        still.start("plan", "--watch", "--json", DATABASE_URL=database_url),
    ]
    ended = [running.ended() for running in started]
    no_redis, no_postgres, refused, redis_refused, old = ended
    assert_one_clear_error(no_redis, 5, "Redis", "hint: ")
    assert_one_clear_error(no_postgres, 5, "Postgres", "hint: ")
    assert_one_clear_error(refused, 6, "hint: ")
    assert_one_clear_error(redis_refused, 6, "hint: ")
    assert (old.code, old.failure["code"], old.failure["exit_code"]) == (6, "schema", 6)
    assert old.failure["hint"] == "chimera db migrate"
    for end in ended:
        for secret in (database, redis, "wrong-password"):
            assert secret not in end.err


def test_a_process_that_counts_other_shards_is_refused_before_it_puts_work_where_nobody_looks(still: Line) -> None:
    plan = still.write("shards.jsonl", json.dumps({"key": "a", "kind": "mark"}) + "\n")
    still.submit("one shard", [{"key": "a", "kind": "mark"}])
    for words in (("plan", "--file", plan, "--goal", "lost"), ("status",), ("worker",)):
        assert_one_clear_error(still.run(*words, CHIMERA_SHARDS="2"), 6, "CHIMERA_SHARDS is 2", "hint: ")
    assert still.rows("SELECT 1 FROM goals WHERE text = 'lost'") == []


def wrong_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.rpartition(':')[0]}:wrong-password{at}{after}"


def test_a_reader_that_leaves_early_is_no_error(still: Line) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "chimera_cli", "tasks", "list", "--json"]
    with os.fdopen(writing, "w") as pipe:
        ended = subprocess.run(
            command, cwd=still.folder, env=still.environment, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_odd_characters_in_a_goal_are_kept_or_refused_and_never_steer_a_terminal(still: Line) -> None:
    task = {"key": "a", "kind": "mark", "title": "t\u202ex \U0001f642"}
    fine = still.submit("r\u00e9ach \u4e16\u754c \U0001f680 \u202etxt\u200b", [task])
    plan = still.write("steer.json", json.dumps({"goal": "x\x1b]0;owned\x07", "tasks": [task]}))
    shown, drawn, steering = still.at_once(
        ("goals", "show", fine),
        ("goals", "show", fine, "--color", "always"),
        ("plan", "--file", plan, "--handlers", str(KINDS)),
    )
    assert "\u4e16\u754c \U0001f680" in shown.out
    for ended in (shown, drawn):
        assert ended.code == 0
        assert "\u202e" not in ended.out
    assert_one_clear_error(steering, 2, "goal")
    assert no_escape(steering)
    assert no_escape(shown)


def no_escape(ended: Completed) -> bool:
    return not any(char in ended.out + ended.err for char in "\x1b\x07\x01")


def test_words_that_no_command_knows_are_usage_errors(still: Line) -> None:
    unknown, missing = still.at_once(("gaols",), ("review", "reject", "abcd", "--json"))
    assert_one_clear_error(unknown, 2, "gaols", "hint: ")
    assert missing.failure["exit_code"] == 2
