"""An example value for a JSON schema, so that the stand-in model can answer shapes that it was not told of."""

from collections.abc import Mapping
from random import Random
from typing import Any

WORDS = ("stand-in", "canned", "example")


def example(schema: Mapping[str, Any], chance: Random) -> Any:
    """Return a value that fits the common parts of JSON schema; required properties only."""
    return _value(schema, schema.get("$defs", {}), chance, 0)


def _value(schema: Mapping[str, Any], defs: Mapping[str, Any], chance: Random, depth: int) -> Any:
    if depth > 20:
        return None
    if "$ref" in schema:
        return _value(defs.get(schema["$ref"].rsplit("/", 1)[-1], {}), defs, chance, depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _value(schema[choice][0], defs, chance, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _value(properties.get(name, {}), defs, chance, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [_value(schema.get("items", {}), defs, chance, depth + 1) for _ in range(schema.get("minItems", 1))]
    return _plain(schema, kind, chance)


def _plain(schema: Mapping[str, Any], kind: Any, chance: Random) -> Any:
    if kind == "integer":
        low, high = _bounds(schema, step=1)
        return chance.randint(int(low), int(high))
    if kind == "number":
        return chance.uniform(*_bounds(schema, step=1e-6))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    text = chance.choice(WORDS)
    return text.ljust(schema.get("minLength", 0), "-")[: schema.get("maxLength", 1000)]


def _bounds(schema: Mapping[str, Any], *, step: float) -> tuple[float, float]:
    low = schema["minimum"] if "minimum" in schema else schema.get("exclusiveMinimum", -step) + step
    high = schema["maximum"] if "maximum" in schema else schema.get("exclusiveMaximum", low + 5 + step) - step
    return low, max(low, high)
