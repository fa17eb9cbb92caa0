"""Rounds by the hundred, from a seed: `python -m tests.chaos.rounds --rounds 800 --seed 1`.

Prints one JSON line a round and a summary; exits 1, with the seed, when anything was lost, doubled or left behind. Round N of a
seed is always the same plan; which interleaving it meets is up to the machine. `--only N` plays one again.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.chaos.gate import enrol
from tests.chaos.plans import random_faults, random_work
from tests.chaos.process import Place
from tests.chaos.round import Ended, Round
from tests.servers import Servers

LANES = 5
"""Rounds side by side: a round mostly waits, for its leases."""


@dataclass
class Tally:
    """What became of all rounds."""

    seconds: list[float] = field(default_factory=list)
    tasks: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    bad: list[int] = field(default_factory=list)

    def count(self, number: int, ended: Ended) -> None:
        """Count one."""
        self.seconds.append(ended.seconds)
        self.tasks += ended.tasks
        self.faults.update(kind.value for _, kind, _ in ended.hits)
        if ended.violations:
            self.bad.append(number)

    def summary(self, seed: int, took: float) -> dict[str, Any]:
        """Sum up."""
        rounds = len(self.seconds)
        return {
            "seed": seed,
            "rounds": rounds,
            "tasks": self.tasks,
            "faults": dict(self.faults),
            "violated": self.bad,
            "seconds": round(took, 1),
            "seconds_a_round": round(took / max(rounds, 1), 3),
            "median_round_s": round(median(self.seconds), 3) if self.seconds else 0,
        }


def line_of(number: int, seed: int, ended: Ended) -> dict[str, Any]:
    """Write a round as a line."""
    return {
        "round": number,
        "seed": seed,
        "tasks": ended.tasks,
        "faults": [[role, kind, point.side, point.label, point.stage] for role, kind, point in ended.hits],
        "seconds": round(ended.seconds, 3),
        "ok": not ended.violations,
        **({"violations": ended.violations, "said": ended.said} if ended.violations else {}),
    }


async def in_lanes(
    servers: Servers, plans: Iterator[tuple[int, Callable[[Place], Round]]], tell: Callable[[int, Ended], None]
) -> None:
    """Play rounds side by side, each in a namespace and a database of its own."""
    enrol(asyncio.get_running_loop())

    async def lane() -> None:
        for number, make in plans:
            database = await asyncio.to_thread(servers.new_database)
            place = Place(servers.redis.url, servers.postgres.url_of(database), f"round-{number}")
            tell(number, await make(place).play())
            await asyncio.to_thread(servers.drop_database, database)

    await asyncio.gather(*(lane() for _ in range(LANES)))


def random_round(seed: int, number: int, place: Place) -> Round:
    """Make up a round."""
    dice = random.Random(f"{seed}/{number}")
    return Round(place, random_work(dice), random_faults(dice))


def main() -> int:
    """Play the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="play this round alone")
    asked = parser.parse_args()
    numbers = [asked.only] if asked.only is not None else range(asked.rounds)
    plans = ((n, lambda place, n=n: random_round(asked.seed, n, place)) for n in numbers)
    tally, servers, began = Tally(), Servers(), time.monotonic()

    def tell(number: int, ended: Ended) -> None:
        tally.count(number, ended)
        print(json.dumps(line_of(number, asked.seed, ended)), flush=True)  # noqa: T201

    try:
        servers.template, servers.redis  # noqa: B018 - started before the clock runs
        began = time.monotonic()
        asyncio.run(in_lanes(servers, plans, tell))
    finally:
        servers.close()
    print(json.dumps(tally.summary(asked.seed, time.monotonic() - began)), flush=True)  # noqa: T201
    return 1 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main())
