"""Comparing Redis with the record after an interruption, and making up for what Redis has lost."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.recovery import Survey


class RecoveryPort(Protocol):
    """The queue's half. While nobody vouches for a shard nothing in it changes but by these methods, each of which is atomic and
    changes nothing once somebody has vouched, begun under a later turn, or the server was started anew. All may raise
    BackendUnavailable."""

    async def survey(self, shard: int, *, turn: int = 0) -> Survey:
        """Look at a shard; with a turn, keep all who began under an older one from doing anything more."""
        ...

    async def vouch(self, shard: int, survey: Survey, *, turn: int, recorded: str, grace: timedelta) -> bool:
        """Let the shard go on.

        Args:
            shard: The shard.
            survey: How it stood at the beginning of the comparison.
            turn: Who compares.
            recorded: Id of the newest recorded event, or empty.
            grace: How long no lease is taken back, so that those who held one may prolong it.
        """
        ...


class Comparison(Protocol):
    """The record as it stands while nobody else dispatches or records. All may raise BackendUnavailable."""

    @property
    def turn(self) -> int:
        """Turn of this comparison."""
        ...

    async def reached(self, shard: int) -> str:
        """Return the id of the shard's newest recorded event, or an empty text."""
        ...

    async def record(self, events: Sequence[TaskEvent]) -> int:
        """Store events of one shard; returns how many were new."""
        ...


class ComparisonPort(Protocol):
    """The record's half."""

    def comparing(self, *, wait: bool) -> AbstractAsyncContextManager[Comparison | None]:
        """Keep others from dispatching and recording while the context is open; what is written is there after a clean exit.

        None, without waiting, when somebody else is at it and `wait` is off. May raise BackendUnavailable.
        """
        ...
