"""Thousands of agents that beat, claim and complete: what each call takes, and what the server is busy with."""

import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.figures import percentile
from benchmarks.installation import Installation, end
from benchmarks.run import names
from benchmarks.scenario import Bench, Figures, Scenario
from benchmarks.usage import cpu_s

CREW, MOST_CREWS = 50, 50
"""Agents in a crew, and most crews in a process of the load."""
LEAST_RAMP_S = 5.0
"""Shortest time in which the crews come up: a beat."""
RATE = 400
"""Tasks a second that all agents together ask for: each holds its task as long as that takes."""


def agents(bench: Bench, subject: str) -> Figures:
    """Put agents to work."""
    count = int(subject.split()[0].replace(",", ""))
    seconds, hold_s = bench.size(30, 5), count / RATE
    with bench.peer("chimera", slots=1) as peer:
        assert isinstance(peer.place, Installation)
        _, idle = load(peer.place, count, seconds=seconds, ramp=LEAST_RAMP_S)
        peer.enqueue("noop", names(round(count + RATE * (seconds + LEAST_RAMP_S))))
        # It claims nothing: it keeps house, the record above all.
        peer.place.start("worker", "--count", "1", "--kinds", "nothing.of.this")
        told, busy = load(peer.place, count, seconds=seconds, ramp=max(hold_s / 2, LEAST_RAMP_S), hold=hold_s)
    latencies = {what: [ms for each in told for ms in each[what]] for what in ("beat", "claim")}
    return {
        **{f"{what}_p{at}": percentile(found, at / 100) for what, found in latencies.items() for at in (50, 95, 99)},
        "claimed_per_s": sum(each["claimed"] for each in told) / seconds,
        "errors": sum(len(each["errors"]) for each in told),
        "beats_share": 100 * idle,
        "redis_share": 100 * busy,
    }


def load(
    place: Installation, agents: int, *, seconds: float, ramp: float, hold: float = 0
) -> tuple[list[dict[str, Any]], float]:
    """Run crews in a few processes; returns what each of these found, and the share of one core that Redis used meanwhile."""
    crews = agents // CREW
    each = -(-crews // max(2, crews // MOST_CREWS))
    loads = [_start(place, first, min(each, crews - first), seconds, ramp, hold) for first in range(0, crews, each)]
    for process in loads:
        assert process.stderr is not None, "it is a pipe"
        if process.stderr.readline() != b"measuring\n":
            raise RuntimeError(process.communicate()[1].decode() or "a load ended before it measured")
    redis = [place.redis.pid() or 0]
    since, before = time.monotonic(), cpu_s(redis)
    time.sleep(seconds * 0.9)
    share = (cpu_s(redis) - before) / (time.monotonic() - since)
    return [json.loads(process.communicate()[0]) for process in loads], share


def _start(
    place: Installation, first: int, crews: int, seconds: float, ramp: float, hold: float
) -> "subprocess.Popen[bytes]":
    options = {"name": f"load-{first}", "crews": crews, "size": CREW, "hold": hold, "ramp": ramp, "seconds": seconds}
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.crews", *words]
    process = subprocess.Popen(
        command,
        cwd=place.folder,
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    place.ends.callback(end, process)
    return process


SCENARIO = Scenario(
    about=f"""Crews of {CREW} agents in a few processes, each with connections of its own: a beat for all of them every 5 s, a
    claim for all that are free, {RATE} tasks a second in all, each held until its agent has its share, then completed; a worker
    keeps house and records meanwhile. Times as the callers see them, on the cores that they share with the servers. *Beats
    alone* is Redis with the same agents idle.""",
    headings={
        **{f"{what}_p{at}": f"{what}: p{at}, ms" for what in ("beat", "claim") for at in (50, 95, 99)},
        "claimed_per_s": "claimed/s",
        "errors": "errors",
        "beats_share": "beats alone: % of a core of Redis",
        "redis_share": "all: % of a core of Redis",
    },
    subjects=lambda _: ("1,000 agents", "10,000 agents"),
    measure=agents,
)
