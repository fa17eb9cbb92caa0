"""The one spelling in which a value is shown, screened and judged, so that a quote or a span means the same everywhere."""

import json

from pydantic import JsonValue

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, indent=2)


def text_of(value: JsonValue) -> str:
    """Write a JSON value as text: a string is itself, anything else is indented JSON with sorted keys and real Unicode."""
    if isinstance(value, str):
        return value
    return _ENCODER.encode(value)


def is_short(value: JsonValue, most: int) -> bool:
    """Tell whether a value has no more than about so many characters as text; it looks no further, and not deeper than it must."""
    left: list[JsonValue] = [value]
    while left and most >= 0:
        part = left.pop()
        if isinstance(part, str):
            most -= len(part)
        elif isinstance(part, dict | list):
            most -= 2 * len(part)
            if most >= 0:
                left += [*part, *part.values()] if isinstance(part, dict) else part
        else:
            most -= 5
    return most >= 0
