"""What follows a failed attempt: another one after a delay, or the end. Pure: it computes, and never sleeps.

| error | what follows | why |
|---|---|---|
| ModelThrottled | retry, costs nothing, parks the lane | others would meet it too |
| BackendUnavailable of Redis, Postgres | retry after 2, 4, 8 .. 60 s, costs nothing | our own outage uses up nobody's attempts |
| BackendUnavailable of anything else | retry, costs an attempt | a model that never answers must end somewhere |
| ConfigError | retry after 30 s, costs nothing, parks the lane | a person mends a refused key; tasks wait for it |
| HandlerError | FAILED at once | another attempt would end the same way |
| anything else, LLMError and TimeoutError too | retry, costs an attempt | it may have been bad luck |

What costs nothing is bounded by the task's deadline only, and shows as DELAYED while it waits.
"""

from datetime import timedelta
from typing import Self

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_exponential

from chimera_cli.exceptions import (
    BackendUnavailable,
    ConfigError,
    HandlerError,
    ModelThrottled,
    RetriesExhausted,
    SwarmError,
)
from chimera_cli.models.delivery import Setback
from chimera_cli.models.noun import Noun
from chimera_cli.models.policy import RetryPolicy
from chimera_cli.ports.clock import Chance
from chimera_cli.services.plain_json import plain_text

MENDING = timedelta(seconds=30)
"""How long a lane rests while somebody mends the configuration."""
OWN_BACKENDS = frozenset({"redis", "postgres", "postgresql"})
"""The swarm's own servers, as BackendUnavailable names them, in lower case."""
CROWD = RetryPolicy(base=timedelta(seconds=0.5), longest=timedelta(seconds=8))
"""How far those are taken apart who meet at one state key again and again."""
LONGEST_OUTAGE = timedelta(seconds=60)
"""Longest delay after an outage of ours: what waits for a server should not wait long once that is back."""
LONGEST_REASON = 2000
"""Characters of an error that are kept."""


class RetryDecision(Noun):
    """What to do after a failed attempt."""

    retry: bool
    """Whether another attempt follows; else the task is FAILED."""
    error: str
    """Why, in a sentence for the record."""
    delay: timedelta = timedelta()
    """Time until the next attempt; zero when there is none."""
    costs_attempt: bool = True
    """Whether the failure counts against `max_retries`."""
    cause: Setback = Setback.WORK
    """What failed, when another attempt follows."""
    park: timedelta | None = None
    """How long the kind's lane should rest for everyone; None: not at all."""

    @classmethod
    def fail(cls, error: str) -> Self:
        """End the task."""
        return cls(retry=False, error=error)


def decide_retry(
    error: BaseException,
    policy: RetryPolicy,
    *,
    task_id: str,
    attempt: int,
    max_retries: int,
    chance: Chance,
    outages: int = 0,
) -> RetryDecision:
    """Decide what follows when attempt number `attempt`, counted from 1, ended with `error`, after `outages` answers in a row
    that failed because Redis or Postgres was away."""
    reason = describe(error)
    if isinstance(error, HandlerError):
        return RetryDecision.fail(reason)
    if isinstance(error, ConfigError):
        return RetryDecision(retry=True, error=reason, delay=MENDING, costs_attempt=False, park=MENDING)
    if isinstance(error, ModelThrottled):
        delay = error.retry_after + jitter(policy.base, policy, chance)
        return RetryDecision(retry=True, error=reason, delay=delay, costs_attempt=False, park=error.retry_after)
    if isinstance(error, BackendUnavailable) and error.backend.lower() in OWN_BACKENDS:
        return wait_out(reason, policy, outages=outages, chance=chance)
    delay = backoff(policy, attempt)
    delay += jitter(delay, policy, chance)
    if attempt > max_retries:
        return RetryDecision.fail(str(RetriesExhausted(task_id, attempt, reason)))
    return RetryDecision(retry=True, error=reason, delay=delay)


def wait_out(
    reason: str, policy: RetryPolicy, *, outages: int, chance: Chance, cause: Setback = Setback.OUTAGE
) -> RetryDecision:
    """Have work wait that the swarm itself cannot do now: longer each time in a row, and without costing an attempt."""
    delay = min(backoff(policy, outages + 1), LONGEST_OUTAGE)
    delay += jitter(delay, policy, chance)
    return RetryDecision(retry=True, error=reason, delay=delay, costs_attempt=False, cause=cause)


def backoff(policy: RetryPolicy, attempt: int) -> timedelta:
    """Return the delay after a failed attempt, without jitter: 2, 4, 8 s and so on up to the longest."""
    wait = wait_exponential(multiplier=policy.base.total_seconds(), max=policy.longest.total_seconds())
    state = RetryCallState(Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = max(attempt, 1)
    return timedelta(seconds=wait(state))


def elbow_room(crowded: int, chance: Chance) -> timedelta:
    """Return how long a run waits that met others for the `crowded`th time too often: anything up to 0.5, 1, 2, 4 or 8 s."""
    return backoff(CROWD, crowded) * chance() if crowded > 0 else timedelta(0)


def jitter(delay: timedelta, policy: RetryPolicy, chance: Chance) -> timedelta:
    """Return what chance adds on top of a delay, so that what failed together does not come back together."""
    return delay * policy.jitter * chance()


def describe(error: BaseException) -> str:
    """Write an error as one line that any store takes: ours as it is, others with their type, which often says more."""
    said = error.message if isinstance(error, SwarmError) else plain_text(error)
    line = "".join(ch if ch.isprintable() else "?" for ch in " ".join(said.split()))
    if not isinstance(error, SwarmError):
        line = f"{type(error).__name__}: {line}" if line else type(error).__name__
    return line if len(line) <= LONGEST_REASON else line[:LONGEST_REASON] + "..."
