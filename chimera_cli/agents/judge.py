"""The agent that judges results: checks, score, gate, one answer. Whatever goes wrong, a person decides: it fails closed."""

import asyncio
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from chimera_cli.agents.crew import CrewAgent, PayloadOf, no_record
from chimera_cli.agents.outcome import Outcome, commit
from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.handlers.threads import in_thread
from chimera_cli.models.agent import Role
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.gate import GateDecision, Judgement, Route
from chimera_cli.models.identity import content_digest
from chimera_cli.models.policy import LeasePolicy, RetryPolicy
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.telemetry import Level
from chimera_cli.models.verdict import Verdict
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.retry import RetryDecision, decide_retry, describe
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import Aside, ScoringService, here, unscored
from chimera_cli.services.vouching import NO_KEY, NO_VOUCHER, Voucher

MAX_RETRIES = 3
"""Failed attempts at scoring that are followed by another; then a person decides without a score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeTools:
    """What all judges of a process share."""

    queue: TaskQueuePort
    scoring: ScoringService
    safety: SafetyService
    telemetry: TelemetryPort
    clock: ClockPort
    chance: Chance
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    abandon_cap: int = LeasePolicy().abandon_cap
    """Judges that may vanish over one result before a person gets it unread."""
    payload_of: PayloadOf = no_record
    voucher: Voucher = NO_VOUCHER
    """Signs what the gate lets pass; without a key a person decides on what would be executed."""
    timeout: timedelta = timedelta(seconds=300)
    """Longest time for scoring one result, and for screening it."""


class JudgeAgent(CrewAgent):
    """Judges one result at a time; keeps nothing between two."""

    __slots__ = ("tools",)
    role = Role.JUDGE
    stage = Stage.JUDGE

    def __init__(self, tools: JudgeTools, *, id: str = "") -> None:
        super().__init__(tools.queue, tools.telemetry, clock=tools.clock, chance=tools.chance, id=id)
        self.tools = tools

    async def see_through(self, delivery: Delivery) -> None:
        """Score the result, have the gate route it, and answer."""
        if delivery.abandoned >= self.tools.abandon_cap:
            # Whatever ended the judges before, reading the result once more would end this one too.
            await self._route(delivery, self._unread(delivery))
            return
        try:
            delivery = await self.whole(delivery, self.tools.payload_of)
        except BackendUnavailable as error:
            await self._put_back(delivery, self._decide_retry(delivery, error))
            return
        self.expect(2 * self.tools.timeout)
        verdict = await self._verdict(delivery)
        if isinstance(verdict, RetryDecision):
            await self._put_back(delivery, verdict)
        else:
            await self._route(delivery, await self._judgement(delivery, verdict))

    async def score_result(self, delivery: Delivery) -> Verdict:
        """Score a result by the rubric; without the model where its answer could not change the route.

        Raises:
            BackendUnavailable: The model cannot be reached, or asks for a pause.
            ConfigError: The provider refuses the key.
        """
        aside = self._aside(delivery)
        faults = await aside(self.tools.safety.check, delivery)
        if faults and self.tools.safety.policy.low_confidence is Route.REVIEW:
            return self._unscored(f"not scored, for a person decides in any case: {faults[0].message}")
        return await self.tools.scoring.score(delivery, aside=aside)

    async def _verdict(self, delivery: Delivery) -> Verdict | RetryDecision:
        try:
            async with asyncio.timeout(self.tools.timeout.total_seconds()):
                return await self.score_result(delivery)
        except (BackendUnavailable, ConfigError) as error:
            decision = self._decide_retry(delivery, error)
            return decision if decision.retry else self._unscored(decision.error)
        except Exception as error:
            return self._unscored(self._report(delivery, error))

    def _decide_retry(self, delivery: Delivery, error: BackendUnavailable | ConfigError) -> RetryDecision:
        return decide_retry(
            error,
            self.tools.retry,
            task_id=delivery.lease.task_id,
            attempt=delivery.attempt,
            max_retries=MAX_RETRIES,
            chance=self.chance,
            outages=delivery.outages,
        )

    def _aside(self, delivery: Delivery) -> Aside:
        """Take a thread for a long result: reading one of a megabyte takes a second, and beats must not wait for it."""
        return here if self.tools.safety.quick(delivery) else partial(in_thread, name="judging", agent=self.id)

    async def _judgement(self, delivery: Delivery, verdict: Verdict) -> Judgement:
        aside, limit = self._aside(delivery), self.tools.timeout.total_seconds()
        if aside is here:  # There is nothing that a timeout could end.
            return self._judge(delivery, verdict)
        try:
            async with asyncio.timeout(limit):
                return await aside(self._judge, delivery, verdict)
        except TimeoutError:
            return self._bound(delivery, verdict, self._for_a_person(f"Screening took longer than {limit:g} s."))

    def _judge(self, delivery: Delivery, verdict: Verdict) -> Judgement:
        """Combine verdict and gate, and bind both to exactly this content."""
        try:
            decision = self.tools.safety.decide(delivery, verdict)
        except Exception as error:
            decision = self._for_a_person(f"The gate failed: {self._report(delivery, error)}")
        if decision.route is Route.APPROVE and verdict.confidence is None:
            decision = self._for_a_person("Nothing without a score is approved by the swarm.")
        if decision.route is Route.APPROVE and delivery.executes and not self.tools.voucher.able:
            decision = self._for_a_person(f"{NO_KEY}, and what is approved would be executed.")
        return self._bound(delivery, verdict, decision)

    def _unread(self, delivery: Delivery) -> Judgement:
        """Hold a result that no judge has survived, neither scored nor screened."""
        reason = f"Judges vanished over it {delivery.abandoned} times, so it is neither scored nor screened."
        return self._bound(delivery, self._unscored(reason), self._for_a_person(reason))

    def _bound(self, delivery: Delivery, verdict: Verdict, decision: GateDecision) -> Judgement:
        policy, rubric = decision.policy_version, verdict.rubric_version
        task, changes = delivery.lease.task_id, delivery.written
        digest = content_digest(task, delivery.payload, delivery.output, policy, rubric, changes=changes)
        return Judgement(verdict=verdict, decision=decision, changes=changes, digest=digest)

    async def _route(self, delivery: Delivery, judgement: Judgement) -> None:
        lease, route = delivery.lease, judgement.decision.route
        seal = self._seal(delivery, judgement.digest) if route is Route.APPROVE else None
        answers = {
            Route.APPROVE: lambda: self.queue.approve(lease, judgement, seal),
            Route.REVIEW: lambda: self.queue.hold(lease, judgement),
            Route.REJECT: lambda: self.queue.revise(lease, judgement),
        }
        if await self.answer(lease, answers[route]):
            confidence = judgement.verdict.confidence
            self.log_event("result.judged", task=delivery.lease.task_id, confidence=confidence, route=route)

    def _seal(self, delivery: Delivery, digest: str) -> Seal | None:
        what = {"task_id": delivery.lease.task_id, "kind": delivery.kind, "digest": digest}
        return self.tools.voucher.seal(ReviewMode.GATE, **what, who=self.id)

    async def _put_back(self, delivery: Delivery, decision: RetryDecision) -> None:
        lease, outcome = delivery.lease, Outcome.of(decision)
        if await self.answer(lease, lambda: commit(self.queue, lease, outcome)):
            delay_s = round(decision.delay.total_seconds(), 3)
            told = {"kind": delivery.kind, "attempt": delivery.attempt, "delay_s": delay_s, "error": decision.error}
            self.log_event(
                "task.retried", "the result will be judged later", level=Level.WARN, task=lease.task_id, **told
            )

    def _unscored(self, reason: str) -> Verdict:
        return unscored(self.tools.scoring.rubric, reason)

    def _for_a_person(self, reason: str) -> GateDecision:
        return GateDecision(route=Route.REVIEW, reasons=(reason,), policy_version=self.tools.safety.policy.version)

    def _report(self, delivery: Delivery, error: Exception) -> str:
        reason, trace = describe(error), "".join(traceback.format_exception(error))
        told = {"role": self.role, "task": delivery.lease.task_id, "error": reason, "trace": trace}
        self.log_event("agent.failed", "a result could not be judged", level=Level.ERROR, **told)
        return reason
