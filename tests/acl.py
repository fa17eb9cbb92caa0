"""The Redis user of deploy/redis.acl, made on a running server."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis

TEMPLATE = Path(__file__).parents[1] / "deploy" / "redis.acl"
USER = "chimera"
PASSWORD = "p@ss:w/rd?#%"
"""With every character that a URL must have encoded."""
ENCODED = "p%40ss%3Aw%2Frd%3F%23%25"


def rules(password: str = PASSWORD) -> list[str]:
    """Return the rules of the file's user, with a password in place."""
    line = next(line for line in TEMPLATE.read_text("utf-8").splitlines() if line.startswith(f"user {USER} "))
    digest = hashlib.sha256(password.encode()).hexdigest()
    return [f"#{digest}" if rule.startswith("#") else rule for rule in line.split()[2:]]


def allowed() -> set[str]:
    """List the commands that the file allows, in capitals and without subcommands."""
    return {re.split(r"[|]", rule[1:])[0].upper() for rule in rules() if rule.startswith("+")}


def limited_url(urls: Sequence[str]) -> str:
    """Make the user on these servers; return the first one's URL for him."""
    for url in urls:
        with Redis.from_url(url, decode_responses=True) as admin:
            admin.execute_command("ACL", "SETUSER", USER, "reset", *rules())
    return f"redis://{USER}:{ENCODED}@127.0.0.1:{urlsplit(urls[0]).port}/0"
