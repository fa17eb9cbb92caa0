"""Reads a persona from Markdown with front matter: name, voice and directives above, anything else worth knowing below."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from chimera_cli.exceptions import InvalidInput
from chimera_cli.models.persona import Persona
from chimera_cli.models.problems import problems_of

FENCE = "---"
HINT = "start the file with ---, then name:, voice: and directives:, then ---"


def load_persona(path: Path) -> Persona:
    """Return the persona of a file.

    Raises:
        InvalidInput: The file cannot be read or is no persona; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InvalidInput(f"persona {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"persona {path}: not UTF-8 text at byte {exc.start}") from exc
    return parse_persona(text, str(path))


def parse_persona(text: str, name: str) -> Persona:
    """Make a persona of a file's text; `name` names the file in errors.

    Raises:
        InvalidInput: There is no front matter, it is no YAML mapping, or a field is missing or wrong.
    """
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        raise InvalidInput(f"persona {name}, line 1: no front matter", hint=HINT)
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise InvalidInput(f"persona {name}, line {len(lines)}: the front matter does not end", hint=HINT)
    front = lines[1:end]
    fields = _mapping(front, name)
    body = "\n".join(lines[end + 1 :]).strip()
    try:
        return Persona.model_validate({**fields, "background": body})
    except ValidationError as exc:
        place = exc.errors()[0]["loc"]
        line = _line_of(str(place[0]) if place else "", front)
        raise InvalidInput(f"persona {name}, line {line}: {problems_of(exc)[0]}", hint=HINT) from exc


def _mapping(front: list[str], name: str) -> dict[str, Any]:
    try:
        fields = yaml.safe_load("\n".join(front))
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 2 if mark else 2
        what = getattr(exc, "problem", None) or "not YAML"
        raise InvalidInput(f"persona {name}, line {line}: {what}", hint=HINT) from exc
    except RecursionError as exc:
        raise InvalidInput(f"persona {name}, line 2: nested too deeply", hint=HINT) from exc
    except ValueError as exc:  # a date that no calendar has
        raise InvalidInput(f"persona {name}, line 2: {exc}", hint=HINT) from exc
    if not isinstance(fields, dict):
        raise InvalidInput(f"persona {name}, line 2: the front matter is no mapping", hint=HINT)
    if isinstance(fields.get("directives"), str):
        fields["directives"] = [fields["directives"]]
    return {str(key): value for key, value in fields.items()}


def _line_of(field: str, front: list[str]) -> int:
    """Find the line of a field in the file; the first line when it is not there."""
    found = next((number for number, line in enumerate(front, 2) if line.startswith(f"{field}:")), None)
    return found or 1
