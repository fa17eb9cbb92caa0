"""What a full queue means for operators: refused with exit code 9, or patience."""

import json

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, assert_one_clear_error


def test_a_plan_beyond_the_limit_is_refused_or_waits_for_room(new_line: NewLine) -> None:
    line = new_line(CHIMERA_MAX_QUEUED="3")
    # They run until the gate opens, so that the goal is still live when the patient ones have room.
    waiting = [{"key": f"t-{n}", "kind": "gated", "payload": {"gate": line.gate("full")}} for n in range(2)]
    goal = line.submit("fill the queue", waiting)
    more = line.write("more.jsonl", "".join(json.dumps({"key": f"m-{n}", "kind": "mark"}) + "\n" for n in range(2)))
    add = ("tasks", "add", goal, "--file", more, "--handlers", str(KINDS))
    plan = ("plan", "--file", more, "--goal", "one more", "--handlers", str(KINDS))
    added, planned = line.at_once((*add, "--json"), plan)
    assert (added.code, added.failure["code"]) == (9, "queue_full")
    assert_one_clear_error(planned, 9, "4 tasks or more would wait", "CHIMERA_MAX_QUEUED allows 3", "--wait-for-room")
    patient = [line.start(*words, "--wait-for-room") for words in (add, plan)]
    line.until(lambda: all("waiting for room" in started.said for started in patient), "both wait")
    assert line.rows("SELECT count(*) FROM tasks") == [(2,)]
    line.start("worker", "--count", "4", "--handlers", str(KINDS))
    assert [started.ended().code for started in patient] == [0, 0]
    line.open_gate("full")
    line.until(lambda: line.rows("SELECT count(*) FROM tasks WHERE status = 'COMPLETED'") == [(6,)], "all are done")
