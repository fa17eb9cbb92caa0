"""content.publish: what stands in the outbox is the approved post, once."""

from typing import Any

import pytest

from chimera_cli.exceptions import HandlerError, LLMError
from chimera_cli.handlers.invoke import execute, propose
from chimera_cli.handlers.publishing import publish
from chimera_cli.models.task import Phase
from chimera_cli.services.checks import check
from chimera_cli.services.disclosure import DISCLOSURE
from tests.fake_llm import scripted
from tests.unit.handlers.worlds import LIMITS, FakeOutbox, context, delivery

ORDER = {"platform": "twitter", "draft": "draft-1"}


def inputs(text: Any) -> dict[str, Any]:
    return {"draft-1": {"platform": "twitter", "text": text, "topic": "x"}}


async def test_the_final_post_is_the_drafts_text_with_its_disclosure_and_asks_no_model():
    made = await propose(publish, context(publish, ORDER, inputs=inputs("A fine day")), LIMITS)
    assert made.output == {
        "platform": "twitter",
        "account": "main",
        "text": f"A fine day\n\n{DISCLOSURE}",
        "disclosure": "AI-generated",
        "draft": "draft-1",
    }
    assert (made.executes, made.usage.calls) == (True, 0)


async def test_the_final_post_passes_the_checks():
    made = await propose(publish, context(publish, ORDER, inputs=inputs("A fine day")), LIMITS)
    assert check(delivery(publish, ORDER, output=made.output, executes=True)) == ()


async def test_a_draft_that_is_plain_text_is_published_too():
    made = await propose(publish, context(publish, ORDER, inputs={"draft-1": "A fine day"}), LIMITS)
    assert isinstance(made.output, dict)
    assert made.output["text"].startswith("A fine day")


async def test_a_post_that_does_not_fit_is_shortened_by_the_model():
    model = scripted({"text": "A short day"})
    made = await propose(publish, context(publish, ORDER, inputs=inputs("a" * 275), model=model), LIMITS)
    assert isinstance(made.output, dict)
    assert made.output["text"] == f"A short day\n\n{DISCLOSURE}"
    assert "too long" in model.asked[0][0]


async def test_a_model_that_does_not_shorten_is_an_error_that_may_be_tried_again():
    model = scripted({"text": "b" * 300})
    with pytest.raises(LLMError, match="did not shorten"):
        await propose(publish, context(publish, ORDER, inputs=inputs("a" * 275), model=model), LIMITS)


@pytest.mark.parametrize("given", [{}, {"draft-2": {"text": "x"}}])
async def test_a_missing_draft_fails_for_good_and_says_what_to_depend_on(given: dict[str, Any]):
    with pytest.raises(HandlerError, match="'draft-1' is not among the inputs") as caught:
        await propose(publish, context(publish, ORDER, inputs=given), LIMITS)
    assert "depends_on" in caught.value.hint


@pytest.mark.parametrize("text", [None, "", "  ", 3, ["x"]])
async def test_a_draft_without_text_fails_for_good(text: Any):
    with pytest.raises(HandlerError, match="no text to publish"):
        await propose(publish, context(publish, ORDER, inputs=inputs(text)), LIMITS)


async def test_an_approved_post_is_appended_once_however_often_it_is_executed():
    outbox, approved = FakeOutbox(), {"platform": "twitter", "text": "A fine day (AI-generated)"}
    outputs = []
    for _ in range(2):
        ctx = context(publish, ORDER, outbox=outbox, phase=Phase.EXECUTE)
        outputs.append((await execute(publish, ctx, approved, LIMITS)).output)
    assert list(outbox.stored.values()) == [approved]
    key = f"{'t' * 20}:execute"
    assert outputs[0] == {"status": "stored", "posted": False, "repeated": False, "idempotency_key": key}
    assert outputs[1] == {"status": "stored", "posted": False, "repeated": True, "idempotency_key": key}
