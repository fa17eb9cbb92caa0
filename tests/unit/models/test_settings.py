from datetime import timedelta

import pytest
from pydantic import ValidationError

from chimera_cli.models.gate import GatePolicy, Route
from chimera_cli.models.policy import RetryPolicy, WorkerPolicy
from chimera_cli.models.settings import GateSettings, RetrySettings, WorkerSettings

BASE = GatePolicy(version="house-3", approve_above=0.95, review_from=0.5)


def test_nothing_set_leaves_a_policy_and_its_version_alone() -> None:
    assert GateSettings().over(BASE) == BASE


def test_what_is_set_explicitly_wins_even_when_it_is_the_default() -> None:
    assert GateSettings(approve_above=0.9).over(BASE).approve_above == 0.9
    assert GateSettings(low_confidence="reject").over(BASE).low_confidence is Route.REJECT


def test_two_different_changes_never_share_a_version() -> None:
    changes = [{"approve_above": 0.9}, {"review_from": 0.6}, {"low_confidence": "reject"}, {"max_revisions": 0}]
    versions = {GateSettings.model_validate(change).over(BASE).version for change in changes}
    assert len(versions | {BASE.version}) == len(changes) + 1


def test_a_file_for_the_policy_is_no_change_of_it() -> None:
    assert GateSettings(policy_file="house.toml").over(BASE) == BASE


def test_a_band_that_contradicts_the_policy_is_refused() -> None:
    with pytest.raises(ValidationError, match="review_from must not be above approve_above"):
        GateSettings(review_from=0.99).over(BASE)


def test_defaults_are_those_of_the_policies() -> None:
    assert RetrySettings().policy() == RetryPolicy()
    assert WorkerSettings().policy() == WorkerPolicy()
    assert RetrySettings(base_s=0.5).policy().base == timedelta(seconds=0.5)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        RetrySettings.model_validate({"base": 2})


def test_timeouts_by_kind_are_read() -> None:
    policy = WorkerSettings(timeouts="report.write=900, content.draft=0.5,").policy()
    assert policy.timeouts == {"report.write": timedelta(minutes=15), "content.draft": timedelta(seconds=0.5)}


@pytest.mark.parametrize("given", ["report.write", "=5", "a=0", "a=-1", "a=b", "a b=1"])
def test_timeouts_by_kind_that_make_no_sense_are_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="must be kind=seconds"):
        WorkerSettings(timeouts=given)
