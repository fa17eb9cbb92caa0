"""Orders about tasks and goals on the command line: chosen by ids or by a filter, counted, confirmed, given, and told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from chimera_cli.cli.cancelling import cancelled_goals, cancelled_tasks
from chimera_cli.cli.confirming import confirm
from chimera_cli.cli.failing import say_errors
from chimera_cli.cli.refusing import goals_apart, tasks_apart
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import operator, span
from chimera_cli.exceptions import Conflict, InvalidInput, NotFound, SwarmError

if TYPE_CHECKING:
    from chimera_cli.models.order import Order, OrderAction
    from chimera_cli.models.task import Task
    from chimera_cli.ports.orders import Ordered, OrdersPort
    from chimera_cli.services.swarm import Swarm


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was said on the command line beside the subjects."""

    action: str
    """An OrderAction."""
    name: str | None
    """Who, if somebody was named."""
    reason: str
    """Why."""
    yes: bool
    """Whether it was agreed to beforehand."""
    dry_run: bool
    """Whether it is only to be said what would be touched."""

    @property
    def order(self) -> "OrderAction":
        """The action."""
        from chimera_cli.models.order import OrderAction

        return OrderAction(self.action)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which tasks are meant: some by id, or all that a filter fits."""

    ids: Sequence[str] = ()
    """Ids, or their beginnings."""
    goal: str | None = None
    """Only of this goal."""
    status: str | None = None
    """Only of this status."""
    dependents: bool = False
    """Whether also those that were cancelled because of them."""

    def check(self) -> None:
        """Make sure that it is one or the other.

        Raises:
            InvalidInput: It is both or neither.
        """
        filtered = self.goal is not None or self.status is not None
        if filtered and self.ids:
            raise InvalidInput("tasks are chosen by their ids or by --goal and --status, not by both")
        if not filtered and not self.ids:
            raise InvalidInput("no tasks are chosen", hint="give their ids, or --goal, or --status")


def order_tasks(
    terminal: Terminal, choice: Choice, asked: Asked, wanted: "Callable[[Task], bool]", *, destroys: bool
) -> int:
    """Order something about tasks; returns the exit code.

    Args:
        terminal: The user's side.
        choice: Which tasks.
        asked: What to do with them.
        wanted: Which of those that a filter fits are meant.
        destroys: Whether even one of them needs to be agreed to.
    """
    from chimera_cli.views.documents import tasks_document
    from chimera_cli.views.plan import tasks_grid

    choice.check()
    who = operator(asked.name, terminal.settings().operator)

    async def work() -> int:
        async with terminal.swarm() as swarm:
            missing: list[SwarmError] = []
            found = await _tasks(swarm, choice, wanted, missing)
            tasks, refused = await tasks_apart(swarm.record, found, asked.order)
            if asked.dry_run:
                terminal.show(tasks_document(tasks), tasks_grid(tasks))
                return say_errors(terminal, [*missing, *refused])
            intent = f"{asked.action} {_count(len(tasks), 'task')} of {_count(len({t.goal_id for t in tasks}), 'goal')}"
            if tasks and (destroys or len(tasks) > 1):
                confirm(terminal, intent, yes=asked.yes, dry_run=True)
            elif not found:
                terminal.note(f"nothing to {asked.action}: 0 tasks fit")
            # All of them: the record says of those that it refuses who was first.
            ids = [task.id for task in found]
            waiting = len(await swarm.orders.dependents(ids)) if asked.action == "retry" else 0
            ordered = await swarm.order_tasks(asked.order, ids, who, asked.reason)
            ends = await cancelled_tasks(terminal, swarm, ordered) if destroys else {}
            if ordered.given and waiting:
                terminal.note(
                    f"{_count(waiting, 'task')} cancelled because of these stay so: --with-dependents takes them along"
                )
            return _report(terminal, ordered, missing, ends)

    return terminal.run(work())


def order_goals(
    terminal: Terminal, ids: Sequence[str], asked: Asked, *, destroys: bool, timeout: str | None = None
) -> int:
    """Order something about goals; returns the exit code. A cancel is seen through until the timeout, 10 s unless given."""
    from chimera_cli.views.documents import goals_document
    from chimera_cli.views.plan import goals_grid

    who, longest = operator(asked.name, terminal.settings().operator), span(timeout, "--timeout")

    async def work() -> int:
        async with terminal.swarm() as swarm:
            missing: list[SwarmError] = []
            found = await _each(ids, lambda id: swarm.record.resolve("goal", id), missing)
            goals, refused = goals_apart([await swarm.record.goal(id) for id in found], asked.order)
            if asked.dry_run:
                terminal.show(goals_document(goals), goals_grid(goals))
                return say_errors(terminal, [*missing, *refused])
            if goals and (destroys or len(goals) > 1):
                intent = f"{asked.action} {_count(len(goals), 'goal')} with {_count(sum(goal.live for goal in goals), 'live task')}"
                confirm(terminal, intent, yes=asked.yes, dry_run=True)
            if not destroys:
                return _report(terminal, await swarm.order_goals(asked.order, found, who, asked.reason), missing)
            before = {id: await swarm.record.goal(id) for id in found}
            patience = {} if longest is None else {"patience": longest}
            ordered = await swarm.order_goals(asked.order, found, who, asked.reason, **patience)
            return _report(terminal, ordered, missing, await cancelled_goals(terminal, swarm, ordered, before))

    return terminal.run(work())


async def open_orders(orders: "OrdersPort", goal_id: str) -> "list[Order]":
    """Return the orders about single tasks of a goal that are kept and not carried out yet."""
    found: list[Order] = []
    after = 0
    while page := await orders.open(after):
        found += [order for order in page if order.goal_id == goal_id and order.task_id]
        after = page[-1].seq
    return found


async def _tasks(
    swarm: "Swarm", choice: Choice, wanted: "Callable[[Task], bool]", missing: list[SwarmError]
) -> "list[Task]":
    from chimera_cli.cli.words import choice as word
    from chimera_cli.models.task import TaskStatus

    if choice.ids:
        ids = await _each(choice.ids, lambda id: swarm.record.resolve("task", id), missing)
        tasks = [await swarm.record.task(id) for id in ids]
    else:
        goal = await swarm.record.resolve("goal", choice.goal) if choice.goal is not None else None
        status = word(TaskStatus, choice.status, "--status")
        tasks = [task for task in await swarm.record.tasks(goal_id=goal, status=status, limit=0) if wanted(task)]
    if choice.dependents:
        tasks += [await swarm.record.task(id) for id in await swarm.orders.dependents([task.id for task in tasks])]
    return tasks


async def _each(words: Sequence[str], find: Callable[[str], Awaitable[str]], missing: list[SwarmError]) -> list[str]:
    """Find ids by their beginnings, each once; one that is not there does not stop the others."""
    found: list[str] = []
    for word in words:
        try:
            found.append(await find(word))
        except NotFound as error:
            missing.append(error)
    if missing and len(words) == 1:
        raise missing[0]
    return list(dict.fromkeys(found))


def _report(
    terminal: Terminal,
    ordered: "Ordered",
    missing: Sequence[SwarmError],
    ends: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Tell what became of orders, and with JSON also of their subjects; the exit code says whether anything is not as it was
    ordered."""
    from chimera_cli.views.documents import orders_document
    from chimera_cli.views.order import orders_grid

    failed: list[SwarmError] = [*missing, *ordered.refused]
    if len(failed) == 1 and not ordered.given:
        raise failed[0]
    terminal.show({**orders_document(ordered.given), **ends}, orders_grid(ordered.given))
    late = [Conflict(f"{order.task_id or order.goal_id}: {order.note}") for order in ordered.given if order.note]
    return say_errors(terminal, [*failed, *late])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
