"""Settings of a simulation: given, never read from the environment or a `.env`, so that nobody's own settings leak into it."""

from collections.abc import Mapping

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from chimera_cli.config import Settings
from chimera_cli.local.stack import APPROVAL_KEY
from chimera_cli.simulation.options import BEAT_S, LEASE_S


class SealedSettings(Settings):
    """Settings that know only what they were made with, arguments or a file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out the environment."""
        return (init_settings, dotenv_settings)


def role_variables(stack: Mapping[str, str], key: str) -> dict[str, str]:
    """Name the settings of the roles as variables.

    Args:
        stack: Where the servers are, as the stack names it.
        key: Key for the model; the stand-in takes any, so that a random one can be searched for afterwards.
    """
    return {
        **stack,
        "OPENAI_API_KEY": key,
        "CHIMERA_LEASE_S": str(LEASE_S),
        "CHIMERA_BEAT_S": str(BEAT_S),
    }


def sealed_settings(variables: Mapping[str, str]) -> Settings:
    """Make the settings with which the simulation itself looks into the stores."""
    named = {name: variables[name] for name in ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")}
    given = {"approval_key": variables[APPROVAL_KEY], "lease_s": LEASE_S, "beat_s": BEAT_S}
    return SealedSettings.model_validate({**named, **given})
