import pytest

from chimera_cli.cli.drilling import faults_named
from chimera_cli.exceptions import InvalidInput
from chimera_cli.models.drill import FaultKind
from tests.unit.cli.fakes import run


def test_faults_are_named_in_any_case_and_once() -> None:
    assert faults_named("worker, REDIS,worker") == (FaultKind.WORKER, FaultKind.REDIS)


@pytest.mark.parametrize("words", ["", "worker,", "meteor"])
def test_an_unknown_fault_is_refused_with_those_that_there_are(words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        faults_named(words)
    assert "flush" in str(refused.value.hint)


@pytest.mark.parametrize("words", [["--rounds", "3"], ["--faults", "worker"]])
def test_options_of_a_drill_are_refused_where_there_is_none(words: list[str]) -> None:
    refused = run("simulate", *words)
    assert refused.exit_code == 2
    assert "chimera simulate --chaos" in refused.stderr


def test_a_drill_with_settings_that_are_wrong_ends_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_SHARDS", "wrong")
    refused = run("simulate", "--chaos", "--keep")
    assert refused.exit_code == 6
    assert "kept in" not in refused.stderr
