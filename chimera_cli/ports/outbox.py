"""Where approved posts go: a local outbox that stands for the networks."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue


class OutboxPort(Protocol):
    """An external effect that is safe to repeat."""

    async def append(self, idempotency_key: str, platform: str, post: Mapping[str, JsonValue]) -> bool:
        """Store a post once; False when one with this idempotency key is there already. May raise BackendUnavailable."""
        ...

    async def posts(self, limit: int = 50) -> list[Mapping[str, JsonValue]]:
        """List posts, oldest first, each with `idempotency_key`, `platform`, `post` and `at`; limit 0 means all."""
        ...
