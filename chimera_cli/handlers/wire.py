"""What a handler returned, checked to survive the wire: JSON that Redis and Postgres both take, of a bounded size."""

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from chimera_cli.exceptions import HandlerError
from chimera_cli.models.words import Key

MAX_DEPTH = 100
"""Levels of nesting that are accepted; pydantic, Python's json and Lua's cjson each give up somewhere beyond 200."""
MAX_INTEGER = 2**63
"""Integers from here on lose digits in one store or another."""

_KEY = TypeAdapter(Key)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def checked_json(value: object, kind: str, path: str, max_bytes: int) -> JsonValue:
    """Return the value as JSON readers will see it (tuples become lists).

    Raises:
        HandlerError: It is not JSON, no store would take it, or it is too long; names the kind and the field.
    """
    problem = _problem(value, path, 0)
    if problem:
        raise HandlerError(f"kind {kind!r} returned something that is not JSON: {problem}")
    text = _ENCODER.encode(value)
    size = len(text.encode())
    if size > max_bytes:
        raise HandlerError(f"kind {kind!r} returned {size} bytes in {path}, at most {max_bytes} are allowed")
    written: JsonValue = json.loads(text)
    return written


def checked_changes(changes: Mapping[str, Any], kind: str, max_bytes: int) -> dict[str, JsonValue]:
    """Return the changes with each value checked as `checked_json` does, their sum too, and each key to be a state key."""
    if not changes:
        return {}
    for key in changes:
        try:
            _KEY.validate_python(key)
        except ValidationError as exc:
            raise HandlerError(f"kind {kind!r}: {str(key)[:120]!r} cannot be a state key") from exc
    checked = {key: checked_json(value, kind, f"changes[{key!r}]", max_bytes) for key, value in changes.items()}
    checked_json(checked, kind, "changes", max_bytes)
    return checked


def _problem(value: object, path: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        return f"{path[:60]}... is nested more than {MAX_DEPTH} levels deep"
    if isinstance(value, Mapping):
        return _mapping_problem(value, path, depth)
    if isinstance(value, list | tuple):
        return next(filter(None, (_problem(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value))), "")
    return _scalar_problem(value, path)


def _mapping_problem(value: Mapping[Any, Any], path: str, depth: int) -> str:
    if not isinstance(value, dict):
        return f"{path} is a {type(value).__name__}"
    for key, item in value.items():
        if not isinstance(key, str):
            return f"{path} has the key {key!r}, a {type(key).__name__}"
        found = _scalar_problem(key, f"a key of {path}") or _problem(item, f"{path}.{key[:60]}", depth + 1)
        if found:
            return found
    return ""


def _scalar_problem(value: object, path: str) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        # Neither JSONB nor UTF-8 has room for them, and an event that cannot be recorded would stop the recorder.
        if "\x00" in value:
            return f"{path} holds a NUL character"
        return f"{path} holds half of a surrogate pair" if _lone_surrogate(value) else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{path} is {value}"
    if isinstance(value, int):
        return "" if -MAX_INTEGER <= value < MAX_INTEGER else f"{path} is an integer of more than 64 bits"
    return f"{path} is a {type(value).__name__}"


def _lone_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
