"""Reads a rubric from TOML: the built-in one, or the operator's."""

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.problems import problems_of
from chimera_cli.models.rubric import Rubric

BUILT_IN = "rubric.toml"


def load_rubric(path: Path | None = None) -> Rubric:
    """Return the rubric of a file, or the built-in one.

    Raises:
        ConfigError: The file cannot be read or is no rubric; names file and key.
    """
    name = str(path) if path else f"built-in {BUILT_IN}"
    try:
        text = (path or files("chimera_cli") / BUILT_IN).read_text(encoding="utf-8")
        fields = tomllib.loads(text)
    except OSError as exc:
        raise _error(name, exc.strerror or str(exc)) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise _error(name, str(exc)) from exc
    return parse_rubric(fields, name)


def parse_rubric(fields: dict[str, Any], name: str) -> Rubric:
    """Make a rubric of the tables of a file; `name` names the file in errors.

    Raises:
        ConfigError: A key is missing, unknown or of the wrong kind, or two criteria share an id.
    """
    label = fields.get("version", "0")
    if not isinstance(label, str):
        raise _error(name, "version: must be a text in quotes")
    try:
        rubric = Rubric.model_validate({**fields, "version": f"{label}+{_named(fields.get('criteria'))}"})
    except ValidationError as exc:
        raise _error(name, problems_of(exc)[0]) from exc
    ids = [criterion.id for criterion in rubric.criteria]
    twice = next((id for id in ids if ids.count(id) > 1), None)
    if twice is not None:
        raise _error(name, f"criteria: the id {twice!r} is used twice")
    return rubric


def _named(criteria: object) -> str:
    """Name the content, so that any change of words is another version."""
    try:
        return hashlib.sha256(canonical_json(criteria).encode()).hexdigest()[:12]
    except (TypeError, ValueError):
        return "unreadable"  # a TOML date or nan; the validation that follows names its place


def _error(name: str, what: str) -> ConfigError:
    return ConfigError(f"rubric {name}: {what}", hint="mend the file, or unset CHIMERA_JUDGE__RUBRIC_FILE")
