"""Payloads and outputs of the greatest length go through the whole line, and greater ones are refused by name."""

import json

from tests.cli.driver import KINDS, Line, assert_one_clear_error

LIMIT = 1_048_576


def test_a_payload_of_nearly_a_megabyte_is_worked_on_and_a_longer_one_is_refused(line: Line) -> None:
    long = "x" * (LIMIT - len(json.dumps({"i": ""}, separators=(",", ":"))))
    goal = line.submit("carry a lot", [{"key": "long", "kind": "mark", "payload": {"i": long}}])
    line.over(goal)
    assert line.rows("SELECT length(output->>'i') FROM tasks WHERE goal_id = %s", goal) == [(len(long),)]
    tasks = [{"key": "longer", "kind": "mark", "payload": {"i": long + "x"}}]
    plan = line.write("long.json", json.dumps({"goal": "carry too much", "tasks": tasks}))
    refused = line.run("plan", "--file", plan, "--handlers", str(KINDS))
    assert_one_clear_error(refused, 1, "task 'longer': payload: 1048577 bytes", "at most 1048576")
