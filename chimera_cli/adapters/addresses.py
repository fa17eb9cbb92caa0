"""Where a server is, from its URL: enough to tell one from another, without user and password."""

from urllib.parse import SplitResult, parse_qs, urlsplit

from chimera_cli.models.sentinel_url import is_sentinel_url, read_sentinel_url

REDIS_PORT = 6379
POSTGRES_PORT = 5432


def redis_address(url: str) -> str:
    """Return `host:port/db`, `unix:/path/db`, or the service of a sentinel.

    Args:
        url: REDIS_URL.
    """
    if is_sentinel_url(url):
        place = read_sentinel_url(url)
        return f"sentinel {place.service}{urlsplit(place.server).path}"
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix:{parts.path}/{_database(parts)}"
    return f"{_host(parts)}:{parts.port or REDIS_PORT}/{parts.path.strip('/') or _database(parts)}"


def postgres_address(url: str) -> str:
    """Return `host:port/database`.

    Args:
        url: DATABASE_URL; what libpq understands in its query counts too.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.get("host") or _hosts(parts)
    port = "" if "," in host else f":{query.get('port') or _port(parts) or POSTGRES_PORT}"
    return f"{host}{port}/{query.get('dbname') or parts.path.strip('/') or parts.username or ''}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or "localhost"
    return f"[{host}]" if ":" in host else host


def _hosts(parts: SplitResult) -> str:
    """Return the host, or all of several, which libpq tries one after the other."""
    named = parts.netloc.rpartition("@")[2]
    return named if "," in named else _host(parts)


def _port(parts: SplitResult) -> int | None:
    return None if "," in parts.netloc else parts.port


def _database(parts: SplitResult) -> str:
    return parse_qs(parts.query).get("db", ["0"])[-1]
