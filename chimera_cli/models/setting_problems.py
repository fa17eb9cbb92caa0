"""What is wrong with a setting, by the name of its variable, and where it is corrected; no value is ever shown."""

import re
from collections.abc import Collection, Iterator, Sequence

from pydantic import AfterValidator, ValidationError

UNSET = " is not set"


def written(pattern: str, words: str) -> AfterValidator:
    """Make the check of a text that has to fit a pattern as a whole, and have it told in words."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(check)


def complaints(error: ValidationError, known: Collection[str], prefix: str) -> Iterator[str]:
    """Say what pydantic finds wrong, a sentence a variable.

    Args:
        error: What it said.
        known: All variables.
        prefix: With which most of them begin.
    """
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        message = item["msg"].removeprefix("Value error, ")
        place = [str(part) for part in item["loc"]]
        if not place:
            yield message
            continue
        joined = "__".join(place).upper()
        name = joined if joined in known else f"{prefix}{joined}"
        if item["type"] == "missing":
            yield f"{name}{UNSET}"
        elif item["type"] == "extra_forbidden":
            yield f"{name} is not a known variable"
        else:
            yield f"{name}: {message}"


def correction(problems: Sequence[str], known: Collection[str], file: str) -> str:
    """Name the variables that are set and wrong, and where to correct them; empty when all that is wrong is not set."""
    wrong = [problem for problem in problems if not problem.endswith(UNSET)]
    if not wrong:
        return ""
    said = set(re.findall(r"\w+", " ".join(wrong)))
    names = ", ".join(name for name in known if name in said) or "it"
    missing = ", and set what is missing" if len(wrong) < len(problems) else ""
    return f"correct {names} in the environment or {file}{missing}"
