"""Operators' orders about running work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chimera_cli.exceptions import WrongState
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.order import Order, OrderAction


@dataclass(frozen=True)
class Ordered:
    """What became of several orders given at once."""

    given: tuple[Order, ...] = ()
    """Those that are kept and will be carried out."""
    refused: tuple[WrongState, ...] = ()
    """Why the others are not: somebody was first, or the subject is in a state that does not allow it."""


class OrdersPort(Protocol):
    """Orders are kept here first, each with its audit row, and carried out by the queue afterwards, so they survive the loss of
    Redis. All may raise BackendUnavailable."""

    async def order_tasks(
        self, action: OrderAction, task_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to cancel or to retry tasks, each with its audit row; unknown ids are passed over.

        A retry puts the task back in the same transaction: PENDING, not in the queue yet, its goal ACTIVE, the ledger balanced,
        one event above the version recorded. Of two operators exactly one wins.
        """
        ...

    async def order_goals(
        self, action: OrderAction, goal_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to pause, resume or cancel goals, each with its audit row; unknown ids are passed over. Of two operators
        exactly one wins."""
        ...

    async def dependents(self, task_ids: Sequence[str]) -> list[str]:
        """List the cancelled tasks, in the order of submission, that could run again if these ones did."""
        ...

    async def open(self, after: int = 0, limit: int = 100) -> list[Order]:
        """List orders that are not carried out yet and have a higher number than `after`, in order. A retry is carried out by
        dispatching and never among them."""
        ...

    async def close(self, seqs: Sequence[int], note: str = "", *, epochs: Epochs = NO_EPOCHS) -> None:
        """Note that orders were carried out, and what the operator should know of it; harmless when repeated.

        Raises:
            StaleEpoch: They were carried out in a Redis of these epochs, and one of them is over.
        """
        ...

    async def live(self, goal_id: str, after: int = 0, limit: int = 500) -> tuple[list[str], int]:
        """List tasks of a goal that are in the queue and have not ended, and the place up to which was looked (0: the end)."""
        ...

    async def orders(self, *, goal_id: str, task_id: str = "") -> list[Order]:
        """List the orders about a goal as a whole, or about one of its tasks, oldest first."""
        ...

    async def kept(self, seqs: Sequence[int]) -> list[Order]:
        """Return orders by their numbers, in order."""
        ...
