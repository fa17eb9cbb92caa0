"""What orders do to running work."""

from collections.abc import Mapping
from typing import Protocol

from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.order import Fate, Order


class ControlPort(Protocol):
    """Each method may be repeated, by several at once, and does no harm when an order is late: a goal obeys no older order than
    the last one that it heard of. All may raise BackendUnavailable, after which repeating brings the rest about; StaleEpoch among
    them, when the epochs, read from the record after the order, are not those of the Redis that was reached."""

    async def pause(self, order: Order, *, epochs: Epochs = NO_EPOCHS) -> int:
        """Stop a goal: nothing of it starts, no answer about it changes anything, and what agents hold of it is taken back
        without costing an attempt. Returns how many were taken back.

        The first thing done is the fence; from then on nothing of the goal takes effect. A goal that is not in the queue takes
        its orders along when it is dispatched. Deadlines go on passing.
        """
        ...

    async def go_on(self, order: Order, *, epochs: Epochs = NO_EPOCHS) -> int:
        """Let a paused goal go on and return how many tasks wait for workers or judges again."""
        ...

    async def cancel(
        self,
        goal_id: str,
        lives: Mapping[str, int | None],
        *,
        operator: str,
        reason: str,
        epochs: Epochs = NO_EPOCHS,
    ) -> list[Fate]:
        """End live tasks of a goal as CANCELLED wherever they stand, each in one atomic change, and tell what became of each.

        Args:
            goal_id: The goal.
            lives: Which life of each task is meant, by task id; None for whichever there is. A task that was put back since is
                left alone, and one that is still to be put back is UNKNOWN.
            operator: Who ordered it.
            reason: Why.
            epochs: As for the other methods.
        """
        ...
