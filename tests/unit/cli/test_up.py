import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.fakes import run


def test_up_starts_and_migrates_and_down_stops_and_both_may_be_repeated(folder: Path) -> None:
    # The servers get a bare environment, so the stand-in model is found only when the package is installed.
    if subprocess.run([sys.executable, "-c", "import chimera_cli"], cwd="/", env={}, capture_output=True).returncode:
        pytest.skip("chimera is not installed in this environment")
    (folder / ".env").unlink()
    try:
        first = run("up", "--folder", "stack", "--json")
        assert first.exit_code == 0, first.stderr
        document = json.loads(first.stdout)
        assert [server["state"] for server in document["servers"]] == ["running"] * 3
        assert (document["started"], document["env_written"]) == (["Redis", "PostgreSQL", "stand-in model"], True)
        assert (folder / ".env").stat().st_mode & 0o777 == 0o600
        assert run("db", "status").exit_code == 0
        again = json.loads(run("up", "--folder", "stack", "--json").stdout)
        assert (again["started"], again["env_written"]) == ([], False)
    finally:
        stopped = json.loads(run("down", "--folder", "stack", "--json").stdout)["stopped"]
    assert sorted(stopped) == ["PostgreSQL", "Redis", "stand-in model"]
    assert run("down", "--folder", "stack").stdout == "nothing was running\n"


def test_down_where_nothing_ever_ran_is_no_failure() -> None:
    assert run("down").exit_code == 0
