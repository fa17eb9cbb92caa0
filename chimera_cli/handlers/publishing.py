"""`content.publish`: the final post of an approved draft, and its way into the outbox once the post itself is approved."""

import secrets
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chimera_cli.exceptions import HandlerError, LLMError
from chimera_cli.handlers.content import MODEL_TIMEOUT, Platform, PostDraft, draft_limit, platform_rules
from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import handler
from chimera_cli.models.post import PostStatus
from chimera_cli.models.result import TaskOutcome
from chimera_cli.models.words import Key
from chimera_cli.services.disclosure import disclosure_in, with_disclosure
from chimera_cli.services.prompts import drafter_prompt


class PublishOrder(BaseModel):
    """Arguments of `content.publish`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    platform: Platform
    """Where to publish."""
    account: str = Field(default="main", min_length=1, max_length=100)
    """Under which account."""
    draft: Key
    """Key of the task that wrote the draft; this task must depend on it."""


@handler("content.publish", payload=PublishOrder)
async def publish(ctx: TaskContext) -> TaskOutcome:
    """Make the post exactly as it will stand: the draft's text with its disclosure. No model, unless it is too long.

    Raises:
        HandlerError: The draft is not among the inputs, or is none.
    """
    order: PublishOrder = ctx.payload
    text = _draft_text(ctx, order.draft)
    final = with_disclosure(order.platform, text)
    if final is None:
        final = with_disclosure(order.platform, await _shorter(ctx, order))
    if final is None:
        raise LLMError(f"the model did not shorten the post to what {order.platform} takes")
    return TaskOutcome(
        output={
            "platform": order.platform,
            "account": order.account,
            "text": final,
            "disclosure": disclosure_in(final),
            "draft": order.draft,
        }
    )


@publish.execute
async def post(ctx: TaskContext, approved: Any) -> TaskOutcome:
    """Append the approved post to the outbox, once however often it runs. No connector takes it further: it is not posted."""
    first = await ctx.outbox.append(ctx.idempotency_key, approved["platform"], approved)
    status = {"status": PostStatus.STORED.value, "posted": False}
    return TaskOutcome(output={**status, "repeated": not first, "idempotency_key": ctx.idempotency_key})


def _draft_text(ctx: TaskContext, key: str) -> str:
    if key not in ctx.inputs:
        raise HandlerError(
            f"the draft {key!r} is not among the inputs", hint=f"let the task depend on {key!r} (depends_on)"
        )
    found = ctx.inputs[key]
    text = found.get("text") if isinstance(found, dict) else found
    if not isinstance(text, str) or not text.strip():
        raise HandlerError(f"task {key!r} gave no text to publish")
    return text


async def _shorter(ctx: TaskContext, order: PublishOrder) -> str:
    rules = (
        "The draft among the inputs is too long. Shorten it; keep its meaning, its links and its voice.",
        *platform_rules(order.platform, draft_limit(order.platform, None)),
    )
    prompt = drafter_prompt(ctx.task, rules=rules, token=secrets.token_hex(8))
    answer = await ctx.llm.ask(prompt.system, prompt.user, PostDraft, timeout=MODEL_TIMEOUT)
    shorter: str = answer.value.text
    return shorter
