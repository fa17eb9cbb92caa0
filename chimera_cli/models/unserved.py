"""Work that waits for a worker that is not there: tasks of kinds which no live worker claims, and approved ones of kinds
which no live worker may execute."""

from collections.abc import Iterable, Mapping

from chimera_cli.models.agent import FleetMember, Role, living
from chimera_cli.models.noun import Noun

CURE = "chimera worker --handlers MODULE"
"""What helps: a worker that has a handler for the kind."""
KEY_CURE = "give workers the CHIMERA_APPROVAL_KEY that the whole swarm has, and start them anew"
"""What helps where a key is missing."""


class Unserved(Noun):
    """Tasks of one kind that wait, although no live worker claims that kind."""

    kind: str
    """The kind."""
    waiting: int
    """How many of its tasks wait for a worker."""

    @property
    def sentence(self) -> str:
        """Say so in one line."""
        tasks, wait = ("task", "waits") if self.waiting == 1 else ("tasks", "wait")
        return f"{self.waiting} {tasks} of kind {self.kind} {wait}, no worker serves it"


class Unexecuted(Noun):
    """Approved tasks of one kind that wait, although workers claim that kind: none of them has the key for approvals."""

    kind: str
    """The kind."""
    waiting: int
    """How many of its tasks wait for their execution."""

    @property
    def sentence(self) -> str:
        """Say so in one line."""
        tasks, wait = ("task", "waits") if self.waiting == 1 else ("tasks", "wait")
        return f"{self.waiting} approved {tasks} of kind {self.kind} {wait}, no live worker for it has CHIMERA_APPROVAL_KEY"


def live_workers(fleet: Iterable[FleetMember]) -> list[FleetMember]:
    """List the workers that are not dead."""
    return living(fleet, Role.WORKER)


def unserved(waiting: Mapping[str, int], fleet: Iterable[FleetMember]) -> tuple[Unserved, ...]:
    """List the waiting kinds that no live worker claims, by name; a worker that does not tell its kinds claims any.

    Args:
        waiting: Tasks that wait for a worker, by kind.
        fleet: All agents.
    """
    claimed = {member.kinds for member in live_workers(fleet)}
    if None in claimed:
        return ()
    served = {kind for kinds in claimed for kind in kinds or ()}
    return tuple(
        Unserved(kind=kind, waiting=count) for kind, count in sorted(waiting.items()) if count and kind not in served
    )


def unexecuted(waiting: Mapping[str, int], fleet: Iterable[FleetMember]) -> tuple[Unexecuted, ...]:
    """List the kinds of approved tasks that live workers claim and none may execute, by name; what none claims is unserved.

    Args:
        waiting: Tasks that wait for their execution, by kind.
        fleet: All agents.
    """
    workers = live_workers(fleet)
    unclaimed = {one.kind for one in unserved(waiting, workers)}
    without_key = unserved(waiting, [member for member in workers if member.has_key])
    return tuple(Unexecuted(kind=one.kind, waiting=one.waiting) for one in without_key if one.kind not in unclaimed)
