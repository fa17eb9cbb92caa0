"""How long chimera takes to be itself again, on the real command line with default settings: median and worst of N rounds.

- `worker`: one of two worker processes dies by SIGKILL; until the last task that it held has been claimed again, on an idle
  queue. The bar is the lease (15 s) and one second.
- `redis`: Redis dies by SIGKILL under load and is started again; from its first answer until every worker process has
  claimed again. The bar is 2 s.
- `flush`: Redis is emptied under load; until every worker process has claimed again.
- `postgres`: Postgres is stopped for 60 s under load; from its first answer until everything that happened before is on record.
- `reconnect`: 1,000 idle agents in 20 processes lose Redis; from its first answer until each of them has claimed one of
  1,000 tasks that were submitted meanwhile. The bar is 5 s.

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

WORKER = ("worker", "--handlers", str(KINDS), "--count")
STOP_S = 60.0
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


def _under_load(place: Installation, rounds: int, fault: Callable[[], datetime]) -> list[float]:
    for _ in range(2):
        place.start(*words(*WORKER, 25))
    homes = _all_up(place, 50)
    taken = []
    for _ in range(rounds):
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


FAULTS = {fault.__name__: fault for fault in (worker, redis, flush, postgres, reconnect)}


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
