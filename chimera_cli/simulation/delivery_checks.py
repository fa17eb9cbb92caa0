"""Invariants 1 to 5: leases, effects, versions, takeovers and retries. Each is a pure function of the evidence."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import StateChange
from chimera_cli.models.simulation import InvariantCheck
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.simulation.check import count, judged
from chimera_cli.simulation.evidence import Evidence

SLACK = timedelta(seconds=1)
"""Time after the end of a lease within which what it held must be queued again."""
ROUNDING = timedelta(milliseconds=1)
"""Events are stamped in whole milliseconds."""


def one_live_lease(evidence: Evidence) -> InvariantCheck:
    """1. A task has one live lease at most: generations rise at every start, and who started is who answers."""

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            started = [event.generation for event in events if event.name == "task.started"]
            if any(later <= earlier for earlier, later in pairwise(started)):
                yield f"{evidence.key(task_id)} was started with the generations {started}"
            for event, answer in pairwise(events):
                if event.name == "task.started" and answer.agent and answer.status is not TaskStatus.CANCELLED:
                    if (answer.agent, answer.generation) != (event.agent, event.generation):
                        yield f"{evidence.key(task_id)}: {answer.name} came from another claim than the live one"

    starts = sum(event.name == "task.started" for event in evidence.events)
    return judged("one live lease", problems(), f"{count(starts, 'claim')}, each with a higher generation")


def one_effect_a_phase(evidence: Evidence) -> InvariantCheck:
    """2. At most one committed effect per task and phase, whatever dies when."""

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            committed = Counter(event.name for event in events if event.changes)
            committed["task.completed"] = sum(event.name == "task.completed" for event in events)
            for name, times in committed.items():
                if times > 1:
                    yield f"{evidence.key(task_id)} has {times} times {name}"
        for key, times in Counter(str(post["idempotency_key"]) for post in evidence.posts).items():
            if times > 1:
                yield f"{key} was posted {times} times"
        executed = {e.task_id for e in evidence.events if e.name == "task.completed" and e.phase is Phase.EXECUTE}
        posted = {str(post["idempotency_key"]).partition(":")[0] for post in evidence.posts}
        for task_id in executed ^ posted:
            yield f"{evidence.key(task_id)} is executed or posted, and not both"

    done = sum(event.name == "task.completed" for event in evidence.events)
    return judged(
        "one effect a phase", problems(), f"{count(done, 'completion')}, {count(len(evidence.posts), 'post')}"
    )


def versions_count_commits(evidence: Evidence) -> InvariantCheck:
    """3. The version of a state key is the number of committed effects on it."""
    commits: dict[str, list[StateChange]] = {}
    for event in evidence.events:
        for change in event.changes:
            commits.setdefault(change.key, []).append(change)

    def problems() -> Iterator[str]:
        for key in commits.keys() | evidence.state.keys():
            made, stored = commits.get(key, []), evidence.state.get(key)
            if [change.expected for change in made] != list(range(len(made))):
                yield f"{key} was committed on the versions {[change.expected for change in made]}"
            if stored is None or stored.version != len(made):
                yield f"{key} has {count(len(made), 'commit')} and version {stored.version if stored else 'none'}"
            elif made and stored.value != made[-1].value:
                yield f"{key} does not hold what was committed last"
        tallies = sum(task.kind == "sim.tally" and task.status is TaskStatus.COMPLETED for task in evidence.tasks)
        tally = evidence.state["tally"].value if "tally" in evidence.state else 0
        if tally != tallies:
            yield f"the tally stands at {tally} after {count(tallies, 'tally task')}"

    total = sum(map(len, commits.values()))
    return judged("versions count commits", problems(), f"{count(total, 'commit')} on {count(len(commits), 'key')}")


def abandoned_work_runs_again(evidence: Evidence) -> InvariantCheck:
    """4. Whatever is claimed and abandoned is queued again within lease + 1 s, and runs again.

    On a machine that lets processes wait, as measured by the simulation's own, so much more is allowed.
    """
    abandoned = [event for event in evidence.events if event.name == "task.taken_over"]

    def problems() -> Iterator[str]:
        for event in abandoned:
            later = [e for e in evidence.histories[event.task_id] if e.version > event.version]
            if not any(e.name == "task.started" for e in later):
                yield f"{evidence.key(event.task_id)} was abandoned and did not run again"
            waited = waited_for_takeover(evidence, event)
            if waited is not None and waited > evidence.lease + SLACK + evidence.stall:
                yield f"{evidence.key(event.task_id)} waited {waited.total_seconds():.1f} s to be taken over"

    waits = [waited for event in abandoned if (waited := waited_for_takeover(evidence, event)) is not None]
    longest = f", queued again after {max(waits).total_seconds():.1f} s at the latest" if waits else ""
    return judged("abandoned work runs again", problems(), f"{count(len(abandoned), 'task')} taken over{longest}")


def waited_for_takeover(evidence: Evidence, event: TaskEvent) -> timedelta | None:
    """Tell how long a task lay in the hands of a killed worker; None when nobody knows when its holder went silent."""
    holders = [e.agent for e in evidence.histories[event.task_id] if e.version == event.version - 1]
    if evidence.killed is None or not evidence.killed.agents.issuperset(holders):
        return None
    return event.at - evidence.killed.at


def retries_wait(evidence: Evidence) -> InvariantCheck:
    """5. A failed attempt is followed by another after 2, 4, 8 s and not before."""
    waits: list[float] = []

    def problems() -> Iterator[str]:
        for task_id, events in evidence.histories.items():
            for event, after in pairwise(events):
                if event.name != "task.delayed":
                    continue
                again = next((e for e in events if e.name == "task.started" and e.version > event.version), None)
                if again is None or again.attempts == event.attempts:
                    continue  # a provider's rate limit has a delay of its own and costs no attempt
                due = evidence.retry_base * 2 ** (event.attempts - 1)
                waited = after.at - event.at
                waits.append(waited.total_seconds())
                if waited < due - ROUNDING:
                    yield (
                        f"{evidence.key(task_id)} came back {waited.total_seconds():.2f} s after attempt"
                        f" {event.attempts}, {due.total_seconds():g} s were due"
                    )

    found = list(problems())
    seen = ", ".join(f"{wait:.2f} s" for wait in waits)
    return judged(
        "retries wait their time", found, f"{count(len(waits), 'delayed retry')}: {seen}" if waits else "none"
    )
