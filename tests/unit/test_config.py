import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_cli.config import Settings, load_settings, variable_names
from chimera_cli.exceptions import ConfigError
from chimera_cli.models.gate import GatePolicy, Route
from chimera_cli.models.settings import Group
from docs.reference import meanings, settings_page

DATABASE = "postgresql://chimera:pw%2Fsecret@db:5432/chimera"
REDIS = "redis://:hunter2hunter2@cache:6379/0"
WORKING = f"DATABASE_URL={DATABASE}\nREDIS_URL={REDIS}\n"
EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(folder: Path, more: str = "") -> Settings:
    (folder / ".env").write_text(WORKING + more)
    return load_settings()


def refusal(folder: Path, text: str) -> ConfigError:
    (folder / ".env").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return caught.value


def test_two_urls_are_enough(folder: Path) -> None:
    found = settings(folder)
    assert found.lease_policy().lease == timedelta(seconds=15)
    assert found.retry.policy().base == timedelta(seconds=2)
    assert found.worker.policy().timeout == timedelta(seconds=300)
    assert found.model_timeout() == timedelta(seconds=60)
    assert found.gate_policy(GatePolicy()) == GatePolicy()


def test_missing_urls_are_all_named_with_a_cure(folder: Path) -> None:
    error = refusal(folder, "")
    assert error.message == "DATABASE_URL is not set; REDIS_URL is not set"
    assert "chimera up" in error.hint
    assert error.exit_code == 6


def test_the_environment_takes_precedence_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_NAMESPACE", "from-environment")
    assert settings(folder, "CHIMERA_NAMESPACE=from-file\n").namespace == "from-environment"


def test_a_key_for_approvals_is_long_and_no_line_shows_it(folder: Path) -> None:
    key = "0123456789abcdef" * 2
    found = settings(folder, f"CHIMERA_APPROVAL_KEY={key}\n")
    assert key in found.secret_values()
    assert key not in repr(found)


@pytest.mark.parametrize("key", ["short", "a" * 64, "four words of a key " * 3])
def test_a_key_that_could_be_guessed_is_refused_with_its_cure(folder: Path, key: str) -> None:
    error = refusal(folder, f'{WORKING}CHIMERA_APPROVAL_KEY="{key}"\n')
    assert error.message.startswith("CHIMERA_APPROVAL_KEY: must be 32 or more")
    assert "openssl rand -hex 32" in error.message
    assert key not in error.message


def test_a_key_that_redis_knows_is_refused(folder: Path) -> None:
    key = "0123456789abcdef" * 2
    error = refusal(folder, f"DATABASE_URL={DATABASE}\nREDIS_URL=redis://:{key}@cache/0\nCHIMERA_APPROVAL_KEY={key}\n")
    assert "which Redis knows" in error.message


def test_an_empty_variable_means_the_default(folder: Path) -> None:
    found = settings(folder, "OPENAI_API_KEY=\nCHIMERA_OPERATOR=\n")
    assert found.openai_api_key is None
    assert found.operator is None


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("CHIMERA_LEASE_S=soon-hunter2", "CHIMERA_LEASE_S"),
        ("CHIMERA_LEASE_S=nan", "CHIMERA_LEASE_S"),
        ("CHIMERA_RETRY__BASE_S=-1", "CHIMERA_RETRY__BASE_S"),
        ("CHIMERA_GATE__LOW_CONFIDENCE=approve", "CHIMERA_GATE__LOW_CONFIDENCE"),
        ("CHIMERA_SHARDS=0", "CHIMERA_SHARDS"),
        ("CHIMERA_NAMESPACE=a b", "CHIMERA_NAMESPACE"),
        ("OPENAI_BASE_URL=ftp://hunter2", "OPENAI_BASE_URL"),
        ("CHIMERA_BEAT_S=10", "CHIMERA_LEASE_S"),
        ("CHIMERA_GATE__REVIEW_FROM=0.95", "CHIMERA_GATE__REVIEW_FROM"),
        ("CHIMERA_WORKER__DRAIN=5", "unknown variable CHIMERA_WORKER__DRAIN, did you mean CHIMERA_WORKER__DRAIN_S?"),
    ],
)
def test_a_malformed_value_names_its_variable_and_never_itself(folder: Path, line: str, named: str) -> None:
    error = refusal(folder, WORKING + line + "\n")
    assert named in error.message
    assert "hunter2" not in error.message + error.hint


