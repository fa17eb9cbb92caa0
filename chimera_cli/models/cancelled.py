"""What came of a goal that was cancelled."""

from chimera_cli.models.effect import Effect
from chimera_cli.models.noun import Noun


class CancelledGoal(Noun):
    """Its tasks, counted when the command ended: tasks = cancelled + ended_before + live."""

    goal_id: str
    """The goal."""
    tasks: int
    """All its tasks."""
    cancelled: int
    """Those that were CANCELLED since the order."""
    ended_before: int
    """Those that had ended otherwise, or before the order."""
    live: int
    """Those that are not recorded as ended yet; nothing of them starts, and housekeeping ends what is left."""
    effects: dict[Effect, int]
    """What is known of the effects of its cancelled tasks."""

    @property
    def sentence(self) -> str:
        """Say it for people."""
        parts = [f"goal {self.goal_id}: cancelled {self.cancelled} of {self.tasks} tasks"]
        if self.ended_before:
            parts.append(f"{self.ended_before} had ended before")
        if self.live:
            parts.append(f"{self.live} are not recorded as ended yet, and none of them starts: housekeeping ends them")
        told = {effect: count for effect, count in self.effects.items() if count and effect is not Effect.NOT_DONE}
        parts += [f"{count} with effect {effect}" for effect, count in sorted(told.items())]
        return "; ".join(parts)
