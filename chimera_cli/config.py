"""The settings of a swarm: read once from the environment and a `.env` file, checked, turned into small policy values.

A variable of the environment takes precedence over the same one in the file. Nothing below bootstrap sees `Settings`.
"""

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from dotenv.parser import parse_stream
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.gate import GatePolicy
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.problems import problems_of
from chimera_cli.models.sentinel_url import SCHEMES as SENTINEL_SCHEMES
from chimera_cli.models.setting_problems import complaints, correction, written
from chimera_cli.models.settings import (
    ApprovalKey,
    GateSettings,
    Group,
    JudgeSettings,
    ModelSettings,
    RetrySettings,
    ReviewSettings,
    Seconds,
    WorkerSettings,
    url_of,
)
from chimera_cli.services.redaction import passwords_in

PREFIX = "CHIMERA_"
DEFAULT_ENV_FILE = Path(".env")
Url = Annotated[str, written(r"https?://\S+", "a URL that begins with http:// or https://")]
HINT = "chimera up writes a working .env; or set it in the environment or in .env (see .env.example)"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: Annotated[
        SecretStr,
        Field(validation_alias="DATABASE_URL"),
        url_of("postgresql", "postgres", "postgresql+psycopg"),
    ]
    """Where Postgres listens, such as `postgresql://user:password@host:5432/chimera`."""
    redis_url: Annotated[
        SecretStr, Field(validation_alias="REDIS_URL"), url_of("redis", "rediss", "unix", *SENTINEL_SCHEMES)
    ]
    """Where Redis listens, such as `redis://:password@host:6379/0`; never a replica. Behind Sentinel
    `redis+sentinel://:password@host:26379,host:26379/service/0`: user and password are the servers', those of the Sentinels go into
    `?sentinel_username=` and `?sentinel_password=`. `rediss+sentinel://` is TLS to both."""
    openai_api_key: Annotated[SecretStr | None, Field(validation_alias="OPENAI_API_KEY")] = None
    """Key of the model's provider; only `plan`, `worker` and `judge` need it."""
    openai_base_url: Annotated[Url | None, Field(validation_alias="OPENAI_BASE_URL")] = None
    """Address of an OpenAI-compatible endpoint; empty for OpenAI's own."""

    approval_key: ApprovalKey | None = None
    """Key with which approvals are signed, 32 or more characters, and which Redis does not know: the same for every process of a
    swarm. Without it nothing can be approved and no approved effect is carried out. `openssl rand -hex 32` makes one."""
    lease_s: Seconds = 15.0
    """Seconds without a sign of life after which another worker may take a task over."""
    beat_s: Seconds = 5.0
    """Seconds between two signs of life of a process; at most half of `lease_s`."""
    abandon_cap: Annotated[int, Field(ge=1, le=100)] = 3
    """Leases that may expire on one task before it is taken for poison and FAILED."""
    max_queued: Annotated[int, Field(ge=0, le=100_000_000)] = 100_000
    """Tasks that may wait for their first run; a plan beyond that is refused. 0 for no limit."""
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    """Parts that the queues are split into; the same for every process of a swarm. On a Redis Cluster as many as it has nodes, or
    a multiple of that."""
    namespace: Annotated[
        str, written(r"[A-Za-z0-9._-]{1,40}", "1 to 40 letters, digits, dots, dashes, underscores")
    ] = "default"
    """Name that keeps several swarms on one Redis and one Postgres apart."""
    operator: str | None = None
    """Who decides review cards, as the audit names them; empty for the user of the operating system."""
    max_replans: Annotated[int, Field(ge=0, le=20)] = 2
    """Times a planner may replace the failed tasks of a goal."""
    handlers: Annotated[tuple[str, ...], NoDecode] = ()
    """Modules or files with your own task kinds, separated by commas."""
    retry: RetrySettings = RetrySettings()
    """When a failed attempt is followed by another."""
    gate: GateSettings = GateSettings()
    """Which way a judged result goes."""
    review: ReviewSettings = ReviewSettings()
    """How long a person may take."""
    judge: JudgeSettings = JudgeSettings()
    """How results are scored."""
    model: ModelSettings = ModelSettings()
    """The language model."""
    worker: WorkerSettings = WorkerSettings()
    """How a worker runs a task."""

    @field_validator("handlers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sane(self) -> "Settings":
        if self.lease_s < 2 * self.beat_s:
            raise ValueError("CHIMERA_LEASE_S must be at least twice CHIMERA_BEAT_S")
        if self.approval_key and self.approval_key.get_secret_value() in passwords_in(
            self.redis_url.get_secret_value()
        ):
            raise ValueError("CHIMERA_APPROVAL_KEY must not be the password of REDIS_URL, which Redis knows")
        if self.gate.review_from > self.gate.approve_above:
            raise ValueError("CHIMERA_GATE__REVIEW_FROM must not be above CHIMERA_GATE__APPROVE_ABOVE")
        return self

    def lease_policy(self) -> LeasePolicy:
        """Say how long a claim holds."""
        return LeasePolicy(
            lease=timedelta(seconds=self.lease_s), beat=timedelta(seconds=self.beat_s), abandon_cap=self.abandon_cap
        )

    def gate_policy(self, base: GatePolicy) -> GatePolicy:
        """Say which way a judged result goes: what was set explicitly, over `base` (a policy file).

        Raises:
            ConfigError: What was set contradicts the policy file.
        """
        try:
            return self.gate.over(base)
        except ValidationError as error:
            problems = "; ".join(problems_of(error))
            hint = "set both bands with CHIMERA_GATE__..., or change the policy file"
            raise ConfigError(f"the gate's settings contradict the policy file: {problems}", hint=hint) from None

    def model_timeout(self) -> timedelta:
        """Say how long one question to the model may take."""
        return timedelta(seconds=self.model.timeout_s)

    def model_key(self) -> str:
        """Return the key of the model's provider.

        Raises:
            ConfigError: There is none.
        """
        if self.openai_api_key is None:
            raise ConfigError("OPENAI_API_KEY is not set, and this command asks the model", hint=HINT)
        return self.openai_api_key.get_secret_value()

    def secret_values(self) -> tuple[str, ...]:
        """List what no line may show: the key, both URLs, and their passwords as written and as meant."""
        urls = [self.database_url.get_secret_value(), self.redis_url.get_secret_value()]
        passwords = [password for url in [*urls, self.openai_base_url or ""] for password in passwords_in(url)]
        keys = [key.get_secret_value() for key in (self.openai_api_key, self.approval_key) if key]
        return tuple(dict.fromkeys([*keys, *urls, *passwords, *map(unquote, passwords)]))


def load_settings(env_file: Path | None = None, **given: Any) -> Settings:
    """Read the settings.

    Args:
        env_file: A file that must exist; None reads `.env` of the present folder if there is one.
        given: Values of single variables that take precedence over both.

    Raises:
        ConfigError: A variable is missing or malformed; names every such variable, and no value.
    """
    path = env_file or DEFAULT_ENV_FILE
    if env_file is not None and not path.is_file():
        raise ConfigError(f"{path} is no file", hint="name an existing file with --env-file, or leave the option out")
    problems = list(_file_problems(path)) if path.is_file() else []
    if problems:
        raise ConfigError("; ".join(problems), hint=f"edit {path} (see .env.example)")
    try:
        return Settings(_env_file=path, **given)
    except ValidationError as error:
        known = variable_names()
        found = list(complaints(error, known, PREFIX))
        raise ConfigError("; ".join(found), hint=correction(found, known, str(path)) or HINT) from None
    except SettingsError as error:
        name = _group_in(str(error))
        hint = f"correct {name} in the environment or {path}, or take it out"
        raise ConfigError(f"{name} is not valid; set its parts one by one", hint=hint) from None


def variable_names() -> list[str]:
    """List every variable that is read, in the order of the fields."""
    names: list[str] = []
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Group):
            names += [f"{PREFIX}{name}__{part}".upper() for part in group.model_fields]
        else:
            names.append(str(field.validation_alias or f"{PREFIX}{name}".upper()))
    return names


def _file_problems(path: Path) -> Iterator[str]:
    """Say which lines cannot be read, and which names of ours nobody knows; a typing error must not be ignored."""
    known = variable_names()
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        yield f"{path} cannot be read: {type(error).__name__}"
        return
    for binding in bindings:
        text = binding.original.string
        # A binding begins with the empty lines before it.
        line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        if binding.error:
            yield f"{path} line {line} is not NAME=value"
        elif binding.key and binding.key.upper().startswith(PREFIX) and binding.key.upper() not in known:
            near = get_close_matches(binding.key.upper(), known, 1)
            yield f"{path} line {line}: unknown variable {binding.key}" + (f", did you mean {near[0]}?" if near else "")


def _group_in(message: str) -> str:
    found = next((name for name in Settings.model_fields if f'"{name}"' in message), "settings")
    return f"{PREFIX}{found}".upper()
