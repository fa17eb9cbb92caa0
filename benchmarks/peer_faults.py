"""The same two faults on other task queues, each with its defaults and in a virtual environment of its own:

- `killed`: all of a worker's processes die by SIGKILL in the middle of eight jobs, another worker starts at once. How many
  of the eight had ended after the given time?
- `poison`: one job ends its process whenever it runs, five others do not; a worker that ends is started again at once. How
  often did it run in the given time, and how many of the others had ended?

    python -m venv VENVS/rq && VENVS/rq/bin/pip install rq     # and so on
    python -m benchmarks.peer_faults --venvs VENVS --seconds 90
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.installation import cut
from benchmarks.peer import Peer, place_for
from chimera_cli.local.process import wait_until

PEERS = ("chimera", "rq", "arq", "celery", "celery+acks_late", "dramatiq", "saq", "taskiq")
"""Names of folders below VENVS, with what else is in the environment after the plus sign; chimera is this checkout."""


def killed(peer: Peer, seconds: float) -> Mapping[str, object]:
    """Kill a worker in the middle of eight jobs."""
    jobs = [f"job-{n}" for n in range(8)]
    peer.enqueue("slow", jobs)
    victim = peer.worker()
    wait_until(lambda: peer.count("start", *jobs) > 0, timeout_s=30)
    time.sleep(1)
    cut(victim)
    begun, ended = sum(peer.count("start", job) > 0 for job in jobs), peer.ended(jobs)
    since, other = time.monotonic(), peer.worker()
    wait_until(lambda: peer.ended(jobs) == len(jobs), timeout_s=seconds)
    took = time.monotonic() - since
    cut(other)
    finished = peer.ended(jobs)
    return {
        "jobs": len(jobs),
        "in_hand_at_the_kill": begun - ended,
        "ended": finished,
        "all_within_s": round(took, 1) if finished == len(jobs) else None,
    }


def poison(peer: Peer, seconds: float) -> Mapping[str, object]:
    """Run a job that ends its process among five that do not."""
    jobs = [f"good-{n}" for n in range(5)]
    peer.enqueue("poison", ["bad"])
    peer.enqueue("slow", jobs)
    until, starts, worker = time.monotonic() + seconds, 1, peer.worker()
    while time.monotonic() < until:
        if worker.poll() is not None:
            cut(worker)
            worker, starts = peer.worker(), starts + 1
        time.sleep(0.2)
    cut(worker)
    return {
        "runs_of_the_poison": peer.count("start", "bad"),
        "starts_of_the_worker": starts,
        "others": len(jobs),
        "others_ended": peer.ended(jobs),
    }


def main(arguments: Sequence[str]) -> int:
    """Try every peer whose environment is there; one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=Path, required=True, help="folder with one virtual environment a peer")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long each fault is watched")
    parser.add_argument("peers", nargs="*", default=PEERS)
    chosen = parser.parse_args(arguments)
    for name in chosen.peers:
        if name != "chimera" and not (chosen.venvs / name.partition("+")[0]).is_dir():
            print(json.dumps({"peer": name, "skipped": "no virtual environment"}), flush=True)
            continue
        for fault in (killed, poison):
            with place_for(name) as place:
                found = fault(Peer(name, chosen.venvs, place), chosen.seconds)
            print(json.dumps({"peer": name, "fault": fault.__name__, **found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
