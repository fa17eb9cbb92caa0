"""`content.draft`: a post written by the model for one platform, in the persona's voice."""

import secrets
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import handler
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.noun import Noun
from chimera_cli.models.result import TaskOutcome
from chimera_cli.services.disclosure import DISCLOSURE
from chimera_cli.services.platforms import LIMITS, post_length
from chimera_cli.services.prompts import drafter_prompt

Platform = Literal["twitter", "instagram", "linkedin", "bluesky"]
MODEL_TIMEOUT = timedelta(seconds=60)
"""Longest wait for one draft, retries of the transport included."""
ROOM = len(DISCLOSURE) + 2
"""Characters that a draft leaves free for its disclosure and the empty line before it."""


class DraftOrder(BaseModel):
    """Arguments of `content.draft`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    topic: str = Field(min_length=1, max_length=1000)
    """What the post is about."""
    platform: Platform
    """Where it will stand."""
    max_chars: int | None = Field(default=None, ge=20, le=3000)
    """Longest text, when shorter than the platform's own limit."""
    brief: str = Field(default="", max_length=4000)
    """Anything else the writer should know."""


class PostDraft(Noun):
    """A post as the model writes it."""

    text: str = Field(min_length=1)
    """The whole text, ready to be published."""
    hashtags: tuple[str, ...] = Field(default=(), max_length=10)
    """Hashtags to add while they fit, without the sign; empty for none."""


@handler("content.draft", payload=DraftOrder)
async def draft(ctx: TaskContext) -> TaskOutcome:
    """Ask the model for a post; the judge's feedback on an earlier version is part of the question."""
    order: DraftOrder = ctx.payload
    longest = draft_limit(order.platform, order.max_chars)
    prompt = drafter_prompt(ctx.task, rules=platform_rules(order.platform, longest), token=secrets.token_hex(8))
    answer = await ctx.llm.ask(prompt.system, prompt.user, PostDraft, timeout=MODEL_TIMEOUT)
    text = with_hashtags(order.platform, answer.value, longest)
    post = {"platform": order.platform, "text": text, "topic": order.topic}
    return TaskOutcome(output=post, changes={state_key(ctx.task): post})


def draft_limit(platform: str, max_chars: int | None) -> int:
    """Return how long a draft may be, so that its disclosure still fits."""
    limit = LIMITS[platform] - ROOM
    return limit if max_chars is None else min(limit, max_chars)


def platform_rules(platform: str, longest: int) -> tuple[str, ...]:
    """Say what the platform demands, a sentence each."""
    return (
        f"The post is for {platform} and has at most {longest} characters, hashtags included.",
        "Do not add a note that AI wrote it: one is added afterwards. Links begin with https.",
    )


def with_hashtags(platform: str, written: PostDraft, longest: int) -> str:
    """Add hashtags at the end of a post while they fit; those that stand in it already are not repeated."""
    text = written.text.strip()
    for tag in written.hashtags:
        word = "#" + "".join(ch for ch in tag if ch.isalnum() or ch == "_")
        longer = f"{text} {word}"
        if len(word) > 1 and word.lower() not in text.lower() and post_length(platform, longer) <= longest:
            text = longer
    return text


def state_key(task: Delivery) -> str:
    """Return the state key that only this task writes, so that drafts side by side never conflict."""
    key = f"draft.{task.key}"
    return key if len(key) <= 100 else f"draft.{task.lease.task_id}"
