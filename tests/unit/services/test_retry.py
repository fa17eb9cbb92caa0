"""Every class of failure has its consequence, as a table."""

from datetime import timedelta

import pytest

from chimera_cli.exceptions import (
    BackendUnavailable,
    ConfigError,
    HandlerError,
    LLMError,
    ModelThrottled,
    SwarmError,
)
from chimera_cli.models.delivery import Setback
from chimera_cli.models.policy import RetryPolicy
from chimera_cli.services.retry import MENDING, RetryDecision, backoff, decide_retry, describe

POLICY = RetryPolicy()


class Mute(Exception):
    """What fails when it is asked what is wrong."""

    def __str__(self) -> str:
        raise ZeroDivisionError


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def after(error: BaseException, *, attempt: int = 1, max_retries: int = 3, chance: float = 0.0) -> RetryDecision:
    return decide_retry(error, POLICY, task_id="t1", attempt=attempt, max_retries=max_retries, chance=lambda: chance)


@pytest.mark.parametrize(("attempt", "delay"), [(1, 2), (2, 4), (3, 8), (4, 16), (9, 512), (10, 600), (101, 600)])
def test_delays_double_from_two_seconds_up_to_the_longest(attempt: int, delay: float) -> None:
    assert backoff(POLICY, attempt) == seconds(delay)


@pytest.mark.parametrize(("attempt", "delay"), [(1, 2), (2, 4), (3, 8)])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_jitter_comes_only_on_top_and_is_at_most_a_tenth(attempt: int, delay: float, chance: float) -> None:
    decided = after(ValueError("no"), attempt=attempt, chance=chance).delay
    assert seconds(delay) <= decided <= seconds(delay * 1.1)
    assert decided == seconds(delay) * (1 + 0.1 * chance)


@pytest.mark.parametrize(
    ("error", "retry", "costs", "park"),
    [
        (ValueError("no"), True, True, None),
        (TimeoutError("too long"), True, True, None),
        (LLMError("refused"), True, True, None),
        (SwarmError("odd"), True, True, None),
        (BackendUnavailable("the model", "refused"), True, True, None),
        (BackendUnavailable("the post office", "closed"), True, True, None),
        (BackendUnavailable("Redis", "refused"), True, False, None),
        (BackendUnavailable("Postgres", "refused"), True, False, None),
        (ModelThrottled(seconds(30)), True, False, seconds(30)),
        (HandlerError("returned a set"), False, True, None),
        (ConfigError("the key is refused"), True, False, MENDING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_class_of_error_has_its_consequence(
    error: Exception, retry: bool, costs: bool, park: timedelta | None
) -> None:
    decided = after(error)
    assert (decided.retry, decided.costs_attempt, decided.park) == (retry, costs, park)


@pytest.mark.parametrize(
    ("attempt", "max_retries", "retry"),
    [(1, 0, False), (1, 1, True), (2, 1, False), (3, 3, True), (4, 3, False), (5, 3, False)],
)
def test_as_many_failures_as_max_retries_are_followed_by_another_attempt(
    attempt: int, max_retries: int, retry: bool
) -> None:
    assert after(ValueError("no"), attempt=attempt, max_retries=max_retries).retry is retry


@pytest.mark.parametrize(("outages", "delay"), [(0, 2), (1, 4), (2, 8), (4, 32), (5, 60), (1000, 60)])
def test_delays_grow_with_outages_in_a_row_and_not_with_attempts(outages: int, delay: float) -> None:
    decided = decide_retry(
        BackendUnavailable("Postgres", "gone"),
        POLICY,
        task_id="t1",
        attempt=3,
        max_retries=3,
        chance=lambda: 0.0,
        outages=outages,
    )
    assert (decided.delay, decided.costs_attempt, decided.cause) == (seconds(delay), False, Setback.OUTAGE)


@pytest.mark.parametrize("error", [ModelThrottled(seconds(9)), BackendUnavailable("redis", "gone")])
def test_what_costs_no_attempt_is_never_exhausted(error: Exception) -> None:
    assert after(error, attempt=4, max_retries=3).retry


def test_the_last_failure_says_how_often_it_failed_and_with_what() -> None:
    assert after(ValueError("no"), attempt=4).error == "task t1 failed 4 times, at last with: ValueError: no"


def test_a_throttled_task_waits_at_least_as_long_as_the_provider_asks() -> None:
    assert after(ModelThrottled(seconds(30))).delay == seconds(30)
    assert seconds(30) < after(ModelThrottled(seconds(30)), chance=0.9).delay < seconds(31)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("topic"), "KeyError: 'topic'"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (HandlerError("it returned a set"), "it returned a set"),
        (ValueError("nul \0 and \ud800 here"), "ValueError: nul ? and \\ud800 here"),
        (Mute(), "Mute: <Mute>"),
        (HandlerError("x" * 3000), "x" * 2000 + "..."),
    ],
)
def test_an_error_is_described_in_one_line(error: Exception, said: str) -> None:
    assert describe(error) == said
