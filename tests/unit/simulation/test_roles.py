import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_cli.local.process import wait_until
from chimera_cli.simulation.roles import RoleFailed, Roles, command_lines, ensure_alive, kill, role_environment

PYTHON = (sys.executable, "-c")


def roles_in(folder: Path, **environment: str) -> Roles:
    return Roles(folder, {"PATH": os.environ["PATH"], **environment}, program=PYTHON)


async def test_a_command_gives_its_stdout_and_runs_in_the_folder(tmp_path: Path) -> None:
    said = await roles_in(tmp_path).run("where", "import os; print(os.getcwd())")
    assert said.strip() == str(tmp_path)


async def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RoleFailed, match="`chimera plan` ended with exit code 3: no such goal"):
        await roles_in(tmp_path).run("plan", "import sys; sys.stderr.write('no such goal'); sys.exit(3)")


async def test_a_role_gets_the_given_environment_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_NAMESPACE", "mine")
    said = await roles_in(tmp_path, CHIMERA_LEASE_S="3").run(
        "env", "import os; print(sorted(name for name in os.environ if name.startswith('CHIMERA')))"
    )
    assert said.strip() == "['CHIMERA_LEASE_S']"


async def test_ending_asks_all_that_run_and_tells_their_exit_codes(tmp_path: Path) -> None:
    roles = roles_in(tmp_path)
    await roles.run("done", "pass")
    role = await roles.start("worker-1", "import time; time.sleep(60)")
    assert await roles.end() == {"worker-1": -15}
    assert not role.alive
    assert await roles.end() == {}


async def test_a_role_that_does_not_listen_is_killed_in_the_end(tmp_path: Path) -> None:
    roles = roles_in(tmp_path)
    # What is ignored here is ignored by the new process from its first instant on.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        await roles.start("worker-1", "import time; time.sleep(60)")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert await roles.end(timedelta(seconds=0.05)) == {"worker-1": -9}


async def test_a_killed_role_is_missed(tmp_path: Path) -> None:
    roles = roles_in(tmp_path)
    role = await roles.start("worker-1", "import time; time.sleep(60)")
    ensure_alive([role])
    kill(role)
    await role.process.wait()
    with pytest.raises(RoleFailed, match="worker-1"):
        ensure_alive([role])


def test_nobodys_own_settings_reach_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_NAMESPACE", "mine")
    monkeypatch.setenv("OPENAI_API_KEY", "mine")
    monkeypatch.setenv("LANG", "C")
    made = role_environment({"REDIS_URL": "redis://one"})
    assert "CHIMERA_NAMESPACE" not in made
    assert "OPENAI_API_KEY" not in made
    assert (made["LANG"], made["REDIS_URL"]) == ("C", "redis://one")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
async def test_what_ps_would_show_holds_the_arguments_of_the_roles(tmp_path: Path) -> None:
    roles = roles_in(tmp_path)
    role = await roles.start("worker-1", "import time; time.sleep(60) # seen-by-ps")
    try:
        # The kernel closes the parent's pipe a moment before it fills in the new command line.
        assert wait_until(lambda: "seen-by-ps" in command_lines(), timeout_s=5)
    finally:
        await roles.end()
    assert not role.alive
