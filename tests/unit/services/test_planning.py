"""A model's draft becomes a plan, or an error that tells all that is wrong."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from chimera_cli.exceptions import BackendUnavailable, InvalidPlan, LLMError
from chimera_cli.models.persona import Persona
from chimera_cli.models.task import Priority, TaskStatus
from chimera_cli.services.planning import PlanDraft, PlanningService, check_draft
from chimera_cli.services.scoring import VerdictDraft
from tests.builders import NOON, a_goal, a_task
from tests.fake_llm import scripted


class Payload(BaseModel):
    """A payload."""

    topic: str


KINDS = {"note": Payload, "noop": None}


def draft(key: str, kind: str = "noop", **fields) -> dict:
    return {"key": key, "kind": kind, "title": f"do {key}", **fields}


def planning(*answers):
    llm = scripted(*answers)
    return PlanningService(llm, KINDS, now=lambda: NOON, token=lambda: "f00d"), llm


@pytest.mark.parametrize("shape", [PlanDraft, VerdictDraft])
def test_the_model_is_told_what_each_field_means(shape):
    asked = shape.model_json_schema()
    fields = [field for part in (asked, *asked["$defs"].values()) for field in part["properties"].values()]
    assert all(field.get("description") for field in fields)


async def test_a_good_draft_becomes_a_plan_with_persona():
    persona = Persona(name="Ada")
    service, llm = planning(
        {"tasks": [draft("a"), draft("b", "note", payload={"topic": "bees"}, depends_on=["a"], priority="high")]}
    )
    plan = await service.draft("Grow", persona)
    assert (plan.goal, plan.persona) == ("Grow", persona)
    assert [(task.key, task.depends_on, task.priority) for task in plan.tasks] == [
        ("a", (), Priority.NORMAL),
        ("b", ("a",), Priority.HIGH),
    ]
    assert len(llm.asked) == 1


async def test_all_problems_of_a_draft_go_back_together():
    past = (NOON - timedelta(days=1)).isoformat()
    bad = {
        "tasks": [
            draft("a", "juggle"),
            draft("a"),
            draft("b", "note", payload={"topic": 3}),
            draft("c", depends_on=["nobody"]),
            draft("d", depends_on=["e"]),
            draft("e", depends_on=["d"]),
            draft("bad key!"),
            draft("f", deadline=past),
            draft("g", priority="urgent"),
        ]
    }
    service, llm = planning(bad, {"tasks": [draft("a")]})
    plan = await service.draft("Grow")
    told = llm.asked[1][1]
    assert [task.key for task in plan.tasks] == ["a"]
    for words in (
        "unknown kind 'juggle'",
        "the key is used twice",
        "payload.topic",
        "'nobody', which is not in the plan",
        "cycle: d -> e -> d",
        "'bad key!'",
        "in the past",
        "priority",
    ):
        assert words in told


async def test_after_two_corrections_the_plan_is_invalid():
    service, llm = planning(*[{"tasks": [draft("a", "juggle")]}] * 4)
    with pytest.raises(InvalidPlan, match="juggle"):
        await service.draft("Grow")
    assert len(llm.asked) == 3


async def test_an_empty_draft_and_one_that_is_too_long_are_problems():
    assert check_draft(PlanDraft(tasks=[]), KINDS, NOON)[1] == ["the plan has no tasks"]
    long = PlanDraft.model_validate({"tasks": [draft(f"t{n}") for n in range(201)]})
    assert "at most 200" in check_draft(long, KINDS, NOON)[1][0]


async def test_a_task_that_cannot_be_read_is_not_said_to_be_missing():
    both = PlanDraft.model_validate({"tasks": [draft("a", priority="urgent"), draft("b", depends_on=["a"])]})
    problems = check_draft(both, KINDS, NOON)[1]
    assert len(problems) == 1
    assert "priority" in problems[0]


@pytest.mark.parametrize("error", [LLMError("nonsense"), BackendUnavailable("the model", "gone")])
async def test_a_model_that_gives_no_draft_ends_the_planning(error):
    service, _ = planning(error)
    with pytest.raises(type(error)):
        await service.draft("Grow")


async def test_replacements_have_new_keys_and_depend_on_what_is_completed():
    ended = [a_task("a", status=TaskStatus.COMPLETED), a_task("b", status=TaskStatus.FAILED, error="boom")]
    service, llm = planning(
        {"tasks": [draft("b")]},
        {"tasks": [draft("b2", depends_on=["b"])]},
        {"tasks": [draft("b2", depends_on=["a"])]},
    )
    tasks = await service.redraft(a_goal(text="Grow"), ended)
    assert [(task.key, task.depends_on) for task in tasks] == [("b2", ("a",))]
    assert "boom" in llm.asked[0][1]
    assert "use a new one" in llm.asked[1][1]
    assert "'b', which is not in the plan" in llm.asked[2][1]
