"""The small values that say how the swarm behaves; made from settings once, passed down, never read from the air."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from chimera_cli.models.noun import Noun


class LeasePolicy(Noun):
    """How long a claim holds without a sign of life, and how often one is given."""

    lease: timedelta = timedelta(seconds=15)
    """After this long without a beat another agent may take the task."""
    beat: timedelta = timedelta(seconds=5)
    """Time between two beats of a process."""
    abandon_cap: int = Field(default=3, ge=1)
    """Leases that may expire on one task before it is taken for poison and FAILED."""


SHORTEST_PATIENCE = timedelta(seconds=5)
"""No process is ended for a shorter silence of its event loop, however short its leases are."""
SHORTEST_STALL = timedelta(seconds=1)
"""A shorter silence is called lag."""


def patience(policy: LeasePolicy) -> timedelta:
    """Tell how long an event loop may stand still before its leases are left to lapse and its process ends."""
    return max(2 * policy.lease, SHORTEST_PATIENCE)


def stalled_after(policy: LeasePolicy) -> timedelta:
    """Tell after how long a silence an event loop counts as stalled."""
    return max(policy.beat, SHORTEST_STALL)


class RetryPolicy(Noun):
    """When a failed attempt is followed by another."""

    base: timedelta = timedelta(seconds=2)
    """Delay after the first failure; each further one doubles it: 2, 4, 8 s."""
    longest: timedelta = timedelta(minutes=10)
    """No delay is longer, jitter aside."""
    jitter: float = Field(default=0.1, ge=0.0, le=1.0)
    """At most this share of the delay is added at random on top."""


class WorkerPolicy(Noun):
    """How a worker runs a task."""

    timeout: timedelta = timedelta(seconds=300)
    """Longest run of a handler that names no timeout of its own."""
    timeouts: Mapping[str, timedelta] = Field(default_factory=dict)
    """Longest runs by kind; they take precedence over what handlers name."""
    max_conflicts: int = Field(default=10, ge=0)
    """Runs that are repeated at once from fresh state after a version conflict; further ones wait a moment first."""
    drain: timedelta = timedelta(seconds=60)
    """How long running tasks may take to end after the first signal."""
    max_output_bytes: int = Field(default=1_048_576, ge=1024)
    """Longest output, and longest changes together, as JSON, that are accepted from a handler."""
