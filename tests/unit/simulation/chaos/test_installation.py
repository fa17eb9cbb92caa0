from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.simulation.chaos.installation import (
    check_settings,
    drill_settings,
    drill_variables,
    installation_settings,
)

ADDRESSES = {"DATABASE_URL": "postgresql://u:p'w\\d@h/n", "REDIS_URL": "redis://:word@h:1/0"}


def test_what_the_installation_sets_is_tried(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CHIMERA_LEASE_S=9\nCHIMERA_ABANDON_CAP=5\n")
    own = installation_settings(tmp_path / ".env", {"CHIMERA_LEASE_S": "8", "chimera_retry__base_s": "1"})
    assert own == {"CHIMERA_LEASE_S": "8", "CHIMERA_ABANDON_CAP": "5", "CHIMERA_RETRY__BASE_S": "1"}


def test_no_address_no_secret_and_no_name_of_the_installation_is_taken() -> None:
    environment = {**ADDRESSES, "OPENAI_API_KEY": "k", "CHIMERA_NAMESPACE": "theirs", "CHIMERA_HANDLERS": "their.kinds"}
    assert installation_settings(None, environment) == {}


def test_a_policy_file_is_found_from_any_folder() -> None:
    own = installation_settings(None, {"CHIMERA_GATE__POLICY_FILE": "policy.toml"})
    assert own == {"CHIMERA_GATE__POLICY_FILE": str(Path("policy.toml").resolve())}


def test_waits_are_shortened_where_the_installation_says_nothing() -> None:
    assert drill_variables({})["CHIMERA_LEASE_S"] == "3"
    assert drill_variables({"CHIMERA_RETRY__BASE_S": "2"})["CHIMERA_RETRY__BASE_S"] == "2"


@pytest.mark.parametrize("name", ["CHIMERA_LEASE_S", "CHIMERA_BEAT_S"])
def test_a_pace_of_the_installation_is_left_alone(name: str) -> None:
    made = drill_variables({name: "20"})
    assert [key for key in made if key in {"CHIMERA_LEASE_S", "CHIMERA_BEAT_S"}] == [name]


def test_the_drills_own_look_uses_the_same_settings_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://theirs@h/n")
    monkeypatch.setenv("CHIMERA_LEASE_S", "77")
    settings = drill_settings(tmp_path / "drill.env", {**ADDRESSES, "CHIMERA_ABANDON_CAP": "4"})
    assert settings.database_url.get_secret_value() == ADDRESSES["DATABASE_URL"]
    assert (settings.lease_s, settings.abandon_cap) == (15, 4)
    assert (tmp_path / "drill.env").stat().st_mode & 0o777 == 0o600


def test_settings_of_the_installation_that_are_wrong_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shards"):
        drill_settings(tmp_path / "drill.env", {**ADDRESSES, "CHIMERA_SHARDS": "wrong"})


def test_settings_are_checked_before_there_are_servers() -> None:
    check_settings(drill_variables({}))
    with pytest.raises(ConfigError, match="shards") as refused:
        check_settings(drill_variables({"CHIMERA_SHARDS": "wrong"}))
    assert "chimera doctor" in refused.value.hint
