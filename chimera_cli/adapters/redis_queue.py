"""The task queue on Redis: a script call a method, and no other writer of a live task's status than these scripts."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from redis.exceptions import ResponseError

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.push_wire import parcels
from chimera_cli.adapters.redis_claims import RedisClaims, Which, Wish
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors, translate
from chimera_cli.adapters.redis_refusals import Refusals
from chimera_cli.adapters.redis_shards import on_each, on_those_there
from chimera_cli.adapters.resume_wire import resume_fields, seal_text
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import BackendUnavailable, OCCConflict, StaleLease
from chimera_cli.models.delivery import Delivery, Dispatch, Lease, Malformed, Setback, Stage
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.gate import Judgement, Route
from chimera_cli.models.identity import canonical_json, shard_of
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.release import Seal
from chimera_cli.models.result import TaskResult
from chimera_cli.models.returned import DRAIN_CAP, Returned
from chimera_cli.models.review import Resumption, ReviewCard

LEASES_AT_ONCE = 250
"""Leases that one call prolongs: some 4 ms of the server's time. A process may hold ten thousand."""
CARRIED_AT_ONCE = 500
"""Tasks of one stage that one call moves out of the older release's streams: some 10 ms of the server's time."""


class RedisTaskQueue:
    """Implements TaskQueuePort."""

    def __init__(self, client: RedisClient, keys: Keys, lease: LeasePolicy, *, first_claim: int = 0) -> None:
        """Args:
        client: A Redis or a Cluster.
        keys: The namespace and its shards.
        lease: How long a claim holds.
        first_claim: Where in the cycle of priorities this process begins, see `redis_claims.CLAIMS_A_CYCLE`.
        """
        self._client = client
        self._keys = keys
        self._scripts = Scripts(client)
        self._lease_ms, self._abandon_cap = _ms(lease.lease), lease.abandon_cap
        self._claims = RedisClaims(client, keys, self._scripts, lease.lease, first_claim=first_claim)
        self._refusals = Refusals()

    async def push_tasks(self, dispatches: Sequence[Dispatch]) -> int:
        """Put persisted tasks into the queue, in chunks; a known live task is left as it is."""
        new = 0
        by_shard = sorted(dispatches, key=lambda dispatch: self._shard(dispatch.task.goal_id))
        for shard, group in groupby(by_shard, key=lambda dispatch: self._shard(dispatch.task.goal_id)):
            some = list(group)
            for parcel in parcels(some):
                pushed = int(await self._on_shard("push", shard, *parcel, "", some[0].epochs.get(shard, 0)))
                if pushed < 0:
                    # The record's lock ends with its connection only, and somebody has held it since.
                    raise BackendUnavailable("Postgres", "the connection was lost while tasks were being dispatched")
                new += pushed
        return new

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
        """Claim at most one delivery an agent, shard after shard, each time beginning with another one."""
        which: Which = "either" if idle else "others"
        return await self._claims.take(agents, Wish(stage, kinds, executes), which, patience=patience)

    async def pop_suspect(
        self, stage: Stage, agent: str, *, kinds: Sequence[str] = (), executes: bool = True
    ) -> Delivery | Malformed | None:
        """Claim one of those that are claimed alone."""
        claimed = await self._claims.take([agent], Wish(stage, kinds, executes), "alone", patience=timedelta(0))
        return next(iter(claimed), None)

    async def rouse(self) -> None:
        """End the patience of claims by a bell of their own."""
        await self._claims.rouse()

    async def must_rest(self, stage: Stage, process: str, *, kinds: Sequence[str] = (), executes: bool = True) -> bool:
        """Tell whether this process should come to rest for one of those that are claimed alone."""
        query = stage, process, self._lease_ms, canonical_json(list(kinds)), int(executes)
        return bool(await self._everywhere("warden", *query))

    async def extend(self, leases: Sequence[Lease]) -> list[Lease]:
        """Prolong the leases that still hold and return those that do not, stage by stage and shard by shard."""
        place = lambda lease: (lease.stage, self._shard(lease.goal_id))  # noqa: E731
        groups = [(*at, list(held)) for at, held in groupby(sorted(leases, key=place), key=place)]
        return [lease for lost in await on_each(self._extend(*group) for group in groups) for lease in lost]

    async def _extend(self, stage: Stage, shard: int, held: Sequence[Lease]) -> list[Lease]:
        lost: list[Lease] = []
        for at in range(0, len(held), LEASES_AT_ONCE):
            some = held[at : at + LEASES_AT_ONCE]
            pairs = canonical_json([[lease.task_id, lease.generation, lease.agent] for lease in some])
            lost += [some[n - 1] for n in await self._on_shard("extend", shard, stage, self._lease_ms, pairs)]
        return lost

    async def complete(self, lease: Lease, result: TaskResult, *, digest: str = "") -> None:
        """End the phase of a running task and commit its changes."""
        changes = wire.encode_changes(result.changes)
        output, usage = canonical_json(result.output), result.usage.model_dump_json()
        posts = canonical_json(list(result.posts)) if result.posts else ""
        await self._answer("complete", lease, output, changes, digest, usage, posts)

    async def hand_over(self, lease: Lease, result: TaskResult) -> None:
        """Give a proposal to the judges, its changes held."""
        flags = [int(flag) for flag in (result.executes, result.mergeable, result.review_always)]
        changes = wire.encode_changes(result.changes)
        await self._answer(
            "hand_over", lease, canonical_json(result.output), changes, result.usage.model_dump_json(), *flags
        )

    async def retry(
        self, lease: Lease, delay: timedelta, error: str, *, costs_attempt: bool = True, cause: Setback = Setback.WORK
    ) -> None:
        """Put a task or a result back until its delay has passed."""
        await self._answer("retry", lease, lease.stage, _ms(delay), error, int(costs_attempt), cause)

    async def park(self, lease: Lease, delay: timedelta) -> None:
        """Stop claims of the lease's kind at its stage for a while."""
        await self._on_shard("park", self._shard(lease.goal_id), lease.task_id, lease.stage, _ms(delay))

    async def fail(self, lease: Lease, error: str) -> None:
        """End a task as FAILED."""
        await self._answer("fail", lease, lease.stage, error)

    async def give_back(self, lease: Lease, why: Returned = Returned.UNBEGUN) -> None:
        """Put a claimed task back where it was."""
        await self._answer("give_back", lease, lease.stage, why, self._abandon_cap, DRAIN_CAP)

    async def rerun(self, lease: Lease, error: str, *, delay: timedelta = timedelta(0)) -> None:
        """Have a task make its result again from fresh state."""
        await self._answer("rerun", lease, error, _ms(delay))

    async def approve(self, lease: Lease, judgement: Judgement, seal: Seal | None = None) -> None:
        """Let a judged result take effect."""
        await self._judge(lease, Route.APPROVE, judgement, seal)

    async def hold(self, lease: Lease, judgement: Judgement) -> None:
        """Keep a judged result for a person."""
        await self._judge(lease, Route.REVIEW, judgement)

    async def revise(self, lease: Lease, judgement: Judgement) -> None:
        """Send a judged result back with the reasons."""
        await self._judge(lease, Route.REJECT, judgement)

    async def judge_again(self, lease: Lease, why: str, *, review_always: bool) -> None:
        """Have an approved result judged again."""
        await self._answer("judge_again", lease, why, int(review_always))

    async def _judge(self, lease: Lease, route: Route, judgement: Judgement, seal: Seal | None = None) -> None:
        policy, rubric = judgement.decision.policy_version, judgement.verdict.rubric_version
        bound = judgement.model_dump_json(), judgement.digest, policy, rubric
        await self._answer("judge", lease, route, *bound, "; ".join(judgement.decision.reasons), seal_text(seal))

    async def resume(self, card: ReviewCard, *, epochs: Epochs = NO_EPOCHS) -> Resumption:
        """Carry out what was decided on a held task."""
        shard = self._shard(card.goal_id)
        reply = await self._on_shard("resume", shard, *resume_fields(card, epochs.get(shard, 0)))
        return Resumption(reply[0])

    async def promote(self, limit: int = 100) -> int:
        """Queue what was delayed and is due."""
        return await self._everywhere("promote", limit, CARRIED_AT_ONCE)

    async def reap(self, abandon_cap: int, limit: int = 100) -> int:
        """Take back what abandoned leases held. Where writes were refused since the last time, leases lapsed for no agent's fault:
        there nothing is taken back for the length of one."""
        return sum(await on_each(self._reap(shard, abandon_cap, limit) for shard in range(self._keys.shards)))

    async def _reap(self, shard: int, abandon_cap: int, limit: int) -> int:
        with self._refusals.spared(shard) as refused:
            return int(await self._on_shard("reap", shard, abandon_cap, limit, self._lease_ms if refused else 0))

    async def expire(self, limit: int = 100) -> int:
        """Fail tasks whose deadline has passed."""
        return await self._everywhere("expire", limit)

    async def settle(self, limit: int = 100) -> int:
        """Go on telling children that their parent has ended."""
        return await self._everywhere("settle", limit)

    async def forget(
        self, tasks: Sequence[tuple[str, str]], goals: Sequence[str], *, turn: int = 0, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        """Drop what is still held of ended tasks and goals; False when the turn is over."""
        for shard in range(self._keys.shards):
            task_ids = [task for goal, task in tasks if self._shard(goal) == shard]
            goal_ids = [goal for goal in goals if self._shard(goal) == shard]
            if task_ids or goal_ids:
                ended = canonical_json(task_ids), canonical_json(goal_ids)
                if int(await self._on_shard("forget", shard, *ended, turn, epochs.get(shard, 0))) < 0:
                    return False
        return True

    async def counts(self) -> QueueCounts:
        """Count what stands in the queues, over all shards that answer; raise what keeps the first from it when none does."""
        rows = await on_those_there(self._on_shard("counts", shard) for shard in range(self._keys.shards))
        counts = wire.decode_counts(rows)
        if not counts.refused:
            return counts
        error = translate(ResponseError(counts.refused))
        return counts.model_copy(update={"refused": f"{error.message}; {error.hint}"})

    def _shard(self, goal_id: str) -> int:
        return shard_of(goal_id, self._keys.shards)

    async def _on_shard(self, script: str, shard: int, *args: str | int) -> Any:
        with self._refusals.noticed(shard), redis_errors():
            return await self._scripts.call(script, self._keys.shard(shard), *args)

    async def _everywhere(self, script: str, *args: str | int) -> int:
        return sum(map(int, await on_each(self._on_shard(script, shard, *args) for shard in range(self._keys.shards))))

    async def _answer(self, script: str, lease: Lease, *args: str | int) -> None:
        who = lease.task_id, lease.generation, lease.agent
        reply = await self._on_shard(script, self._shard(lease.goal_id), *who, *args)
        if reply[0] == "stale":
            raise StaleLease(lease.task_id, lease.generation)
        if reply[0] == "conflict":
            raise OCCConflict(str(reply[1]), int(reply[2]), int(reply[3]))


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
