"""The stand-in's plan, made by the real handlers and judged by the real gate: what the simulation relies on."""

import asyncio

import pytest

from chimera_cli.handlers.context import StateView, TaskContext
from chimera_cli.handlers.loader import builtin_handlers
from chimera_cli.handlers.registry import HandlerRegistry
from chimera_cli.models.gate import Route
from chimera_cli.models.result import VersionedValue
from chimera_cli.services.planning import PlanningService
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.rubric_file import load_rubric
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import ScoringService
from chimera_cli.simulation.stand_in_answers import answer
from tests.fake_llm import FunctionLLM
from tests.unit.services.test_prompts import a_delivery


class StandInLLM(FunctionLLM):
    """The stand-in without its wire."""

    def __init__(self, seed: int) -> None:
        super().__init__(lambda system, user: answer(self.shape, {}, f"{system}\n{user}", seed))

    async def ask(self, system, user, shape, *, timeout):
        self.shape = shape.__name__
        return await super().ask(system, user, shape, timeout=timeout)


class EmptyState:
    """State without any value."""

    async def read(self, goal_id, key):
        return VersionedValue()


def context(task, llm, payload) -> TaskContext:
    return TaskContext(
        task=task,
        payload=payload,
        inputs=task.inputs,
        state=StateView(EmptyState(), "g"),
        llm=llm,
        outbox=None,
        deadline=None,
        idempotency_key="t:propose",
        log_event=lambda *_, **__: None,
        loop=asyncio.get_running_loop(),
    )


async def routes(goal: str, seed: int) -> dict[str, tuple[Route, float | None]]:
    llm = StandInLLM(seed)
    kinds = HandlerRegistry(builtin_handlers())
    scoring, safety = ScoringService(llm, load_rubric()), SafetyService(load_policy())
    plan = await PlanningService(llm, kinds.kinds()).draft(goal)
    outputs, found = {}, {}
    for spec in plan.tasks:  # the stand-in lists parents first
        item = kinds.get(spec.kind)
        inputs = {key: outputs[key] for key in spec.depends_on}
        task = a_delivery(
            key=spec.key, kind=spec.kind, title=spec.title, goal=goal, payload=spec.payload, inputs=inputs
        )
        outcome = item.run(context(task, llm, item.payload.model_validate(spec.payload)))
        outputs[spec.key] = (await outcome if asyncio.iscoroutine(outcome) else outcome).output
        if item.judged:
            judged = task.model_copy(update={"output": outputs[spec.key], "executes": item.execute_with is not None})
            verdict = await scoring.score(judged)
            found[spec.key] = (safety.decide(judged, verdict).route, verdict.confidence)
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("goal", ["Grow on Twitter", "Find readers on LinkedIn for our garden letter"])
async def test_some_results_pass_alone_one_is_weak_and_one_is_sensitive(goal, seed):
    found = await routes(goal, seed)
    assert {key: route for key, (route, _) in found.items()} == {
        "draft-1": Route.APPROVE,
        "draft-2": Route.APPROVE,
        "draft-3": Route.REVIEW,
        "draft-4": Route.REVIEW,
        "publish-1": Route.APPROVE,
        "publish-2": Route.APPROVE,
        "publish-3": Route.REVIEW,
    }
    assert found["draft-3"][1] == pytest.approx(0.6)
    assert found["draft-4"][1] > 0.9
