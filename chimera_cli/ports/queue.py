"""The queue of tasks and results: claims with a lease, answers behind a fence, and the only writer of a live task's status."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from chimera_cli.models.delivery import Delivery, Dispatch, Lease, Malformed, Setback, Stage
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.gate import Judgement
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.release import Seal
from chimera_cli.models.result import TaskResult
from chimera_cli.models.returned import Returned
from chimera_cli.models.review import Resumption, ReviewCard


class TaskQueuePort(Protocol):
    """Every method is one atomic change a task; a crash before it returns has changed all of it or nothing.

    Every method may raise BackendUnavailable; whether the change happened is then unknown, and repeating it does no harm.
    """

    async def push_tasks(self, dispatches: Sequence[Dispatch]) -> int:
        """Put persisted tasks into the queue and return how many were new.

        A known task is left as it is, unless it has ended and is persisted as live again. Nothing is taken, and
        BackendUnavailable raised, when others have read the record under a later turn: whoever sleeps with its tasks in hand
        loses the record's lock, and they may be done by now.

        Raises:
            StaleEpoch: They were read from the record in another epoch than that of the Redis that was reached; nothing is taken.
        """
        ...

    async def pop_tasks(
        self,
        stage: Stage,
        agents: Sequence[str],
        *,
        kinds: Sequence[str] = (),
        executes: bool = True,
        idle: bool = False,
        patience: timedelta = timedelta(0),
    ) -> list[Delivery | Malformed]:
        """Claim at most one delivery an agent, higher priorities first; each claim raises the task's generation.

        No task is handed to two agents while its lease lives. An empty list means that nothing may be claimed now.
        Among deliveries of one priority kinds take turns, and in each kind goals do, a task each. Of any 16 claims in a row of one
        caller, one begins with the lowest priority and one with the middle one, so that no priority waits for ever.

        `kinds` restricts the claim; empty means any kind. With `executes` off, tasks in their execute phase go on waiting.
        `idle` says that the caller has nothing in hand: if a delivery waits
        that must be alone, it may get that one (see `pop_suspect`) and nothing else.

        With `patience` the claim is made when a bell rings, which it does when something may be claimable, and without a bell
        when `patience` is over. It must not be cancelled: what it takes then would be in nobody's hands until its lease ends.
        """
        ...

    async def rouse(self) -> None:
        """Have claims of this process that wait for a bell be made now, or the next one that would."""
        ...

    async def pop_suspect(
        self, stage: Stage, agent: str, *, kinds: Sequence[str] = (), executes: bool = True
    ) -> Delivery | Malformed | None:
        """Claim one of the deliveries that must be alone, because one more lost lease is the last; None when none waits.

        The caller has nothing else in hand, and takes nothing else until this one has ended: that is what makes sure that a
        task which ends its process ends no other task.
        """
        ...

    async def must_rest(self, stage: Stage, process: str, *, kinds: Sequence[str] = (), executes: bool = True) -> bool:
        """Tell whether this process should finish what it holds and then `pop_suspect`: one waits, and this is the one
        process whose duty that is. The duty holds for a lease, unless it is asked for again."""
        ...

    async def extend(self, leases: Sequence[Lease]) -> list[Lease]:
        """Prolong the leases that still hold and return those that do not."""
        ...

    async def complete(self, lease: Lease, result: TaskResult, *, digest: str = "") -> None:
        """End the phase of a running task: commit its changes and move on.

        A proposal (of an unjudged kind) and an execution become COMPLETED; a merge becomes COMPLETED, or APPROVED with its
        execute phase queued. An execution must name the approved digest.

        Raises:
            StaleLease: The lease no longer holds, or the digest is not the approved one; nothing changed.
            OCCConflict: A change is based on an old version; nothing changed, the lease still holds.
        """
        ...

    async def hand_over(self, lease: Lease, result: TaskResult) -> None:
        """Give a proposal to the judges, with its changes held.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def retry(
        self, lease: Lease, delay: timedelta, error: str, *, costs_attempt: bool = True, cause: Setback = Setback.WORK
    ) -> None:
        """Put a task, or a result that could not be judged, back until its delay has passed.

        Args:
            lease: The claim that is answered.
            delay: Time until it may be claimed again.
            error: Why, for the record.
            costs_attempt: Whether it counts against `max_retries`.
            cause: What failed. Outages are counted by themselves, in a row: any other cause begins that count anew.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def park(self, lease: Lease, delay: timedelta) -> None:
        """Stop claims of the lease's kind at its stage until the delay has passed (a provider asked for fewer calls)."""
        ...

    async def fail(self, lease: Lease, error: str) -> None:
        """End a task as FAILED; what depends on it is cancelled.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def give_back(self, lease: Lease, why: Returned = Returned.UNBEGUN) -> None:
        """Put a claimed task back where it was, without costing an attempt. What was begun is counted; a task that was given back
        too often is FAILED with the reason, a result never is.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def rerun(self, lease: Lease, error: str, *, delay: timedelta = timedelta(0)) -> None:
        """Have a task make its result again from fresh state after a conflict, at once or when the delay has passed; counts a
        conflict, not an attempt.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def approve(self, lease: Lease, judgement: Judgement, seal: Seal | None = None) -> None:
        """Let a judged result take effect: commit its held changes, then complete it or queue its execute phase, where the seal
        vouches for it.

        When a held change is based on an old version nothing is committed: the task is queued to merge, or to run again
        when its kind cannot merge.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def hold(self, lease: Lease, judgement: Judgement) -> None:
        """Keep a judged result for a person; its review card follows from the event.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def revise(self, lease: Lease, judgement: Judgement) -> None:
        """Send a judged result back to be made again with the judge's reasons; costs no attempt.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def judge_again(self, lease: Lease, why: str, *, review_always: bool) -> None:
        """Have the result of a task in its execute phase judged again: its approval lacks a signature. Its changes are committed
        already, and are not judged or committed again.

        Raises:
            StaleLease: The lease no longer holds; nothing changed.
        """
        ...

    async def resume(self, card: ReviewCard, *, epochs: Epochs = NO_EPOCHS) -> Resumption:
        """Carry out what was decided on a held task, once however often it is called, and tell what became of it: as `approve`,
        as REJECTED, as FAILED when the card EXPIRED, and back to the judges when it is STALE.

        Nothing changes when the task no longer waits under this claim. When it holds another result than the card shows, that
        is judged again. An approval waits while its goal is paused.

        Raises:
            StaleEpoch: The epochs, read from the record after the card, are not those of the Redis that was reached.
        """
        ...

    async def promote(self, limit: int = 100) -> int:
        """Queue what was delayed and is due, and take over what an older release left in a layout of its own; returns how many.
        Atomic and bounded, so any process may call it any time."""
        ...

    async def reap(self, abandon_cap: int, limit: int = 100) -> int:
        """Take back what abandoned leases held: queue it again, fail it as poison (work) or hold it for a person (judge)
        after `abandon_cap` expired leases. Atomic and bounded."""
        ...

    async def expire(self, limit: int = 100) -> int:
        """Fail tasks whose deadline has passed, wherever they stand. Atomic and bounded."""
        ...

    async def settle(self, limit: int = 100) -> int:
        """Go on telling children that their parent has ended: queue those that wait for nothing else, cancel those that wait
        for a failure. Atomic and bounded."""
        ...

    async def forget(
        self, tasks: Sequence[tuple[str, str]], goals: Sequence[str], *, turn: int = 0, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        """Drop what Redis still holds of ended tasks, given as (goal id, task id), and of ended goals, once recorded.

        False, and not all dropped, when others have read the record under a later turn. A live task is never dropped.

        Raises:
            StaleEpoch: As for `resume`.
        """
        ...

    async def counts(self) -> QueueCounts:
        """Count what stands in the queues, over all shards, in constant time a queue."""
        ...
