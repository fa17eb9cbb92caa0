from pathlib import Path

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.local.stand_in import StandInServer


def test_it_gets_no_key_and_no_address_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "DATABASE_URL", "REDIS_URL", "CHIMERA_OPERATOR"):
        monkeypatch.setenv(name, "private")
    monkeypatch.setenv("PYTHONPATH", "kept")
    handed_on = StandInServer(tmp_path, free_port(), seed=1).environment()
    assert "private" not in handed_on.values()
    assert handed_on["PYTHONPATH"] == "kept"


def test_its_command_line_names_port_seed_and_options(tmp_path: Path) -> None:
    server = StandInServer(tmp_path, 1234, seed=9, options=["--latency-ms", "5"])
    words = [str(word) for word in server.prepare()]
    assert words[1:] == [
        *("-m", "chimera_cli.simulation.stand_in_model"),
        *("--port", "1234", "--seed", "9", "--latency-ms", "5"),
    ]
    assert all(mark in " ".join(words) for mark in server.marks)


def test_it_answers_nobody_before_it_runs(tmp_path: Path) -> None:
    server = StandInServer(tmp_path, free_port(), seed=1)
    assert not server.answers()
    assert server.pid() is None


@pytest.mark.integration
def test_it_serves_until_it_is_stopped(tmp_path: Path) -> None:
    server = StandInServer(tmp_path / "model", free_port(), seed=1)
    try:
        assert server.start()
        assert server.answers()
    finally:
        assert server.stop()
    assert not server.answers()
