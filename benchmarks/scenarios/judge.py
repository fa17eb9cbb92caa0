"""What follows a result: judging it, without the time of the model, and recording what happened."""

import json
import subprocess
import sys

from benchmarks import judging, recording
from benchmarks.installation import Installation, end, until
from benchmarks.peer import Peer
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario
from chimera_cli.local.process import free_port
from chimera_cli.local.stand_in import MODEL_NAME, StandInServer

RESULTS, SLOWLY, JUDGES = 5_000, 1_000, 25
INSTANT, OVER_HTTP, RECORD = "judge", "judge, stand-in model over HTTP", "record, events"


def judge(bench: Bench, subject: str) -> Figures:
    """Judge what waits, or record it."""
    jobs = names(bench.size(SLOWLY if subject == OVER_HTTP else RESULTS, 1_000))
    with bench.peer("chimera", slots=JUDGES) as peer:
        assert isinstance(peer.place, Installation)
        if subject == RECORD:
            return _record(peer, peer.place, jobs)
        _make_results(peer, peer.place, jobs)
        model = StandInServer(peer.place.folder / "model", free_port(), seed=1)
        if subject == OVER_HTTP:
            peer.place.ends.callback(model.stop)
            model.start()
        environment = {
            **peer.place.environment,
            "MARKS": str(peer.marks),
            "OPENAI_BASE_URL": model.url,
            "CHIMERA_MODEL__NAME": MODEL_NAME,
        }
        words = [
            sys.executable,
            "-m",
            judging.__name__,
            f"--count={JUDGES}",
            *(["--instant"] if subject == INSTANT else []),
        ]
        run = Run(peer, [peer.place.spawn(words, environment)], jobs)
        costs = run.costs()
        done = run.end()
    return {"per_s": done.rate, **costs, "lost": done.lost, "doubled": done.doubled}


def _make_results(peer: Peer, place: Installation, jobs: list[str]) -> None:
    peer.enqueue("draft", jobs)
    workers = peer.fleet(1)
    until(lambda: place.run("status")["queues"]["to_judge"] == len(jobs), "all results wait for a judge")
    for worker in workers:
        end(worker)


def _record(peer: Peer, place: Installation, jobs: list[str]) -> Figures:
    peer.enqueue("noop", jobs)
    words = [sys.executable, "-m", recording.__name__, str(place.servers["postgres"])]
    done = subprocess.run(words, env=place.environment, cwd=place.folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures: Figures = json.loads(done.stdout)
    return figures


SCENARIO = Scenario(
    about=f"""{RESULTS:,} results wait, then one judge process of {JUDGES} judges starts. *judge* has a model inside its process
    that answers at once, so that only our path counts; the other asks the stand-in model about {SLOWLY:,} of them, a
    process on the same cores, whose time is included. *record* is one process that records the events of {RESULTS:,}
    tasks that nobody recorded, and does nothing else. Rate and CPU as in *drain*, a result or an event.""",
    headings={
        "per_s": "a second",
        "workers_cpu_us": "the process, us of CPU each",
        "redis_cpu_us": "Redis, us",
        "postgres_cpu_us": "Postgres, us",
        "whole_cpu_us": "all, us",
        "behind_s": "record behind, s",
        "lost": "lost",
        "doubled": "doubled",
    },
    subjects=lambda _: (INSTANT, OVER_HTTP, RECORD),
    measure=judge,
)
