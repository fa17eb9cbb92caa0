"""What stands in the outbox, as people see it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from chimera_cli.models.noun import Noun


class PostStatus(StrEnum):
    """How far a post has come."""

    STORED = "stored"
    """It waits in the outbox: no connector has taken it anywhere."""


class Post(Noun):
    """An approved post with where it came from."""

    idempotency_key: str
    """Its id: stored once, whoever repeats it."""
    status: PostStatus = PostStatus.STORED
    """How far it has come."""
    platform: str
    """The network it is for."""
    post: dict[str, JsonValue] = Field(default_factory=dict)
    """The post itself."""
    at: datetime
    """When it was stored, by the clock of the store."""
    task_id: str = ""
    """The task that stored it; empty when its key names none."""
    goal_id: str = ""
    """The task's goal; empty when there is no such task."""
    kind: str = ""
    """The task's kind; empty when there is no such task."""
    card_id: str = ""
    """The review card by which a person released it; empty when judge and gate did."""
    decided_by: str = ""
    """Who approved that card."""
    decided_at: datetime | None = None
    """When that was."""
