"""What a simulation reports: what was checked, what was measured, and the goal's life in order."""

from collections.abc import Mapping

from pydantic import JsonValue

from chimera_cli.models.noun import Noun


class InvariantCheck(Noun):
    """One thing that must hold, and whether it does."""

    name: str
    """What must hold, in a few words."""
    ok: bool
    """Whether it does."""
    detail: str
    """What was seen; when it does not hold, what broke it."""


class LifeLine(Noun):
    """One thing that happened, to the goal or around it."""

    at_s: float
    """Seconds since the simulation began."""
    who: str
    """Who did it: a role's process, a person, or the swarm."""
    task: str = ""
    """Key of the task it happened to; empty when it concerns the whole."""
    kind: str = ""
    """Kind of that task."""
    what: str
    """What happened, in words."""


class SimulationReport(Noun):
    """The end of a simulation."""

    ok: bool
    """Whether everything held."""
    seed: int
    """What it was run with."""
    goal_id: str
    """The goal it was about; empty when it never came to one."""
    stand_in: str
    """Notice that the model was a stand-in."""
    lease: str
    """Notice of what was made shorter than in real life."""
    kept: str = ""
    """Folder with the stack's data and the roles' logs; empty when it was removed."""
    invariants: tuple[InvariantCheck, ...]
    """Everything that was checked."""
    figures: Mapping[str, JsonValue]
    """What was counted and measured; names end in their unit."""
    life: tuple[LifeLine, ...] = ()
    """Everything that happened, in order."""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of what does not hold."""
        return tuple(check.name for check in self.invariants if not check.ok)
