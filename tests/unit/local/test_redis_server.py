import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer
from tests.servers import or_skip

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / "redis", free_port(), "a-secret")
    try:
        yield or_skip(made.start, made)
    finally:
        made.stop()


def test_it_is_configured_as_production_must_be(server: RedisServer) -> None:
    with Redis.from_url(server.url, decode_responses=True) as client:
        settings = client.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"


def test_nobody_gets_in_without_the_password(server: RedisServer) -> None:
    # The client would ask again for three seconds.
    with Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_the_password_shows_neither_in_ps_nor_to_others(server: RedisServer) -> None:
    assert "a-secret" not in Path(f"/proc/{server.pid()}/cmdline").read_text()
    assert (server.folder / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_a_second_start_does_nothing(server: RedisServer) -> None:
    pid = server.pid()
    assert not server.start()
    assert server.pid() == pid


def test_a_killed_server_comes_back_with_its_data(server: RedisServer) -> None:
    with Redis.from_url(server.url, decode_responses=True) as client:
        client.set("kept", "yes")
        pid = server.pid()
        assert pid
        # AOF is flushed once a second: ask for it, the test is about the stale pid file.
        assert wait_until(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, timeout_s=5)
        os.kill(pid, signal.SIGKILL)
    assert server.start()
    assert server.pid() != pid
    with Redis.from_url(server.url, decode_responses=True) as client:
        assert client.get("kept") == "yes"


def test_a_pid_file_that_names_a_stranger_is_not_believed(server: RedisServer) -> None:
    server.stop()
    server.pidfile.write_text(f"{os.getpid()}\n")
    assert server.pid() is None
    assert not server.stop()
    assert server.start()


def test_a_taken_port_is_a_clear_error(server: RedisServer, tmp_path: Path) -> None:
    second = RedisServer(tmp_path / "second", server.port, "another-secret")
    with pytest.raises(BackendUnavailable, match="Redis is unreachable") as caught:
        second.start()
    assert str(second.log) in caught.value.hint


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be started"):
        RedisServer(tmp_path / "file" / "redis", free_port(), "a-secret").start()
