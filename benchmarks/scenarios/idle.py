"""A worker with nothing to do: the memory of its agents, and what waiting costs."""

import time

from benchmarks.installation import Installation, until
from benchmarks.scenario import Bench, Figures, Scenario
from benchmarks.usage import cpu_s, rss_mib

WATCHED_S = 15
"""Three beats."""


def idle(bench: Bench, subject: str) -> Figures:
    """Let agents wait."""
    count = int(subject.split()[0].replace(",", ""))
    with Installation() as place:
        alone = place.start("worker", "--count", "1").pid
        crew = place.start("worker", "--count", str(count)).pid
        until(lambda: len(place.homes()) == count + 1, "all agents beat")
        since, before = time.monotonic(), [cpu_s([pid or 0]) for pid in (crew, place.redis.pid())]
        time.sleep(bench.size(WATCHED_S, 5))
        after = [cpu_s([pid or 0]) for pid in (crew, place.redis.pid())]
        took = time.monotonic() - since
        worker, redis = (100 * (end - begin) / took for begin, end in zip(before, after, strict=True))
        memory, least = rss_mib([crew]), rss_mib([alone])
    each = {"agent_kib": (memory - least) * 1024 / (count - 1)} if count > 1 else {}
    return {"rss_mib": memory, **each, "worker_share": worker, "redis_share": redis}


SCENARIO = Scenario(
    about=f"""One worker process of so many agents and one of a single agent, which nobody asks for anything, for {WATCHED_S} s. An
    agent's memory is what the first has more than the second, by its other agents. Redis serves both, and keeps their house.""",
    headings={
        "rss_mib": "RSS, MiB",
        "agent_kib": "KiB an agent",
        "worker_share": "worker, % of a core",
        "redis_share": "Redis, % of a core",
    },
    subjects=lambda _: ("1 agent", "50 agents", "1,000 agents", "10,000 agents"),
    measure=idle,
)