def test_a_value_that_is_set_and_wrong_is_to_be_corrected_where_it_is_set(folder: Path) -> None:
    short = refusal(folder, f"{WORKING}CHIMERA_APPROVAL_KEY=short\nCHIMERA_NAMESPACE=a b\n")
    assert short.hint == "correct CHIMERA_APPROVAL_KEY, CHIMERA_NAMESPACE in the environment or .env"
    assert "CHIMERA_NAMESPACE: must be 1 to 40 letters, digits, dots, dashes, underscores" in short.message
    assert refusal(folder, f"DATABASE_URL={DATABASE}\nREDIS_URL=http://x\n").hint.startswith("correct REDIS_URL in")
    both = refusal(folder, f"DATABASE_URL={DATABASE}\nCHIMERA_SHARDS=0\n").hint
    assert both == "correct CHIMERA_SHARDS in the environment or .env, and set what is missing"
    assert "CHIMERA_LEASE_S" in refusal(folder, f"{WORKING}CHIMERA_BEAT_S=10\n").hint


@pytest.mark.parametrize("name", ["a\\n", "a" * 41, "é", "a/b"])
def test_a_namespace_has_no_other_characters(folder: Path, name: str) -> None:
    assert "letters, digits" in refusal(folder, f'{WORKING}CHIMERA_NAMESPACE="{name}"\n').message


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2", "postgresql://", "postgresql://h:hunter2/d"])
def test_a_url_that_is_none_of_postgres_is_refused_without_being_shown(folder: Path, url: str) -> None:
    error = refusal(folder, f"DATABASE_URL={url}\nREDIS_URL={REDIS}\n")
    assert error.message.startswith("DATABASE_URL: ")
    assert "hunter2" not in error.message


SENTINEL = "redis+sentinel://:hunter2hunter2@one:26379,two/main/0?sentinel_password=open-sesame"


def test_a_sentinels_url_is_a_redis_url_and_both_passwords_are_secret(folder: Path) -> None:
    (folder / ".env").write_text(f"DATABASE_URL={DATABASE}\nREDIS_URL={SENTINEL}\n")
    loaded = load_settings()
    assert loaded.redis_url.get_secret_value() == SENTINEL
    assert {SENTINEL, "hunter2hunter2", "open-sesame"} <= set(loaded.secret_values())


@pytest.mark.parametrize("url", ["redis+sentinel://:hunter2hunter2@one:26379", "redis+sentinel://one:x/main"])
def test_a_sentinels_url_that_lacks_something_is_told_by_its_variable(folder: Path, url: str) -> None:
    (folder / ".env").write_text(f"DATABASE_URL={DATABASE}\nREDIS_URL={url}\n")
    with pytest.raises(ConfigError, match="REDIS_URL: must name") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_a_redis_socket_is_a_redis_url(folder: Path) -> None:
    (folder / ".env").write_text(f"DATABASE_URL={DATABASE}\nREDIS_URL=unix:///run/redis.sock\n")
    assert load_settings().redis_url.get_secret_value() == "unix:///run/redis.sock"


def test_lines_that_are_no_settings_are_named_by_number(folder: Path) -> None:
    error = refusal(folder, WORKING + "\nthis is no setting\nX='open\n")
    assert ".env line 4 is not NAME=value" in error.message
    assert ".env line 5 is not NAME=value" in error.message


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"\.env cannot be read: UnicodeDecodeError"):
        load_settings()


