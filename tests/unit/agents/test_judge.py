"""A judge gives every result exactly one answer, and whatever goes wrong, a person decides."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.agents.judge import JudgeAgent, JudgeTools
from chimera_cli.exceptions import BackendUnavailable, ConfigError, LLMError, ModelThrottled, StaleLease
from chimera_cli.models.delivery import Delivery, Malformed, Stage
from chimera_cli.models.gate import Finding, GateDecision, GatePolicy, Judgement, Route
from chimera_cli.models.identity import content_digest
from chimera_cli.models.release import ReviewMode
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.models.verdict import Verdict
from chimera_cli.ports.llm import Answer
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.rubric_file import load_rubric
from chimera_cli.services.safety import QUICK, SafetyService
from chimera_cli.services.scoring import Aside, CriterionAnswer, ScoringService, VerdictDraft, here
from chimera_cli.services.vouching import NO_VOUCHER, Voucher
from tests.builders import VOUCHER
from tests.unit.agents.crew_fakes import Ears, FakeQueue, HastyClock, delivery, lease

WORDS = "Seven gentle ways to wake up early."
HELD = lease(stage=Stage.JUDGE)


def scored(*points: int) -> VerdictDraft:
    """An answer that gives the criteria these scores, the last one to all that are left."""
    criteria = load_rubric().criteria
    given = [*points, *[points[-1]] * len(criteria)]
    return VerdictDraft(
        scores=[
            CriterionAnswer(criterion=criterion.id, quote=WORDS, reason="so it is", score=given[n])
            for n, criterion in enumerate(criteria)
        ]
    )


class Court:
    """A judge with everything around it; the model answers, or raises, what it is given."""

    def __init__(
        self, answer: VerdictDraft | Exception, *, policy: dict[str, Any] | None = None, voucher: Voucher = VOUCHER
    ) -> None:
        self.queue, self.ears, self.answer, self.asked = FakeQueue(), Ears(), answer, 0
        self.policy: GatePolicy = load_policy().model_copy(update=policy or {})
        self.tools = JudgeTools(
            queue=self.queue,
            scoring=ScoringService(self, load_rubric()),
            safety=SafetyService(self.policy),
            telemetry=self.ears,
            clock=HastyClock(),
            chance=lambda: 0.0,
            payload_of=self.payload_of,
            voucher=voucher,
        )
        self.stored: dict[str, Any] | Exception = {"topic": "mornings"}
        self.agent = JudgeAgent(self.tools, id="j1")

    async def payload_of(self, task_id: str) -> dict[str, Any]:
        if isinstance(self.stored, Exception):
            raise self.stored
        return self.stored

    async def ask(self, system: str, user: str, shape: Any, *, timeout: timedelta) -> Answer[Any]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answer(self.answer, Usage(calls=1), "a-model")

    async def answers(self, task: Delivery | Malformed) -> list[tuple[Any, ...]]:
        """Judge one result and return what the queue was told."""
        async with asyncio.timeout(5):
            await self.agent.run(task)
        return self.queue.answers

    async def judgement(self, task: Delivery) -> tuple[str, Judgement]:
        """Judge one result and return the one answer."""
        [(name, held, judgement)] = await self.answers(task)
        assert held == HELD
        return name, judgement


def result(**fields: Any) -> Delivery:
    return delivery(stage=Stage.JUDGE, **{"output": WORDS, **fields})


class BrokenGate(SafetyService):
    """A gate with a bug."""

    def decide(self, delivery: Delivery, verdict: Verdict) -> GateDecision:
        raise LookupError("a bug in a filter")


class LaxGate(SafetyService):
    """A gate that lets everything pass."""

    def decide(self, delivery: Delivery, verdict: Verdict) -> GateDecision:
        return GateDecision(route=Route.APPROVE, reasons=("why not",), policy_version="lax")


async def test_a_good_result_is_approved() -> None:
    court = Court(scored(5))
    name, judgement = await court.judgement(result())
    assert (name, judgement.verdict.confidence) == ("approve", 1.0)
    assert court.ears.one("result.judged").fields == {"task": "t1", "confidence": 1.0, "route": "approve"}


async def test_what_the_gate_lets_pass_is_signed_by_the_judge() -> None:
    court = Court(scored(5))
    _, judgement = await court.judgement(result(executes=True))
    [seal] = court.queue.seals
    assert seal is not None
    assert (seal.mode, seal.who) == (ReviewMode.GATE, "j1")
    assert VOUCHER.vouches(seal, task_id="t1", kind="noop", digest=judgement.digest)


async def test_without_a_key_a_person_decides_on_what_would_be_executed_and_on_nothing_else() -> None:
    name, judgement = await Court(scored(5), voucher=NO_VOUCHER).judgement(result(executes=True))
    assert name == "hold"
    assert "CHIMERA_APPROVAL_KEY is not set" in judgement.decision.reasons[0]
    name, _ = await Court(scored(5), voucher=NO_VOUCHER).judgement(result())
    assert name == "approve"


async def test_a_long_payload_is_fetched_and_bound_by_the_digest() -> None:
    _, judgement = await Court(scored(5)).judgement(result(payload_elsewhere=True))
    _, same = await Court(scored(5)).judgement(result(payload={"topic": "mornings"}))
    assert judgement.digest == same.digest


async def test_while_the_record_is_away_a_result_with_a_long_payload_waits_and_loses_no_attempt() -> None:
    court = Court(scored(5))
    court.stored = BackendUnavailable("Postgres", "it is away")
    [(name, _, _, _, costs)] = await court.answers(result(payload_elsewhere=True, attempt=9))
    assert (name, costs, court.asked) == ("retry", False, 0)


@pytest.mark.parametrize(
    ("points", "low", "answer"),
    [(4, Route.REVIEW, "hold"), (3, Route.REVIEW, "hold"), (3, Route.REJECT, "revise"), (5, Route.REJECT, "approve")],
)
async def test_confidence_routes_by_the_bands_of_the_policy(points: int, low: Route, answer: str) -> None:
    name, judgement = await Court(scored(points), policy={"low_confidence": low}).judgement(result())
    assert (name, judgement.verdict.confidence) == (answer, points / 5)


async def test_a_sensitive_word_overrides_any_confidence() -> None:
    court = Court(scored(5))
    name, judgement = await court.judgement(result(output=f"{WORDS} The password is swordfish."))
    assert (name, judgement.verdict.confidence) == ("hold", 1.0)
    assert judgement.decision.findings


async def test_the_judgement_is_bound_to_what_was_judged() -> None:
    task = result(payload={"topic": "sleep"})
    _, judgement = await Court(scored(5)).judgement(task)
    policy, rubric = judgement.decision.policy_version, judgement.verdict.rubric_version
    assert judgement.digest == content_digest("t1", task.payload, task.output, policy, rubric)


async def test_a_faulty_result_goes_to_a_person_without_a_paid_call_and_says_so() -> None:
    court = Court(scored(5))
    name, judgement = await court.judgement(result(output="  "))
    assert (name, court.asked, judgement.verdict.confidence) == ("hold", 0, None)
    assert "not scored, for a person decides in any case" in judgement.verdict.unscored_reason
    assert "empty" in " ".join(judgement.decision.reasons)


async def test_a_faulty_result_is_scored_where_the_score_may_change_its_way() -> None:
    court = Court(scored(5), policy={"low_confidence": Route.REJECT})
    await court.answers(result(output="  "))
    assert court.asked == 1


@pytest.mark.parametrize("attempt", [1, 2, 3])
async def test_an_unreachable_model_is_asked_again_after_2_4_and_8_seconds(attempt: int) -> None:
    court = Court(BackendUnavailable("the model", "refused"))
    answers = await court.answers(result(attempt=attempt))
    reason = "the model is unreachable: refused"
    assert answers == [("retry", HELD, timedelta(seconds=2**attempt), reason, True)]
    assert court.ears.one("task.retried").fields["attempt"] == attempt


async def test_a_model_that_stays_unreachable_leaves_the_result_to_a_person() -> None:
    name, judgement = await Court(BackendUnavailable("the model", "refused")).judgement(result(attempt=4))
    assert (name, judgement.verdict.confidence) == ("hold", None)
    assert "failed 4 times, at last with: the model is unreachable" in judgement.verdict.unscored_reason


async def test_a_throttled_judge_parks_the_lane_and_costs_nothing() -> None:
    answers = await Court(ModelThrottled(timedelta(seconds=20))).answers(result(attempt=4))
    assert [(answer[0], answer[2]) for answer in answers] == [
        ("park", timedelta(seconds=20)),
        ("retry", timedelta(seconds=20)),
    ]
    assert answers[1][-1] is False


async def test_a_refused_key_does_not_flood_the_reviewers() -> None:
    park, retry = await Court(ConfigError("the key is refused")).answers(result(attempt=4))
    assert (park[0], retry[0], retry[-1]) == ("park", "retry", False)


@pytest.mark.parametrize("error", [LLMError("the model refused"), ValueError("a bug")], ids=repr)
async def test_whatever_goes_wrong_while_scoring_a_person_decides(error: Exception) -> None:
    name, judgement = await Court(error).judgement(result())
    assert (name, judgement.verdict.confidence) == ("hold", None)
    assert str(error) in judgement.verdict.unscored_reason


async def test_a_result_that_judges_keep_vanishing_over_is_held_unread() -> None:
    court = with_gate(BrokenGate, scored(5))
    name, judgement = await court.judgement(result(abandoned=3))
    assert (name, judgement.verdict.confidence, court.asked, court.ears.names()) == ("hold", None, 0, ["result.judged"])
    assert judgement.decision.reasons == ("Judges vanished over it 3 times, so it is neither scored nor screened.",)


async def test_a_criterion_that_cannot_be_judged_leaves_the_result_to_a_person() -> None:
    draft = scored(5)
    draft = draft.model_copy(update={"scores": draft.scores[1:]})
    name, judgement = await Court(draft).judgement(result())
    assert (name, judgement.verdict.confidence) == ("hold", None)


def with_gate(make: Callable[[GatePolicy], SafetyService], answer: VerdictDraft | Exception) -> Court:
    court = Court(answer)
    tools = {name: getattr(court.tools, name) for name in ("queue", "scoring", "telemetry", "clock", "chance")}
    court.agent = JudgeAgent(JudgeTools(**tools, safety=make(court.policy)))
    return court


async def test_a_gate_that_fails_lets_nothing_pass() -> None:
    court = with_gate(BrokenGate, scored(5))
    name, judgement = await court.judgement(result())
    assert (name, judgement.decision.route) == ("hold", Route.REVIEW)
    assert judgement.decision.reasons == ("The gate failed: LookupError: a bug in a filter",)
    assert "LookupError" in str(court.ears.one("agent.failed").fields["trace"])


async def test_nothing_unscored_is_approved_even_by_a_gate_that_would() -> None:
    name, judgement = await with_gate(LaxGate, LLMError("cut short")).judgement(result())
    assert (name, judgement.decision.route) == ("hold", Route.REVIEW)


async def test_a_stale_judgement_is_told_and_dropped() -> None:
    court = Court(scored(5))
    court.queue.errors["approve"] = [StaleLease("t1", 1)]
    assert await court.answers(result()) == []
    assert court.ears.names() == ["task.stale"]


async def test_a_judgement_outlives_an_outage_of_the_queue() -> None:
    court = Court(scored(5))
    court.queue.errors["approve"] = [BackendUnavailable("Redis", "gone")] * 3
    name, _ = await court.judgement(result())
    assert (name, court.asked) == ("approve", 1)


async def test_a_malformed_result_is_failed() -> None:
    answers = await Court(scored(5)).answers(Malformed(lease=HELD, reason="no output"))
    assert answers == [("fail", HELD, "no output")]


async def test_a_reviewer_sees_and_decides_on_what_the_result_writes() -> None:
    writes = (StateChange(key="calendar", expected=3, value=["monday"]),)
    _, judgement = await Court(scored(5)).judgement(result(changes=writes))
    _, other = await Court(scored(5)).judgement(result())
    assert judgement.changes == {"calendar": ["monday"]}
    assert judgement.digest != other.digest


class SlowGate(SafetyService):
    """A gate that takes its time."""

    release = threading.Event()

    def decide(self, delivery: Delivery, verdict: Verdict) -> GateDecision:
        self.release.wait(5)
        return super().decide(delivery, verdict)


async def test_a_result_whose_screening_takes_too_long_is_held_for_a_person() -> None:
    court = Court(scored(5))
    slow = replace(court.tools, safety=SlowGate(court.policy), timeout=timedelta(seconds=0.01))
    court.agent = JudgeAgent(slow)
    name, judgement = await court.judgement(result(output="x" * (QUICK + 1)))
    SlowGate.release.set()
    assert (name, judgement.decision.reasons) == ("hold", ("Screening took longer than 0.01 s.",))


class WatchedGate(SafetyService):
    """A gate that notes where it reads."""

    def __init__(self, policy: GatePolicy) -> None:
        super().__init__(policy)
        self.threads: list[threading.Thread] = []

    def check(self, delivery: Delivery) -> tuple[Finding, ...]:
        self.threads.append(threading.current_thread())
        return super().check(delivery)


class WatchedScoring(ScoringService):
    """Scoring that notes where it would read."""

    threads: tuple[threading.Thread, ...] = ()

    async def score(self, task: Delivery, *, aside: Aside = here) -> Verdict:
        self.threads = (await aside(threading.current_thread),)
        return await super().score(task, aside=aside)


@pytest.mark.parametrize(("characters", "stays"), [(QUICK - 100, True), (QUICK + 1, False)])
async def test_only_a_short_result_is_read_where_the_beats_wait_for_it(characters: int, stays: bool) -> None:
    court = Court(scored(5))
    gate, scoring = WatchedGate(court.policy), WatchedScoring(court, load_rubric())
    court.agent = JudgeAgent(replace(court.tools, safety=gate, scoring=scoring))
    output = WORDS.ljust(characters, ".")
    await court.answers(result(output=output, payload={}))
    read_in = {*gate.threads, *scoring.threads}
    assert (threading.current_thread() in read_in, len(gate.threads)) == (stays, 2)


async def test_a_result_whose_scoring_takes_too_long_is_held_for_a_person() -> None:
    court = Court(scored(5))

    async def ask(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    court.ask = ask  # type: ignore[method-assign]
    court.agent = JudgeAgent(replace(court.tools, timeout=timedelta(seconds=0.01)))
    name, judgement = await court.judgement(result())
    assert (name, judgement.verdict.confidence) == ("hold", None)
