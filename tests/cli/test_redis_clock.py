"""A fleet at work whose Redis' clock is set, by five minutes: what runs is not taken over, and no deadline passes by that."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from chimera_cli.adapters.keys import Keys
from chimera_cli.local.process import free_port
from chimera_cli.simulation.chaos.clock import MovableClock, UnderAClock, clock_library
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line
from tests.servers import or_skip

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(clock_library() is None, reason="no libfaketime for this machine"),
]
TASKS, LEASE_S = 16, 4


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderAClock]:
    place = tmp_path_factory.mktemp("moved")
    server = UnderAClock(place / "redis", free_port(), secrets.token_urlsafe(12))
    server.clock = MovableClock(place / "clock")
    yield or_skip(server.start, server)
    server.stop()


@pytest.mark.parametrize("step_s", [300, -300])
def test_a_step_of_redis_clock_takes_nothing_over_and_fails_nothing_and_is_told(
    moved: UnderAClock, new_line: NewLine, step_s: int
) -> None:
    line = new_line(REDIS_URL=moved.url, CHIMERA_LEASE_S=str(LEASE_S), CHIMERA_BEAT_S="1")
    moved.clock.move(0)
    worker = line.start("worker", "--count", str(2 * TASKS), "--handlers", str(KINDS))
    soon = (datetime.now(UTC) + timedelta(seconds=240)).isoformat()
    gate = {"kind": "gated", "payload": {"gate": line.gate("all")}, "deadline": soon}
    goal = line.submit("by a clock that steps", [{"key": f"g-{n}", **gate} for n in range(TASKS)])
    line.until(lambda: len(line.marked("gated")) == TASKS, "all run")

    line.until(lambda: of_shard(line, "clock", "exists"), "the clock is kept")

    moved.clock.move(step_s)
    line.until(lambda: "clock.stepped" in worker.said, "the step is told")
    [told] = [said for said in worker.said.splitlines() if "clock.stepped" in said]
    assert f"stepped by {step_s:+d} s: leases, deadlines and delays moved with it" in told
    assert f"stepped by {step_s:+d} s " in line.run("status", "--json").json["clock"]
    [check] = [one for one in json.loads(line.run("doctor", "--json").out)["checks"] if one["name"] == "redis.clock"]
    assert check["warn"], check

    first = leases_end(line)
    line.until(lambda: leases_end(line) > first + 2 * LEASE_S, "leases are prolonged for longer than one")
    line.submit("claimed afterwards", [{"key": "a", "kind": "gated", "payload": gate["payload"]}])
    line.until(lambda: len(line.marked("gated")) == TASKS + 1, "what comes afterwards is claimed")
    line.open_gate("all")
    line.over(goal)
    assert line.rows("SELECT name FROM events WHERE name IN ('task.taken_over', 'task.failed')") == []
    assert len(line.marked("gated")) == TASKS + 1


def leases_end(line: Line) -> float:
    """Tell when the first lease ends, by the shard's clock [s]."""
    [(_, ends)] = of_shard(line, "work:lease", "zrange", 0, 0, withscores=True)
    return float(ends) / 1000


def of_shard(line: Line, suffix: str, command: str, *args: int, **options: bool) -> Any:
    """Look at a key of the only shard."""
    with Redis.from_url(line.environment["REDIS_URL"]) as client:
        key = f"{Keys(line.environment['CHIMERA_NAMESPACE']).shard(0)}:{suffix}"
        return getattr(client, command)(key, *args, **options)
