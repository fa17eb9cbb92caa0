"""Settings that belong together, each group turning itself into the small policy value that the swarm is given."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from chimera_cli.models.gate import GatePolicy, Route
from chimera_cli.models.policy import RetryPolicy, WorkerPolicy
from chimera_cli.models.release import check_key
from chimera_cli.models.sentinel_url import is_sentinel_url, read_sentinel_url
from chimera_cli.models.words import Key

Seconds = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def url_of(*schemes: str) -> AfterValidator:
    """Make the check of a URL that has one of these schemes."""

    def check(value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        scheme = url.partition("://")[0].lower()
        if scheme not in schemes or not (_is_url(url) or is_sentinel_url(url)):
            raise ValueError(f"is no URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if is_sentinel_url(url):
            read_sentinel_url(url)
        return value

    return AfterValidator(check)


def _hard_to_guess(value: SecretStr) -> SecretStr:
    check_key(value.get_secret_value())
    return value


ApprovalKey = Annotated[SecretStr, AfterValidator(_hard_to_guess)]


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname or parts.query or parts.path) and parts.port != 0
    except ValueError:
        return False


_SECONDS_BY_KIND = TypeAdapter(dict[Key, Seconds])


def _spans_by_kind(given: str) -> dict[str, timedelta]:
    """Read `kind=seconds,kind=seconds`. Raises ValueError."""
    pairs = [part.partition("=") for part in given.split(",") if part.strip()]
    try:
        read = _SECONDS_BY_KIND.validate_python({kind.strip(): seconds.strip() for kind, _, seconds in pairs})
    except ValidationError:
        raise ValueError("must be kind=seconds, separated by commas, such as report.write=900") from None
    return {kind: timedelta(seconds=seconds) for kind, seconds in read.items()}


def _readable(given: str) -> str:
    _spans_by_kind(given)
    return given


class Group(BaseModel):
    """Settings that belong together; unknown names are refused, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RetrySettings(Group):
    """When a failed attempt is followed by another."""

    base_s: Seconds = 2.0
    """Seconds before the first retry; each further one waits twice as long: 2, 4, 8."""
    longest_s: Seconds = 600.0
    """Seconds that no retry waits longer than, jitter aside."""
    jitter: Share = 0.1
    """Share of the delay, 0 to 1, that is added at random at most."""

    def policy(self) -> RetryPolicy:
        """Say when a failed attempt is followed by another."""
        return RetryPolicy(
            base=timedelta(seconds=self.base_s), longest=timedelta(seconds=self.longest_s), jitter=self.jitter
        )


class GateSettings(Group):
    """Which way a judged result goes."""

    approve_above: Share = 0.90
    """Confidence, 0 to 1: strictly above it a result is approved without a person."""
    review_from: Share = 0.70
    """Confidence, 0 to 1: from here up to `approve_above` a person decides."""
    low_confidence: Literal["review", "reject"] = "review"
    """What happens below `review_from`: `review` asks a person, `reject` sends the result back to be made again."""
    max_revisions: Annotated[int, Field(ge=0, le=20)] = 2
    """Times a rejected result is made again before a person sees it."""
    policy_file: Path | None = None
    """TOML file with the bands and word lists; empty for the built-in one."""

    def over(self, base: GatePolicy) -> GatePolicy:
        """Return the policy with what was set explicitly in place of its own; a changed one goes by another version, for
        approvals are bound to the version."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "policy_file"}
        merged = GatePolicy.model_validate({**base.model_dump(), **given})
        if merged == base:
            return base
        switch = "" if merged.low_confidence is Route.REVIEW else f"-{merged.low_confidence}"
        changed = f"{merged.review_from:g}-{merged.approve_above:g}{switch}-{merged.max_revisions}"
        return merged.model_copy(update={"version": f"{base.version}+{changed}"})


class ReviewSettings(Group):
    """How long a person may take."""

    expire_after_h: Annotated[float, Field(ge=0, le=87_600, allow_inf_nan=False)] = 168.0
    """Hours that a review card waits for a decision before it expires and its task fails; 0 for ever. The shortest of all processes
    counts."""

    def expire_after(self) -> timedelta | None:
        """Say how long a card waits; None for ever."""
        return timedelta(hours=self.expire_after_h) if self.expire_after_h else None


class JudgeSettings(Group):
    """How results are scored."""

    rubric_file: Path | None = None
    """TOML file with the criteria; empty for the built-in rubric."""
    timeout_s: Seconds = 300.0
    """Seconds that scoring one result may take, and screening it as long again; then a person decides."""


class ModelSettings(Group):
    """The language model."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "gpt-4o-mini"
    """Name of the model as its provider calls it."""
    timeout_s: Seconds = 60.0
    """Seconds that one question may take, retries of the transport included."""


class WorkerSettings(Group):
    """How a worker runs a task."""

    timeout_s: Seconds = 300.0
    """Seconds that a handler without a timeout of its own may run."""
    timeouts: Annotated[str, AfterValidator(_readable)] = ""
    """Seconds by kind, such as `report.write=900,content.draft=60`; they take precedence over what handlers name."""
    max_conflicts: Annotated[int, Field(ge=0, le=1000)] = 10
    """Times a task runs again at once after a version conflict; further ones wait a moment first, and none costs an attempt."""
    drain_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """Seconds that running tasks may take to end after the first signal."""
    start_timeout_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """Seconds that a worker, judge or planner waits at its start for a server that is away; 0 to end at once."""
    max_output_bytes: Annotated[int, Field(ge=1024, le=1_048_576)] = 1_048_576
    """Bytes of JSON that a handler's output, and all its changes together, may have."""

    def start_timeout(self) -> timedelta:
        """Say how long a role waits for its servers at its start."""
        return timedelta(seconds=self.start_timeout_s)

    def policy(self) -> WorkerPolicy:
        """Say how a worker runs a task."""
        return WorkerPolicy(
            timeout=timedelta(seconds=self.timeout_s),
            timeouts=_spans_by_kind(self.timeouts),
            max_conflicts=self.max_conflicts,
            drain=timedelta(seconds=self.drain_s),
            max_output_bytes=self.max_output_bytes,
        )
