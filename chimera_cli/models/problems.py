"""What pydantic finds wrong with a value, in the one wording for plans, payloads and files."""

from pydantic import ValidationError


def problems_of(error: ValidationError, *above: str) -> list[str]:
    """Say what is wrong, a sentence each, with its place; `above` names what the value stands in, such as `payload`."""
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join([*above, *map(str, item["loc"])])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = f"unknown field {place!r}"
        elif place:
            message = f"{place}: {message}"
        problems.append(message)
    return problems
