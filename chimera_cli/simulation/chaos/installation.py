"""The settings of a drill: the installation's own, so that they are what is tried, and private servers in place of its own."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from dotenv import dotenv_values
from pydantic import ValidationError

from chimera_cli.config import PREFIX, Settings, variable_names
from chimera_cli.exceptions import ConfigError
from chimera_cli.local.private_file import write_private
from chimera_cli.local.stack import APPROVAL_KEY
from chimera_cli.models.problems import problems_of
from chimera_cli.simulation.sealed import SealedSettings

NOT_TRIED = {"CHIMERA_NAMESPACE", "CHIMERA_OPERATOR", "CHIMERA_HANDLERS", "CHIMERA_MODEL__NAME", APPROVAL_KEY}
"""Settings that name something of the installation that a drill must not touch, or has its own of."""
FILES = {"CHIMERA_GATE__POLICY_FILE", "CHIMERA_JUDGE__RUBRIC_FILE"}
"""Settings that name a file, as seen from the present folder."""
PACE = {"CHIMERA_LEASE_S": "3", "CHIMERA_BEAT_S": "0.75"}
"""Lease and beat, unless the installation sets one of them: a drill would wait most of its time for leases to end."""
ADDRESSES = {"DATABASE_URL": "postgresql://drill@localhost/drill", "REDIS_URL": "redis://localhost/0"}
"""Addresses that settings are checked with before there are servers."""
QUICK = {
    "CHIMERA_RETRY__BASE_S": "0.3",
    "CHIMERA_MODEL__TIMEOUT_S": "5",
    "CHIMERA_WORKER__TIMEOUT_S": "30",
    "CHIMERA_WORKER__DRAIN_S": "20",
}
"""Other waits that are shortened unless the installation sets them."""


def installation_settings(env_file: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Read what the installation sets, as far as a drill tries it; no address and no secret is among it.

    Args:
        env_file: The installation's `.env`; None or a missing one sets nothing.
        environment: The variables of this process, which take precedence.
    """
    given = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    named = {name.upper(): value for name, value in {**given, **environment}.items() if value}
    tried = [name for name in variable_names() if name.startswith(PREFIX) and name not in NOT_TRIED]
    return {name: _placed(name, named[name]) for name in tried if name in named}


def drill_variables(installation: Mapping[str, str]) -> dict[str, str]:
    """Add what a drill shortens, where the installation says nothing."""
    pace = {} if PACE.keys() & installation.keys() else PACE
    return {**QUICK, **pace, **installation}


def drill_settings(file: Path, variables: Mapping[str, str]) -> Settings:
    """Make the settings with which the drill itself looks into the stores.

    Args:
        file: Where the variables are kept, readable by us alone.
        variables: All of them.

    Raises:
        ConfigError: The installation's settings are not valid.
    """
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in variables.items()}
    write_private(file, "".join(f"{name}='{value}'\n" for name, value in quoted.items()))
    try:
        return SealedSettings(_env_file=file)
    except ValidationError as error:
        hint = "a drill tries the settings of this installation: mend them, then: chimera doctor"
        raise ConfigError(f"the settings are not valid: {'; '.join(problems_of(error))}", hint=hint) from None


def check_settings(variables: Mapping[str, str]) -> None:
    """Make sure, before anything is started, that the private swarm can be given these variables.

    Raises:
        ConfigError: They are not valid.
    """
    with TemporaryDirectory(prefix="chimera-settings-") as folder:
        drill_settings(Path(folder) / "drill.env", {**ADDRESSES, **variables})


def _placed(name: str, value: str) -> str:
    return str(Path(value).resolve()) if name in FILES else value
