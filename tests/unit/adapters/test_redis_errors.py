import inspect

import pytest
from redis import exceptions as redis_exceptions

from chimera_cli.adapters.redis_errors import redis_errors, translate
from chimera_cli.exceptions import BackendUnavailable, ConfigError, IllegalTransition, SwarmError
from chimera_cli.models.epoch import StaleEpoch
from chimera_cli.models.refusal import AccessRefused, WritesRefused

PASSING = [
    redis_exceptions.ConnectionError("Error 111 connecting"),
    redis_exceptions.TimeoutError("Timeout reading from socket"),
    redis_exceptions.BusyLoadingError("LOADING"),
    redis_exceptions.ReadOnlyError("READONLY"),
    redis_exceptions.OutOfMemoryError("OOM command not allowed"),
    redis_exceptions.ClusterDownError("CLUSTERDOWN"),
    redis_exceptions.ResponseError("MISCONF Redis is configured to save"),
    OSError("no route to host"),
]
REFUSALS = [
    redis_exceptions.AuthenticationError("WRONGPASS invalid username-password pair"),
    redis_exceptions.AuthenticationError("Authentication required."),
    redis_exceptions.NoPermissionError("NOPERM"),
    redis_exceptions.ResponseError("NOAUTH Authentication required."),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_server_that_may_come_back_is_unavailable(error: Exception) -> None:
    with pytest.raises(BackendUnavailable) as caught, redis_errors():
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_a_refused_password_is_a_matter_of_configuration(error: Exception) -> None:
    with pytest.raises(ConfigError), redis_errors():
        raise error


def test_a_status_change_that_a_script_refused_is_named() -> None:
    told = translate(redis_exceptions.ResponseError("ERR user_script:60: ILLEGAL t1 QUEUED COMPLETED script: abc"))
    assert isinstance(told, IllegalTransition)
    assert (told.task_id, told.source, told.target) == ("t1", "QUEUED", "COMPLETED")


def test_a_redis_that_nobody_vouches_for_stands_still_and_is_not_called_unreachable() -> None:
    told = translate(redis_exceptions.ResponseError("user_script:3: UNVOUCHED script: abc"))
    assert (told.exit_code, str(told).startswith("Redis stands still: ")) == (5, True)


def test_every_error_of_the_driver_becomes_ours() -> None:
    classes = [
        item
        for _, item in inspect.getmembers(redis_exceptions, inspect.isclass)
        if item.__module__ == "redis.exceptions" and issubclass(item, Exception)
    ]
    assert len(classes) > 20
    for item in classes:
        bare = item.__new__(item)
        assert isinstance(translate(bare), SwarmError), item


def test_our_own_errors_pass_through() -> None:
    with pytest.raises(ConfigError, match="mine"), redis_errors():
        raise ConfigError("mine")


FULL = "OOM command not allowed when used memory > 'maxmemory'."
SAID = {
    "plain": (redis_exceptions.OutOfMemoryError(FULL.removeprefix("OOM ")), FULL),
    "script of 6.2": (redis_exceptions.ResponseError(f"@user_script: 1: -{FULL}"), FULL),
    "call in a script of 6.2": (
        redis_exceptions.ResponseError(
            f"Error running script (call to f_{'a' * 40}): @user_script:1: @user_script: 1: -{FULL}"
        ),
        FULL,
    ),
    "call in a script of 7": (
        redis_exceptions.OutOfMemoryError(f"{FULL.removeprefix('OOM ')} script: {'a' * 40}, on @user_script:1."),
        FULL,
    ),
    "replica": (
        redis_exceptions.ReadOnlyError("You can't write against a read only replica."),
        "READONLY You can't write against a read only replica.",
    ),
    "no replicas": (
        redis_exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
        "NOREPLICAS Not enough good replicas to write.",
    ),
    "no disk": (
        redis_exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        "MISCONF Errors writing to the AOF file: No space left on device",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_refused_write_is_told_in_the_servers_words_with_a_cure(name: str) -> None:
    error, words = SAID[name]
    told = translate(error)
    assert isinstance(told, WritesRefused)
    assert (told.message, told.exit_code) == (f"Redis refuses writes: {words}", 5)
    assert told.hint not in {"", "chimera doctor"}


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_a_server_that_shuts_a_running_role_out_is_an_outage_and_at_the_start_it_is_none(error: Exception) -> None:
    told = translate(error)
    assert isinstance(told, AccessRefused)
    assert isinstance(told, BackendUnavailable)
    assert told.exit_code == 6
    with pytest.raises(ConfigError) as caught, redis_errors(starting=True):
        raise error
    assert not isinstance(caught.value, BackendUnavailable)
    assert (caught.value.message, caught.value.hint) == (told.message, told.hint)


@pytest.mark.parametrize(
    ("here", "record", "words"),
    [
        (4, 5, "was replaced: another primary took over: epoch 4 here, 5 in the record"),
        (6, 5, "is ahead of the record"),
    ],
)
def test_a_redis_of_another_epoch_than_the_records_is_told_with_both(here: int, record: int, words: str) -> None:
    error = translate(redis_exceptions.ResponseError(f"user_script:70: EPOCH {here} {record} script: 0a1b"))
    assert isinstance(error, StaleEpoch)
    assert (error.here, error.record, error.backend) == (here, record, "Redis")
    assert words in error.message
