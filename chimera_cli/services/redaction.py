"""Secrets taken out of whatever is about to leave the process: log lines and error messages."""

import json
import re
from collections.abc import Iterable, Iterator

MASK = "***"
"""Stands where a secret stood."""

_SHORTEST = 4
"""A shorter secret would mask half of every line; as part of a URL it is masked all the same."""

# Bounded repetitions: a hostile megabyte without a space must not cost a megabyte squared.
_IN_URL = re.compile(r"(?<=://)([^\s:/@]{0,256}):\S{1,512}@")
_TOKEN = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{12,}|[Bb]earer\s+[A-Za-z0-9._~+/=-]{8,})")


class Redactor:
    """Masks known secrets, passwords inside URLs, and what looks like an API key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._spellings = {spelling for secret in known for spelling in (secret, json.dumps(secret)[1:-1])}

    def suspects(self, text: str) -> bool:
        """Tell quickly whether there may be something to mask in a text, or in a text written as JSON; rather too often than once
        too seldom."""
        if "sk-" in text or "earer" in text or ("://" in text and "@" in text):
            return True
        return any(spelling in text for spelling in self._spellings)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if not self.suspects(text):
            return text
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _TOKEN.sub(MASK, _IN_URL.sub(rf"\1:{MASK}@", text))

    def value(self, value: object) -> object:
        """Return a JSON-like value with every text in it, keys included, redacted; anything else becomes text first."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(str(value))


def passwords_in(url: str) -> Iterator[str]:
    """List the passwords of a URL as they are written: before the host, and in the query, as libpq and redis-py take them.

    By hand, for the URL of several hosts is none to the standard library.
    """
    rest = url.partition("://")[2].partition("#")[0]
    place, _, query = rest.partition("?")
    login = place.partition("/")[0].rpartition("@")[0]
    pairs = (pair.partition("=") for pair in query.split("&"))
    yield from filter(
        None, [login.partition(":")[2], *(value for name, _, value in pairs if name.endswith("password"))]
    )
