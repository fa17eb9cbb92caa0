"""A Redis behind Sentinel as one URL, in the form that other Python tools read too:

`redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]/SERVICE[/DB][?OPTIONS]`; `rediss+sentinel://` for TLS to both.
"""

import re
from urllib.parse import parse_qsl, unquote, urlencode

from pydantic import Field

from chimera_cli.models.noun import Noun

SCHEMES = ("redis+sentinel", "rediss+sentinel")
EXAMPLE = "redis+sentinel://:PASSWORD@HOST:26379,HOST:26379/SERVICE/0"
DEFAULT_PORT = 26379
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]/@,]+)(?::(?P<port>[0-9]{1,5}))?")
_OWN = ("sentinel_username", "sentinel_password")


class SentinelUrl(Noun):
    """Where the Sentinels are, and how the servers they watch are reached."""

    sentinels: tuple[tuple[str, int], ...]
    """Host and port of each Sentinel."""
    service: str
    """Name of the primary as the Sentinels know it."""
    server: str = Field(repr=False)
    """URL for a server of the service, its host and port left to the Sentinels: user, password, database and options."""
    username: str | None = None
    """User at the Sentinels; None for the default one."""
    password: str | None = Field(default=None, repr=False)
    """Password of the Sentinels; None when they ask for none."""


def is_sentinel_url(url: str) -> bool:
    """Tell a Sentinel's URL by its scheme; the rest is no URL that the standard library can take apart."""
    return url.partition("://")[0].lower() in SCHEMES


def read_sentinel_url(url: str) -> SentinelUrl:
    """Take a Sentinel's URL apart.

    Raises:
        ValueError: It is none; the reason names no part of the URL, which may hold passwords.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    login, at, hosts = authority.rpartition("@")
    service, _, database = path.partition("/")
    if scheme.lower() not in SCHEMES or "@" in login:
        raise ValueError(f"must be like {EXAMPLE}, with @ : / ? in a password percent-encoded")
    if not service or not (database or "0").isdecimal():
        raise ValueError(f"must name the service, and after it at most the number of a database: {EXAMPLE}")
    options = dict(parse_qsl(query, keep_blank_values=True))
    own = {name.removeprefix("sentinel_"): options.pop(name, None) for name in _OWN}
    plain = scheme.lower().removesuffix("+sentinel")
    return SentinelUrl(
        sentinels=tuple(_address(host) for host in hosts.split(",")),
        service=unquote(service),
        server=f"{plain}://{login}{at}sentinel/{database or '0'}" + (f"?{urlencode(options)}" if options else ""),
        **own,
    )


def _address(text: str) -> tuple[str, int]:
    address = _HOST.fullmatch(text)
    port = int(address["port"] or DEFAULT_PORT) if address else 0
    if address is None or not 0 < port < 65536:
        raise ValueError(f"must name each Sentinel as HOST or HOST:PORT: {EXAMPLE}")
    return unquote(address["host"].strip("[]")), port
