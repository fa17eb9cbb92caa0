from pathlib import Path

import pytest

from chimera_cli.simulation.options import BEAT_S, LEASE_S
from chimera_cli.simulation.sealed import role_variables, sealed_settings

STACK = {
    "DATABASE_URL": "postgresql://chimera:secret-pg@127.0.0.1:1/chimera",
    "REDIS_URL": "redis://:secret-redis@127.0.0.1:2/0",
    "OPENAI_BASE_URL": "http://127.0.0.1:3/v1",
    "OPENAI_API_KEY": "stand-in",
    "CHIMERA_APPROVAL_KEY": "0123456789abcdef" * 4,
}


def test_neither_environment_nor_env_file_reaches_a_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("CHIMERA_NAMESPACE=mine\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHIMERA_SHARDS", "5")
    monkeypatch.setenv("CHIMERA_RETRY__BASE_S", "not a number")
    settings = sealed_settings(role_variables(STACK, "key"))
    assert (settings.namespace, settings.shards) == ("default", 1)
    assert settings.retry.base_s == 2


def test_roles_and_simulation_agree_on_servers_and_lease() -> None:
    variables = role_variables(STACK, "a-random-key")
    settings = sealed_settings(variables)
    assert (variables["CHIMERA_LEASE_S"], variables["CHIMERA_BEAT_S"]) == (str(LEASE_S), str(BEAT_S))
    assert (settings.lease_s, settings.beat_s) == (LEASE_S, BEAT_S)
    assert settings.redis_url.get_secret_value() == variables["REDIS_URL"]


def test_the_roles_ask_the_stand_in_with_a_key_that_can_be_searched_for() -> None:
    variables = role_variables(STACK, "a-random-key")
    assert variables["OPENAI_API_KEY"] == "a-random-key"
    assert {"a-random-key", "secret-pg", "secret-redis"} <= set(sealed_settings(variables).secret_values())
