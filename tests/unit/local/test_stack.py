import os
import signal
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from chimera_cli.exceptions import ConfigError, SwarmError
from chimera_cli.local.stack import LocalStack
from tests.servers import or_skip

pytestmark = pytest.mark.integration

ALL = ["Redis", "PostgreSQL", "stand-in model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project") / ".chimera"


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[LocalStack]:
    made = LocalStack(folder, durable=False, seed=5)
    try:
        yield or_skip(made.start, made)
    finally:
        made.stop()


def states(stack: LocalStack) -> dict[str, str]:
    return {server.name: server.state for server in stack.status()}


def test_everything_runs_after_start(stack: LocalStack) -> None:
    assert states(stack) == dict.fromkeys(ALL, "running")


def test_its_environment_leads_to_servers_that_answer(stack: LocalStack) -> None:
    variables = stack.environment()
    assert set(variables) == {
        "DATABASE_URL",
        "REDIS_URL",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "CHIMERA_APPROVAL_KEY",
        "CHIMERA_MODEL__NAME",
    }
    with Redis.from_url(variables["REDIS_URL"]) as client:
        assert client.ping()
    with psycopg.connect(variables["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_second_start_from_another_command_does_nothing(stack: LocalStack, folder: Path) -> None:
    before = stack.status()
    assert LocalStack(folder, durable=False, seed=99).start() == []
    assert stack.status() == before


def test_only_what_crashed_is_started_again_and_at_the_same_place(stack: LocalStack) -> None:
    before, addresses = {server.name: server for server in stack.status()}, stack.environment()
    pid = before["Redis"].pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert stack.start() == ["Redis"]
    assert stack.environment() == addresses
    after = {server.name: server for server in stack.status()}
    assert after["PostgreSQL"] == before["PostgreSQL"]
    assert after["Redis"].pid != pid


def test_a_server_that_lives_and_does_not_answer_is_stuck(stack: LocalStack) -> None:
    pid = stack.status()[0].pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert states(stack)["Redis"] == "stuck"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_two_starts_at_once_start_everything_once(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / ".chimera", durable=False, model=False)
    try:
        with ThreadPoolExecutor(2) as threads:
            started = list(threads.map(lambda _: or_skip_start(stack), range(2)))
        assert sorted(started, key=len) == [[], ["Redis", "PostgreSQL"]]
    finally:
        stack.stop()


def or_skip_start(stack: LocalStack) -> list[str]:
    started: list[str] = []
    or_skip(lambda: started.extend(stack.start()), stack)
    return started


def test_secrets_are_for_nobody_else(stack: LocalStack, folder: Path) -> None:
    assert stat.S_IMODE(stack.state_file.stat().st_mode) == 0o600
    # For root PostgreSQL's own group may pass; nobody can list it.
    assert stat.S_IMODE(folder.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)


def test_a_folder_that_was_open_is_closed_at_the_next_start(stack: LocalStack, folder: Path) -> None:
    folder.chmod(0o777)
    assert stack.start() == []
    test_secrets_are_for_nobody_else(stack, folder)
    assert states(stack) == dict.fromkeys(ALL, "running")


def test_nothing_of_it_listens_beyond_this_machine(stack: LocalStack) -> None:
    ports = {server.port for server in stack.status()}
    assert {port for _, port in listening()} >= ports
    assert {address for address, port in listening() if port in ports} == {"127.0.0.1"}


def listening() -> set[tuple[str, int]]:
    """Read from the kernel who listens where: IPv4 addresses in full, IPv6 ones as they stand there."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            (_, local, _, state), listens = line.split()[:4], "0A"
            address, port = local.split(":")
            if state == listens:
                plain = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if table == "tcp" else address
                found.add((plain, int(port, 16)))
    return found


def test_an_env_file_is_written_once_and_never_touched_again(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert stack.write_env(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_text()
    assert all(f"{name}={value}\n" in written for name, value in stack.environment().items())
    file.write_text("MINE=1\n")
    file.chmod(0o644)
    assert not stack.write_env(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "MINE=1\n"


def test_an_env_file_of_this_stack_gets_the_key_that_it_lacks_and_no_other_does(
    stack: LocalStack, tmp_path: Path
) -> None:
    file, variables = tmp_path / "old.env", stack.environment()
    old = f"DATABASE_URL={variables['DATABASE_URL']}"
    file.write_text(old)
    assert stack.complete_env(file)
    assert file.read_text() == f"{old}\nCHIMERA_APPROVAL_KEY={variables['CHIMERA_APPROVAL_KEY']}\n"
    assert not stack.complete_env(file)
    file.write_text("DATABASE_URL=postgresql://elsewhere/chimera\n")
    assert not stack.complete_env(file)


def test_stopping_keeps_the_data_and_may_be_repeated(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / ".chimera", model=False)
    or_skip(stack.__enter__, stack)
    with Redis.from_url(stack.environment()["REDIS_URL"]) as client:
        client.set("kept", "yes")
    assert stack.stop() == ["PostgreSQL", "Redis"]
    assert stack.stop() == []
    assert set(states(stack).values()) == {"stopped"}
    with stack, Redis.from_url(stack.environment()["REDIS_URL"]) as client:
        assert client.get("kept") == b"yes"
    assert set(states(stack).values()) == {"stopped"}


def test_before_the_first_start_there_is_nothing(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / ".chimera")
    assert not stack.exists()
    assert (stack.status(), stack.stop()) == ([], [])
    with pytest.raises(ConfigError, match="no local stack") as caught:
        stack.environment()
    assert caught.value.hint == "chimera up"


def test_a_failed_start_leaves_nothing_running(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / ".chimera", durable=False, model_options=["--no-such-option"])
    with pytest.raises(SwarmError, match=r"unreachable|no redis-server|no PostgreSQL"), stack:
        pass
    assert "running" not in states(stack).values()


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Not a directory"):
        LocalStack(tmp_path / "file" / ".chimera").start()
