import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port
from tests.servers import or_skip

pytestmark = pytest.mark.integration

LONG = "a-folder-with-a-name-so-long-that-no-socket-fits-into-it-" * 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    made = PostgresServer(tmp_path_factory.mktemp(LONG) / "postgres", free_port(), "a-secret", durable=False)
    try:
        yield or_skip(made.start, made)
    finally:
        made.stop()


def ask(server: PostgresServer, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None


def test_it_serves_its_own_database_on_loopback_only(server: PostgresServer) -> None:
    assert ask(server, "SELECT current_database()") == "chimera"
    assert ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server, "SHOW unix_socket_directories") == ""
    assert ask(server, "SHOW server_encoding") == "UTF8"


def test_nobody_gets_in_with_a_wrong_password(server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("a-secret", "wrong"))


def test_the_password_is_left_nowhere(server: PostgresServer) -> None:
    assert "a-secret" not in Path(f"/proc/{server.pid()}/cmdline").read_text()
    assert not (server.folder / "password").exists()


def test_it_never_runs_as_root(server: PostgresServer) -> None:
    assert Path(f"/proc/{server.pid()}").stat().st_uid != 0


def test_a_second_start_does_nothing(server: PostgresServer) -> None:
    pid = server.pid()
    assert not server.start()
    assert server.pid() == pid


def test_a_killed_server_comes_back_with_its_data(server: PostgresServer) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (answer int)")
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert server.start()
    assert server.pid() != pid
    assert ask(server, "SELECT count(*) FROM kept") == 0


def test_a_pid_file_that_names_a_stranger_is_not_believed(server: PostgresServer) -> None:
    server.stop()
    server.pidfile.write_text(f"{os.getpid()}\n{server.data}\n")
    assert server.pid() is None
    assert server.start()


def test_a_durable_server_keeps_every_safety(tmp_path: Path) -> None:
    safe = PostgresServer(tmp_path / "postgres", free_port(), "a-secret")
    try:
        or_skip(safe.start, safe)
        assert [ask(safe, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3
    finally:
        safe.stop()


def test_what_an_interrupted_initdb_left_is_made_anew(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", free_port(), "a-secret", durable=False)
    (server.folder / "data.draft" / "base").mkdir(parents=True)
    try:
        or_skip(server.start, server)
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


def test_data_of_another_release_is_a_clear_error(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", free_port(), "a-secret")
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match="PostgreSQL"):
        server.start()


def test_a_failing_initdb_is_a_clear_error(tmp_path: Path) -> None:
    # An empty password is one of the few things initdb refuses.
    server = PostgresServer(tmp_path / "postgres", free_port(), "", durable=False)
    with pytest.raises(ConfigError, match=r"initdb failed|no PostgreSQL"):
        server.start()
    assert not server.data.exists()
