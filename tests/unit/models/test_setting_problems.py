from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from chimera_cli.models.setting_problems import complaints, correction, written

KNOWN = ("REDIS_URL", "CHIMERA_WORKER__TIMEOUT_S", "CHIMERA_WORKER__TIMEOUTS")


class Some(BaseModel):
    redis_url: Annotated[str, written(r"[a-z]{1,3}", "1 to 3 letters")]


def said(**given: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Some.model_validate(given)
    return list(complaints(caught.value, KNOWN, "CHIMERA_"))


def test_a_pattern_is_told_in_words_and_has_to_fit_as_a_whole() -> None:
    assert said(redis_url="ab\n") == ["REDIS_URL: must be 1 to 3 letters"]
    assert said() == ["REDIS_URL is not set"]


@pytest.mark.parametrize(
    ("problems", "cure"),
    [
        (["REDIS_URL is not set"], ""),
        (["CHIMERA_WORKER__TIMEOUTS: no"], "correct CHIMERA_WORKER__TIMEOUTS in the environment or .env"),
        (
            ["CHIMERA_WORKER__TIMEOUT_S: no", "REDIS_URL is not set"],
            "correct CHIMERA_WORKER__TIMEOUT_S in the environment or .env, and set what is missing",
        ),
        (["no variable is named"], "correct it in the environment or .env"),
    ],
)
def test_what_is_set_is_to_be_corrected_and_what_is_not_set_is_not(problems: list[str], cure: str) -> None:
    assert correction(problems, KNOWN, ".env") == cure
