"""The gate policy is a file, and a wrong one stops at once with its name and fault."""

from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.gate import Route
from chimera_cli.services.policy_file import load_policy


def test_the_built_in_policy_has_the_bands_of_the_seeds_and_both_lists():
    policy = load_policy()
    assert (policy.approve_above, policy.review_from, policy.low_confidence) == (0.9, 0.7, Route.REVIEW)
    assert set(policy.lists.topics) == {"politics", "health_advice", "financial_advice", "legal_claims"}
    wanted = {"password", "secret_key", "delete_all", "override_security", "pii", "ssn"}
    assert set(policy.lists.security) == wanted


def test_a_users_file_replaces_it(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('version = "mine-3"\nreview_from = 0.5\n[lists.topics]\nweather = ["rain*"]\n')
    policy = load_policy(file)
    assert policy.version == "mine-3"
    assert list(policy.lists.phrases()) == [("topic.weather", "rain*")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("version = ", "not TOML"),
        ('version = "1"\nreview_from = 0.95', "review_from must not be above"),
        ("approve = 1", "approve"),
        ('[lists.topics]\nweather = "rain"', "weather"),
        ('[lists.topics]\nweather = [" "]', "weather"),
        ('[lists.topics]\nweather = ["*"]', "weather"),
        ('[lists.topics]\nweather = ["Rain"]', "weather"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str, fault: str):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=fault) as caught:
        load_policy(file)
    assert "mine.toml" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_is_a_configuration_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")
