"""Where approved posts go: a local outbox that stands for the networks."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue

from chimera_cli.models.epoch import NO_EPOCHS, Epochs


class OutboxPort(Protocol):
    """An external effect that is safe to repeat."""

    async def append(
        self, idempotency_key: str, platform: str, post: Mapping[str, JsonValue], *, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        """Store a post once; False when one with this idempotency key is there already. May raise BackendUnavailable.

        Raises:
            StaleEpoch: One of the given epochs is over: whoever posts was told to by a Redis that was replaced.
        """
        ...

    async def posts(self, limit: int = 50) -> list[Mapping[str, JsonValue]]:
        """List posts, oldest first, each with `idempotency_key`, `platform`, `post` and `at`; limit 0 means all."""
        ...
