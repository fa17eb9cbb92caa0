"""The operator's control over running work: orders are kept first, then carried out, at once or when Redis is back."""

from collections.abc import Sequence
from itertools import groupby

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.order import TOO_LATE, Fate, Order, OrderAction
from chimera_cli.models.task import TaskStatus
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.control import ControlPort
from chimera_cli.ports.orders import Ordered, OrdersPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.record import RecordPort
from chimera_cli.ports.telemetry import TelemetryPort

AT_ONCE = 100
"""Orders read in one go."""


class ControlService:
    """Gives orders, and carries out those that are still open."""

    def __init__(
        self,
        orders: OrdersPort,
        control: ControlPort,
        *,
        record: RecordPort,
        queue: TaskQueuePort,
        telemetry: TelemetryPort,
    ) -> None:
        self._orders = orders
        self._control = control
        self._record = record
        self._queue = queue
        self._telemetry = telemetry

    async def order_tasks(
        self, action: OrderAction, task_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to cancel or retry tasks.

        Raises:
            BackendUnavailable: The record is away; whether the order was kept is unknown, and repeating it tells.
        """
        return await self._announced(await self._orders.order_tasks(action, task_ids, operator, reason))

    async def order_goals(
        self, action: OrderAction, goal_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to pause, resume or cancel goals. Raises BackendUnavailable as `order_tasks` does."""
        return await self._announced(await self._orders.order_goals(action, goal_ids, operator, reason))

    async def carry_out(self, *, away: Away = NONE_AWAY) -> int:
        """Carry out every open order, and return how many were; harmless when several do it at once.

        Orders about goals of shards that are away stay open, and keep no other from being carried out.

        Raises:
            BackendUnavailable: A store is away; the orders stay open.
            SwarmError: An order could not be carried out and stays open; those behind it were, all the same.
        """
        done = after = 0
        failed: SwarmError | None = None
        while orders := await self._orders.open(after, AT_ONCE):
            after, epochs = orders[-1].seq, await self._record.epochs()
            for _, alike in groupby(orders, key=_likeness):
                some = list(alike)
                if away.holds(some[0].goal_id):
                    continue
                try:
                    done += await self._carry_out_alike(some, epochs)
                except SwarmError as error:
                    if isinstance(error, BackendUnavailable):
                        away = _further(away, some[0].goal_id, error)
                    failed = failed or error
        if failed:
            raise failed
        return done

    async def _announced(self, ordered: Ordered) -> Ordered:
        for order in ordered.given:
            fields = {"goal": order.goal_id, "task": order.task_id, "operator": order.operator, "action": order.action}
            said = TelemetryEvent(name="order.given", level=Level.AUDIT, source=order.operator, fields=fields)
            self._telemetry.emit(said)
        return ordered

    async def _carry_out_alike(self, orders: Sequence[Order], epochs: Epochs) -> int:
        """Carry out orders that differ in their tasks at most, and return how many are not open any more."""
        (order, *_) = orders
        if order.task_id:
            return await self._cancel_tasks(orders, epochs)
        if order.action is OrderAction.CANCEL:
            obeyed = await self._cancel_goal(order, epochs)
        else:
            obeyed = True
            carry_out = self._control.pause if order.action is OrderAction.PAUSE else self._control.go_on
            await carry_out(order, epochs=epochs)
        if obeyed:
            await self._orders.close([order.seq], epochs=epochs)
        return int(obeyed)

    async def _cancel_tasks(self, orders: Sequence[Order], epochs: Epochs) -> int:
        lives = {order.task_id: order.life for order in orders}
        first = orders[0]
        who = {"operator": first.operator, "reason": first.why}
        told = await self._control.cancel(first.goal_id, lives, **who, epochs=epochs)
        fates = dict(zip(lives, told, strict=True))
        seqs: dict[Fate, list[int]] = {fate: [] for fate in Fate}
        for order in orders:
            # One that the queue does not know has ended and is forgotten, or comes with its order when it is dispatched.
            fate = fates[order.task_id]
            seqs[await self._recorded(order.task_id) if fate is Fate.UNKNOWN else fate].append(order.seq)
        await self._orders.close(seqs[Fate.CANCELLED], epochs=epochs)
        await self._orders.close(seqs[Fate.ENDED], TOO_LATE, epochs=epochs)
        return len(orders) - len(seqs[Fate.UNKNOWN])

    async def _recorded(self, task_id: str) -> Fate:
        status = (await self._record.task(task_id)).status
        if status is TaskStatus.CANCELLED:
            return Fate.CANCELLED
        return Fate.ENDED if status.terminal else Fate.UNKNOWN

    async def _cancel_goal(self, order: Order, epochs: Epochs) -> bool:
        """Fence a goal, then end its tasks; False when the queue did not know one that should be there."""
        await self._control.pause(order, epochs=epochs)
        who = {"operator": order.operator, "reason": order.why}
        after, sure = 0, True
        while True:
            ids, after = await self._orders.live(order.goal_id, after)
            # Nothing of a cancelled goal is put back, so whichever life the queue holds is the one.
            lives = dict.fromkeys(ids)
            fates = await self._control.cancel(order.goal_id, lives, **who, epochs=epochs)
            sure = sure and Fate.UNKNOWN not in fates
            if not after:
                break
        if sure and (await self._record.goal(order.goal_id)).status.terminal:
            # It waited for a planner, and no event tells of its end: what the queue still holds of it goes now.
            await self._queue.forget([], [order.goal_id], turn=await self._record.turn(), epochs=epochs)
        return sure


def _further(away: Away, goal_id: str, error: BackendUnavailable) -> Away:
    """Count the shard of a goal as away from now on. Raises the error when the next order would meet it just the same."""
    further = away.without(goal_id)
    if error.backend != "Redis" or further.all:
        raise error
    return further


def _likeness(order: Order) -> tuple[object, ...]:
    """Tell orders apart that cannot be carried out in one call."""
    return (order.action, order.goal_id, order.operator, order.reason, "" if order.task_id else order.seq)
