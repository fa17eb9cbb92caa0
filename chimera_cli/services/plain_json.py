"""Anything at all as JSON that every strict parser reads: what a log line is made of."""

import math
from collections.abc import Iterable

from pydantic import JsonValue

DEEPEST = 32
"""Levels of nesting that are written; what lies deeper is left out."""
MOST_VALUES = 10_000
"""Values that are written in all, so that nesting that repeats itself cannot grow without bound."""
LEFT_OUT = "..."
"""Stands for what was left out: too deep, too much, or a value inside itself."""
WORDS_OF_NO_NUMBER = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
"""Floats that JSON has no number for, and the text in their place."""
_SMALLEST, _BIGGEST = -(2**63), 2**64 - 1


def plain_json(value: object) -> JsonValue:
    """Return a value as strict JSON: texts in place of what JSON cannot hold, bounded in depth and number, never an error.

    Args:
        value: Anything, whatever its methods do; of containers, plain dicts, lists and tuples and their subclasses are opened.
    """
    return _Writer().value(value)


def plain_text(value: object) -> str:
    """Return a value's own text with lone surrogates written as escapes; its type's name when it has no text."""
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # a user's own __str__, or a number that is too long
        return f"<{type(value).__name__}>"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


class _Writer:
    def __init__(self) -> None:
        self._left = MOST_VALUES
        self._around: set[int] = set()

    def value(self, value: object) -> JsonValue:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return plain_text(value)
        if isinstance(value, int):
            return _integer(value)
        if isinstance(value, float):
            number = float.__float__(value)
            return number if math.isfinite(number) else WORDS_OF_NO_NUMBER[repr(number)]
        return self._opened(value) if isinstance(value, dict | list | tuple) else plain_text(value)

    def _opened(self, value: dict[object, object] | list[object] | tuple[object, ...]) -> JsonValue:
        if id(value) in self._around or len(self._around) >= DEEPEST:
            return LEFT_OUT
        self._around.add(id(value))
        try:
            if isinstance(value, dict):
                # A copy in one step: the thread of a handler may change the dict meanwhile.
                return self._members(list(dict.items(value)))
            return self._items(list.copy(value) if isinstance(value, list) else tuple.__iter__(value))
        finally:
            self._around.discard(id(value))

    def _members(self, members: list[tuple[object, object]]) -> JsonValue:
        written: dict[str, JsonValue] = {}
        for key, item in members:
            if self._left <= 0:
                written[LEFT_OUT] = LEFT_OUT
                break
            written[plain_text(key)] = self.value(item)
        return written

    def _items(self, items: Iterable[object]) -> JsonValue:
        written: list[JsonValue] = []
        for item in items:
            if self._left <= 0:
                written.append(LEFT_OUT)
                break
            written.append(self.value(item))
        return written


def _integer(value: int) -> JsonValue:
    number = int.__int__(value)
    # More than 64 bits are no number to most parsers, and thousands of digits not even to Python.
    return number if _SMALLEST <= number <= _BIGGEST else hex(number)
