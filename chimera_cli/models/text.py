"""The one spelling in which a value is shown, screened and judged, so that a quote or a span means the same everywhere."""

import json

from pydantic import JsonValue


def text_of(value: JsonValue) -> str:
    """Write a JSON value as text: a string is itself, anything else is indented JSON with sorted keys and real Unicode."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)
