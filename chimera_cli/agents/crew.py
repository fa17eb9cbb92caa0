"""An agent that answers deliveries of one queue: what workers and judges share."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import ClassVar

from pydantic import JsonValue

from chimera_cli.agents.base import BaseAgent
from chimera_cli.exceptions import BackendUnavailable, ConfigError, NotFound, StaleLease
from chimera_cli.models.delivery import Delivery, Lease, Malformed, Stage
from chimera_cli.models.policy import RetryPolicy
from chimera_cli.models.telemetry import Level
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.retry import backoff, jitter

ANSWER_AGAIN = RetryPolicy(base=timedelta(seconds=0.1), longest=timedelta(seconds=2), jitter=1.0)
"""How an answer is repeated while the queue is away."""


SLACK = timedelta(seconds=5)
"""How much later than its limit work may end before its agent counts as stuck."""
PayloadOf = Callable[[str], Awaitable[Mapping[str, JsonValue]]]
"""Fetches the payload of a task from the record, by the task's id."""


async def no_record(task_id: str) -> Mapping[str, JsonValue]:
    """Know no task at all."""
    raise NotFound("task", task_id)


class CrewAgent(BaseAgent):
    """Takes one delivery at a time and gives the queue one answer for it."""

    __slots__ = ("answering", "chance", "clock", "queue")

    stage: ClassVar[Stage]
    """The queue it takes deliveries from."""

    def __init__(
        self, queue: TaskQueuePort, telemetry: TelemetryPort, *, clock: ClockPort, chance: Chance, id: str = ""
    ) -> None:
        super().__init__(telemetry, id=id)
        self.queue = queue
        self.clock = clock
        self.chance = chance
        self.answering = False
        """Whether an answer is on its way, so that the queue itself will tell whether the lease holds."""

    async def run(self, delivery: Delivery | Malformed) -> None:
        """See one delivery through, to exactly one answer; whatever the task does, nothing is raised for it."""
        self.take(delivery.lease.task_id)
        try:
            if isinstance(delivery, Malformed):
                await self._refuse(delivery)
            else:
                await self.see_through(delivery)
        finally:
            self.release()

    @abstractmethod
    async def see_through(self, delivery: Delivery) -> None:
        """Do what the delivery asks for and answer it."""

    def expect(self, limit: timedelta) -> None:
        """Note how long what begins now may take, tidying up included."""
        self.due = self.clock.now() + limit + SLACK

    async def whole(self, delivery: Delivery, payload_of: PayloadOf) -> Delivery:
        """Return the delivery with its payload.

        Raises:
            BackendUnavailable: The payload is in the record, and that is away.
            NotFound: The record knows no such task.
        """
        if not delivery.payload_elsewhere:
            return delivery
        payload = dict(await payload_of(delivery.lease.task_id))
        return delivery.model_copy(update={"payload": payload, "payload_elsewhere": False})

    async def answer(self, lease: Lease, give: Callable[[], Awaitable[None]]) -> bool:
        """Give the queue an answer and tell whether it was accepted.

        While the queue is away, refuses writes or does not let us in, the answer is kept and given again: the work behind it was
        paid for. There is no need to guess when the lease ends, for a stale answer is refused by its generation.
        """
        self.answering, self.due = True, None
        failures = 0
        try:
            while True:
                try:
                    await give()
                    return True
                except (BackendUnavailable, ConfigError):
                    failures += 1
                    delay = backoff(ANSWER_AGAIN, failures)
                    await self.clock.sleep(delay + jitter(delay, ANSWER_AGAIN, self.chance))
        except StaleLease:
            self._stale(lease, after_outage=failures > 0)
            return False
        finally:
            self.answering = False

    async def _refuse(self, delivery: Malformed) -> None:
        if await self.answer(delivery.lease, lambda: self.queue.fail(delivery.lease, delivery.reason)):
            task = delivery.lease.task_id
            self.log_event("task.failed", delivery.reason, level=Level.ERROR, task=task, error=delivery.reason)

    def _stale(self, lease: Lease, *, after_outage: bool) -> None:
        # A reply that got lost in an outage may have been a yes, so the refusal may be of our own second saying.
        said = "the answer came too late, or had arrived before" if after_outage else "the answer came too late"
        self.log_event("task.stale", said, level=Level.WARN, task=lease.task_id, generation=lease.generation)