def test_a_file_that_was_asked_for_must_exist(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"other\.env is no file"):
        load_settings(Path("other.env"))


def test_a_group_in_one_variable_must_be_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_GATE", "{hunter2")
    error = refusal(folder, WORKING)
    assert error.message.startswith("CHIMERA_GATE is not valid")
    assert "hunter2" not in error.message


def test_variables_of_others_in_the_file_are_left_alone(folder: Path) -> None:
    assert settings(folder, "POSTGRES_PASSWORD=x\n").shards == 1


def test_handlers_are_separated_by_commas(folder: Path) -> None:
    assert settings(folder, "CHIMERA_HANDLERS=kinds.py, my.module,\n").handlers == ("kinds.py", "my.module")


def test_settings_never_show_a_secret(folder: Path) -> None:
    found = settings(folder, "OPENAI_API_KEY=sk-hunter2hunter2\n")
    for shown in (repr(found), str(found), found.model_dump_json()):
        assert "hunter2" not in shown
        assert "secret" not in shown.replace("SecretStr", "")


def test_secret_values_hold_passwords_as_written_and_as_meant(folder: Path) -> None:
    secrets = settings(folder, "OPENAI_API_KEY=sk-1234\n").secret_values()
    assert {"sk-1234", "pw%2Fsecret", "pw/secret", "hunter2hunter2", DATABASE, REDIS} <= set(secrets)


def test_the_model_needs_a_key_only_when_it_is_asked(folder: Path) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        settings(folder).model_key()
    assert settings(folder, "OPENAI_API_KEY=k\n").model_key() == "k"


def test_what_was_set_overrides_a_policy_file_and_renames_the_policy(folder: Path) -> None:
    base = GatePolicy(version="house-3", approve_above=0.95, review_from=0.5)
    policy = settings(folder, "CHIMERA_GATE__LOW_CONFIDENCE=reject\n").gate_policy(base)
    assert (policy.approve_above, policy.review_from, policy.low_confidence) == (0.95, 0.5, Route.REJECT)
    assert policy.version != base.version
    assert settings(folder).gate_policy(base) == base


def test_a_setting_that_contradicts_the_policy_file_is_a_matter_of_configuration(folder: Path) -> None:
    with pytest.raises(ConfigError, match="contradict the policy file"):
        settings(folder, "CHIMERA_GATE__REVIEW_FROM=0.85\n").gate_policy(GatePolicy(approve_above=0.8))


def test_every_setting_says_what_it_is() -> None:
    kinds = [field.annotation for field in Settings.model_fields.values()]
    for model in (Settings, *(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Group))):
        assert set(meanings(model)) >= set(model.model_fields), model


def test_the_example_names_every_variable_once_with_a_comment_above() -> None:
    lines = EXAMPLE.read_text().splitlines()
    named = [line.split("=")[0] for line in lines if line and not line.startswith("#")]
    assert sorted(named) == sorted(variable_names())
    for above, line in itertools.pairwise(lines):
        if line and not line.startswith("#"):
            assert above.startswith("# "), line


def test_the_example_is_valid_and_says_the_defaults(folder: Path) -> None:
    (folder / ".env").write_text(EXAMPLE.read_text())
    bare = settings_without_file(folder)
    assert load_settings(EXAMPLE).model_dump(exclude={"database_url", "redis_url"}) == bare


def settings_without_file(folder: Path) -> dict[str, object]:
    return settings(folder).model_dump(exclude={"database_url", "redis_url"})


def test_the_page_of_settings_says_of_what_kind_each_value_is() -> None:
    rows = [line.split(" | ") for line in settings_page().splitlines() if line.startswith("| `")]
    values = {row[0].strip("| `"): row[2] for row in rows}
    assert values["CHIMERA_APPROVAL_KEY"] == "text, kept secret"
    assert [name for name, value in values.items() if value == "list"] == ["CHIMERA_HANDLERS"]
    assert "32 or more characters" in settings_page()
