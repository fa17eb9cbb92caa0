"""How long chimera takes to be itself again, on the real command line with default settings: median and worst of N rounds.

- `worker`: one of two worker processes dies by SIGKILL; until the last task that it held has been claimed again, on an idle
  queue. The bar is the lease (15 s) and one second.
- `redis`: Redis dies by SIGKILL under load and is started again; from its first answer until every worker process has
  claimed again. The bar is 2 s.
- `flush`: Redis is emptied under load; until every worker process has claimed again.
- `postgres`: Postgres is stopped for 60 s under load; from its first answer until everything that happened before is on record.
- `reconnect`: 1,000 idle agents in 20 processes lose Redis; from its first answer until each of them has claimed one of
  1,000 tasks that were submitted meanwhile. The bar is 5 s.
- `lanes`: what waits in Redis is deleted under load, and Redis goes on; until each of them has been claimed. The bar is 60 s.
- `full`: Redis refuses writes for 15 s for want of memory; from the lifting until every worker process has claimed again.
- `failover`: Redis dies by SIGKILL behind a Sentinel that waits for 1 s; until every worker process has claimed again.

    python -m benchmarks.recovery --rounds 20 --only worker redis
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from benchmarks.installation import KINDS, Installation, until, words
from tests.sentinel import Watched

WORKER = ("worker", "--handlers", str(KINDS), "--count")
STOP_S = 60.0
FULL_S = 15.0
STARTED = "SELECT agent, min(at) FROM events WHERE name = 'task.started' AND at >= %s GROUP BY agent"


def worker(place: Installation, rounds: int) -> list[float]:
    """Kill one of two workers."""
    roles = [place.start(*words(*WORKER, 10)) for _ in range(2)]
    taken = []
    for _ in range(rounds):
        _all_up(place, 20)
        goal = place.submit(20, 10)
        query = "SELECT DISTINCT agent FROM events WHERE goal_id = %s AND name = 'task.started'"
        until(lambda query=query, goal=goal: len(place.rows(query, goal)) == 20, "all twenty are at work")
        victim = roles.pop(0)
        lost = [agent for agent, home in place.homes().items() if f":{victim.pid}:" in home]
        killed = datetime.now(UTC)
        victim.kill()
        victim.wait()
        again = """SELECT count(*), max(next.at) FROM events lost JOIN LATERAL (
                     SELECT min(at) AS at FROM events WHERE task_id = lost.task_id AND name = 'task.started' AND at > %s
                   ) next ON true
                   WHERE lost.goal_id = %s AND lost.name = 'task.started' AND lost.agent = ANY(%s) AND next.at IS NOT NULL"""
        asked = (again, killed, goal, lost)
        until(lambda asked=asked, lost=lost: place.rows(*asked)[0][0] == len(lost), "its tasks are claimed again")
        taken.append((place.rows(*asked)[0][1] - killed).total_seconds())
        roles.append(place.start(*words(*WORKER, 10)))
        _over(place, goal)
    return taken


def redis(place: Installation, rounds: int) -> list[float]:
    """Kill Redis under load and start it again."""

    def fault() -> datetime:
        place.kill(place.redis)
        place.redis.start()
        return datetime.now(UTC)

    return _under_load(place, rounds, fault)


def flush(place: Installation, rounds: int) -> list[float]:
    """Empty Redis under load."""

    def fault() -> datetime:
        emptied = datetime.now(UTC)
        place.client().flushall()
        return emptied

    return _under_load(place, rounds, fault)


def lanes(place: Installation, rounds: int) -> list[float]:
    """Delete the lanes with all that waits in them."""
    place.start(*words(*WORKER, 10))
    _all_up(place, 10)
    taken = []
    for _ in range(rounds):
        goal = place.submit(200, 0.5)
        _at_work(place, goal, 20)
        client = place.client()
        lost_at = datetime.now(UTC)
        assert client.delete(*client.scan_iter(match="{chimera:*}:work:w:*")), "something waited"
        _over(place, goal)
        claimed = "SELECT max(at) FROM events WHERE goal_id = %s AND name = 'task.started'"
        taken.append((place.rows(claimed, goal)[0][0] - lost_at).total_seconds())
    return taken


def full(place: Installation, rounds: int) -> list[float]:
    """Have Redis refuse writes for want of memory."""

    def fault() -> datetime:
        client = place.client()
        client.config_set("maxmemory", 1)
        time.sleep(FULL_S)
        client.config_set("maxmemory", 0)
        return datetime.now(UTC)

    return _under_load(place, rounds, fault)


def failover(place: Installation, rounds: int) -> list[float]:
    """Kill the primary behind a Sentinel."""
    with Watched(place.folder / "watched") as service:
        place.environment["REDIS_URL"] = service.url

        def ready() -> None:
            for server in service.servers:
                if server.pid() is None:
                    server.start()
            service.until_ready()

        def fault() -> datetime:
            killed = datetime.now(UTC)
            place.kill(service.primary)
            return killed

        return _under_load(place, rounds, fault, ready=ready)


def _under_load(
    place: Installation, rounds: int, fault: Callable[[], datetime], *, ready: Callable[[], None] = lambda: None
) -> list[float]:
    for _ in range(2):
        place.start(*words(*WORKER, 25))
    homes = _all_up(place, 50)
    taken = []
    for _ in range(rounds):
        ready()
        goal = place.submit(400, 0.5)
        _at_work(place, goal, 100)
        since = fault()
        _over(place, goal)
        first: dict[str, datetime] = {}
        for agent, at in place.rows(STARTED, since):
            if agent in homes:
                first[homes[agent]] = min(at, first.get(homes[agent], at))
        assert len(first) == 2, "both processes claimed again"
        taken.append((max(first.values()) - since).total_seconds())
    return taken


def postgres(place: Installation, rounds: int) -> list[float]:
    """Stop Postgres for a minute under load."""
    place.start(*words(*WORKER, 50))
    _all_up(place, 50)
    taken = []
    for _ in range(rounds):
        goal = place.submit(int(STOP_S) * 120, 0.5)
        _at_work(place, goal, 100)
        place.postgres.stop()
        time.sleep(STOP_S)
        place.postgres.start()
        back = datetime.now(UTC)
        behind = "SELECT at FROM events ORDER BY seq DESC LIMIT 1"
        until(lambda back=back, behind=behind: place.rows(behind)[0][0] >= back, "the record has caught up")
        taken.append((datetime.now(UTC) - back).total_seconds())
        _over(place, goal)
    return taken


def reconnect(place: Installation, rounds: int) -> list[float]:
    """Take Redis away from 1,000 idle agents."""
    for _ in range(20):
        place.start(*words(*WORKER, 50))
    _all_up(place, 1000)
    taken = []
    for _ in range(rounds):
        away = datetime.now(UTC)
        place.kill(place.redis)
        goal = place.submit(1000, 6)
        place.redis.start()
        back = datetime.now(UTC)
        _over(place, goal)
        # Some claim between the first answer and our hearing of it.
        claims = sorted(at for _, at in place.rows(STARTED, away))
        assert len(claims) == 1000, f"{len(claims)} of 1,000 agents claimed"
        taken.append((claims[-1] - back).total_seconds())
    return taken


def _all_up(place: Installation, agents: int) -> dict[str, str]:
    until(lambda: len([home for home in place.homes().values() if home]) >= agents, f"{agents} agents beat")
    return place.homes()


def _at_work(place: Installation, goal: str, ended: int) -> None:
    query = "SELECT count(*) FROM tasks WHERE goal_id = %s AND status = 'COMPLETED'"
    until(lambda: place.rows(query, goal)[0][0] >= ended, "work is under way")


def _over(place: Installation, goal: str) -> None:
    query = "SELECT status FROM goals WHERE id = %s"
    until(lambda: place.rows(query, goal)[0][0] == "COMPLETED", "the goal is completed")


FAULTS = {fault.__name__: fault for fault in (worker, redis, flush, postgres, reconnect, lanes, full, failover)}


def main(arguments: Sequence[str]) -> int:
    """Measure; one JSON line a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="rounds of each fault")
    parser.add_argument("--only", nargs="*", default=list(FAULTS), choices=list(FAULTS), help="which faults")
    chosen = parser.parse_args(arguments)
    for name in chosen.only:
        with Installation() as place:
            taken = FAULTS[name](place, chosen.rounds)
        figures = {"median_s": round(statistics.median(taken), 2), "worst_s": round(max(taken), 2)}
        each = [round(value, 2) for value in taken]
        print(json.dumps({"fault": name, "rounds": len(taken), **figures, "each_s": each}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
