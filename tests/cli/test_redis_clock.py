"""A fleet at work whose Redis' clock is set, by five minutes: what runs is not taken over, and no deadline passes by that."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from chimera_cli.adapters.keys import Keys
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.clock import MovableClock, clock_library
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line
from tests.servers import or_skip

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(clock_library() is None, reason="no libfaketime for this machine"),
]
TASKS, LEASE_S = 16, 4


class UnderAClock(RedisServer):
    """A Redis whose clock a test may set."""

    clock: MovableClock

    def environment(self) -> Mapping[str, str]:
        """Add what puts it under that clock."""
        return {**super().environment(), **self.clock.environment()}


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[UnderAClock]:
    server = UnderAClock(tmp_path / "redis", free_port(), "secret")
    server.clock = MovableClock(tmp_path / "clock")
    yield or_skip(server.start, server)
    server.stop()


@pytest.mark.parametrize("step_s", [300, -300])
def test_a_step_of_redis_clock_takes_nothing_over_and_fails_nothing_and_is_told(
    new_line: NewLine, moved: UnderAClock, step_s: int
) -> None:
    line = new_line(REDIS_URL=moved.url, CHIMERA_LEASE_S=str(LEASE_S), CHIMERA_BEAT_S="1")
    worker = line.start("worker", "--count", str(2 * TASKS), "--handlers", str(KINDS))
    soon = (datetime.now(UTC) + timedelta(seconds=240)).isoformat()
    gate = {"kind": "gated", "payload": {"gate": line.gate("all")}, "deadline": soon}
    goal = line.submit("by a clock that steps", [{"key": f"g-{n}", **gate} for n in range(TASKS)])
    line.until(lambda: len(line.marked("gated")) == TASKS, "all run")

    moved.clock.move(step_s)
    line.until(lambda: "clock.stepped" in worker.said, "the step is told")
    [told] = [said for said in worker.said.splitlines() if "clock.stepped" in said]
    assert f"stepped by {step_s:+d} s: leases, deadlines and delays moved with it" in told
    assert f"stepped by {step_s:+d} s" in line.run("status", "--json").json["clock"]
    [check] = [one for one in line.run("doctor", "--json").json["checks"] if one["name"] == "redis.clock"]
    assert check["warn"], check

    first = leases_end(line)
    line.until(lambda: leases_end(line) > first + 2 * LEASE_S, "leases are prolonged for longer than one")
    line.over(line.submit("claimed afterwards", [{"key": "a", "kind": "gated", "payload": gate["payload"]}]), "RUNNING")
    line.until(lambda: len(line.marked("gated")) == TASKS + 1, "what comes afterwards is claimed")
    line.open_gate("all")
    line.over(goal)
    assert line.rows("SELECT name FROM events WHERE name IN ('task.taken_over', 'task.failed')") == []
    assert len(line.marked("gated")) == TASKS + 1


def leases_end(line: Line) -> float:
    """Tell when the first lease ends, by the shard's clock [s]."""
    with Redis.from_url(line.environment["REDIS_URL"]) as client:
        leases = client.zrange(
            f"{Keys(line.environment['CHIMERA_NAMESPACE']).shard(0)}:work:lease", 0, 0, withscores=True
        )
    return float(leases[0][1]) / 1000
