"""The one place where redis-py's errors become ours; its ConnectionError is not the builtin one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis_exceptions

from chimera_cli.exceptions import BackendUnavailable, ConfigError, IllegalTransition, SwarmError
from chimera_cli.models.epoch import StaleEpoch
from chimera_cli.models.refusal import AccessRefused, WritesRefused
from chimera_cli.services.plain_text import first_line

_ILLEGAL = re.compile(r"ILLEGAL (\S+) (\S+) ([A-Z_]+)")
_EPOCH = re.compile(r"EPOCH (\d+) (\d+)")
_FORBIDDEN = re.compile(r"NOPERM|no permissions|can't run this command|can't access|access a key that")
_STATE_LOST = "the state of a goal is lost, and the sweep is about to put it back"
_UNVOUCHED = "it restarted or lost data and is being compared with the record"
TLS_HINT = "use the host name of its certificate, and name its CA: rediss://HOST:PORT/0?ssl_ca_certs=FILE"
_REFUSED = ("WRONGPASS", "NOAUTH", "invalid username-password", "invalid password", "without any password")
#: A cluster's node sends us to another one, and that one back, until all keys of the slot have moved.
_MOVING = "TTL exhausted"
_PASSING_KINDS = (
    redis_exceptions.ConnectionError,
    redis_exceptions.TimeoutError,
    redis_exceptions.BusyLoadingError,
    redis_exceptions.ClusterError,
    redis_exceptions.AskError,
    redis_exceptions.RedisClusterException,
    OSError,
)
_PASSING = (
    "LOADING",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "non local key",
    "MASTERDOWN",
    "BUSY ",
    "max number of clients",
)
#: Why a write may be refused, as the server begins its reply, and what cures it.
_CURES = {
    "OOM": "raise its maxmemory, or free memory: chimera goals cancel, or what else uses this Redis",
    "MISCONF": "make room on its disk, its log says what failed; else redis-cli CONFIG SET stop-writes-on-bgsave-error no",
    "READONLY": "this server is a replica: REDIS_URL must name the primary",
    "NOREPLICAS": "start its replicas, or lower its min-replicas-to-write",
}
_WRITE_REFUSED = re.compile(rf"(?:^|[ -])({'|'.join(_CURES)}) .*", re.DOTALL)
#: What redis-py has a class for, and cuts the code off.
_WITHOUT_CODE = {redis_exceptions.OutOfMemoryError: "OOM", redis_exceptions.ReadOnlyError: "READONLY"}
#: What a script of Redis 7 adds to an error: its hash and line.
_PLACE = re.compile(r" script: [0-9a-f]{40}, on .*|, on @user_script.*", re.DOTALL)


#: What redis-py raises; of a cluster that cannot be reached, or has no node for a slot, an exception of its own kind.
DRIVER_ERRORS = (redis_exceptions.RedisError, redis_exceptions.RedisClusterException, OSError)


@contextmanager
def redis_errors(*, starting: bool = False) -> Iterator[None]:
    """Map whatever redis-py raises inside to a SwarmError.

    Args:
        starting: Whether nothing worked before. Then a server that does not let us in is a ConfigError and nothing else, for
            waiting would be useless.

    Raises:
        StaleEpoch: The server was replaced by another one, or is ahead of the record.
        BackendUnavailable: The server is away, too slow, starting or failing over, or nobody vouches for it yet.
        WritesRefused: The server takes no writes.
        AccessRefused: The server refuses the password or the user, or forbids him a command; ConfigError when `starting`.
        ConfigError: The server cannot be trusted.
        IllegalTransition: A script refused a status change; only a bug leads there.
    """
    try:
        yield
    except DRIVER_ERRORS as exc:
        error = translate(exc)
        if starting and isinstance(error, AccessRefused):
            error = ConfigError(error.message, hint=error.hint)
        raise error from exc


def translate(exc: Exception) -> SwarmError:
    """Return the error of ours that says what a driver's error means."""
    text = str(exc)
    if refusal := _refusal(text):
        return refusal
    if "STATE LOST" in text:
        return BackendUnavailable("Redis", _STATE_LOST, state="stands still")
    if "UNVOUCHED" in text:
        return BackendUnavailable("Redis", _UNVOUCHED, state="stands still")
    if isinstance(exc, redis_exceptions.NoPermissionError) or _FORBIDDEN.search(text):
        return AccessRefused(
            f"Redis forbids its user what chimera needs: {first_line(text)}",
            hint="give it the rules of deploy/redis.acl",
        )
    if isinstance(exc, redis_exceptions.AuthenticationError) or any(word in text for word in _REFUSED):
        return AccessRefused("Redis refuses the user or the password", hint="correct REDIS_URL")
    if "CERTIFICATE_VERIFY_FAILED" in text or "WRONG_VERSION_NUMBER" in text:
        return ConfigError(f"Redis cannot be trusted: {first_line(text)}", hint=TLS_HINT)
    if refused := _write_refused(exc, text):
        return refused
    if _MOVING in text:
        return BackendUnavailable("Redis", "a slot of the cluster is being moved to another node", state="stands still")
    if isinstance(exc, _PASSING_KINDS) or any(word in text for word in _PASSING):
        return BackendUnavailable("Redis", first_line(text) or type(exc).__name__)
    return SwarmError(f"Redis refused a command: {first_line(text)}", hint="chimera doctor")


def _write_refused(exc: Exception, text: str) -> WritesRefused | None:
    code = next((code for kind, code in _WITHOUT_CODE.items() if isinstance(exc, kind)), "")
    match = _WRITE_REFUSED.search(text)
    if not code and not match:
        return None
    words = match[0].strip(" -") if match else f"{code} {text}"
    return WritesRefused(_PLACE.sub("", first_line(words)), hint=_CURES[code or match[1] if match else code])


def _refusal(text: str) -> SwarmError | None:
    """Return the error that one of our scripts raised on purpose."""
    if illegal := _ILLEGAL.search(text):
        return IllegalTransition(illegal[1], illegal[2], illegal[3])
    if epochs := _EPOCH.search(text):
        return StaleEpoch(int(epochs[1]), int(epochs[2]))
    return None
