"""Work that waits for a worker that is not there: tasks of kinds which no live worker claims."""

from collections.abc import Iterable, Mapping

from chimera_cli.models.agent import FleetMember, Liveness, Role
from chimera_cli.models.noun import Noun

CURE = "chimera worker --handlers MODULE"
"""What helps: a worker that has a handler for the kind."""


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


def live_workers(fleet: Iterable[FleetMember]) -> list[FleetMember]:
    """List the workers that are not dead."""
    return [member for member in fleet if member.role is Role.WORKER and member.liveness is not Liveness.DEAD]


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
