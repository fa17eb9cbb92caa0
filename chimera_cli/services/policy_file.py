"""Reads the gate policy: the built-in TOML file, or a user's."""

import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.gate import GatePolicy
from chimera_cli.models.problems import problems_of

HINT = "check CHIMERA_GATE__POLICY_FILE"


def load_policy(path: Path | None = None) -> GatePolicy:
    """Return the policy of a file; None reads the built-in one.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or says something that no policy can.
    """
    name = str(path or "the built-in policy.toml")
    try:
        text = (path or files("chimera_cli") / "policy.toml").read_text(encoding="utf-8")
        return GatePolicy.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the gate policy {name} cannot be read: {exc}", hint=HINT) from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"the gate policy {name} is not TOML: {exc}", hint=HINT) from exc
    except ValidationError as exc:
        said = "; ".join(problems_of(exc)[:5])
        raise ConfigError(f"the gate policy {name} is not valid: {said}", hint=HINT) from exc
