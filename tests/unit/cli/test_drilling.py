import pytest

from chimera_cli.cli.drilling import faults_named
from chimera_cli.exceptions import InvalidInput
from chimera_cli.models.drill import FaultKind


def test_faults_are_named_in_any_case_and_once() -> None:
    assert faults_named("worker, REDIS,worker") == (FaultKind.WORKER, FaultKind.REDIS)


@pytest.mark.parametrize("words", ["", "worker,", "meteor"])
def test_an_unknown_fault_is_refused_with_those_that_there_are(words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        faults_named(words)
    assert "flush" in str(refused.value.hint)
