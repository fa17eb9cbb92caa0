from datetime import timedelta

import pytest

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from tests.unit.cli.fakes import FakeBackend, run


def test_a_worker_checks_first_and_then_starts_with_what_was_asked() -> None:
    backend = FakeBackend(code=0)
    line = "worker --count 7 --kinds a --kinds b --handlers k.py --burst --max-tasks 9 --drain-timeout 5s"
    assert run(*line.split(), backend=backend).exit_code == 0
    ready, options = backend.ran
    assert ready == ("ready", True)
    assert (options.count, options.kinds, options.handlers) == (7, ("a", "b"), ("k.py",))
    assert (options.burst, options.max_tasks, options.drain) == (True, 9, timedelta(seconds=5))


@pytest.mark.parametrize("role", ["worker", "judge"])
def test_a_drain_of_nothing_is_taken_at_its_word_and_none_means_the_setting(role: str) -> None:
    backend = FakeBackend()
    run(role, "--drain-timeout", "0s", backend=backend)
    run(role, backend=backend)
    assert [options.drain for options in backend.ran[1::2]] == [timedelta(0), timedelta(seconds=60)]


@pytest.mark.parametrize("role", [("worker",), ("judge",), ("plan", "--watch")])
def test_a_role_waits_for_a_server_that_is_away_as_long_as_it_was_told(role: tuple[str, ...]) -> None:
    for given, waits in (([], 60), (["--start-timeout", "5s"], 5), (["--start-timeout", "0"], 0)):
        backend = FakeBackend(error=BackendUnavailable("Redis", "refused"))
        assert run(*role, *given, backend=backend).exit_code == 5
        assert waits * 0.9 <= sum(backend.waits.slept, timedelta(0)).total_seconds() <= waits


@pytest.mark.parametrize("role", [("worker",), ("judge",), ("plan", "--watch")])
def test_a_role_that_is_refused_does_not_wait(role: tuple[str, ...]) -> None:
    backend = FakeBackend(error=ConfigError("wrong password"))
    assert run(*role, backend=backend).exit_code == 6
    assert backend.waits.slept == []


@pytest.mark.parametrize("role", [("worker",), ("judge",), ("plan", "--watch")])
def test_a_role_that_is_not_ready_does_not_start(role: tuple[str, ...]) -> None:
    backend = FakeBackend(error=BackendUnavailable("Redis", "refused"))
    result = run(*role, backend=backend)
    assert (result.exit_code, backend.ran) == (5, [])


@pytest.mark.parametrize("role", ["worker", "judge"])
def test_a_role_leaves_with_the_exit_code_of_its_run(role: str) -> None:
    assert run(role, backend=FakeBackend(code=130)).exit_code == 130
