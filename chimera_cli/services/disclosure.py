"""The words by which a post says that a machine made it."""

import re

from chimera_cli.services.platforms import LIMITS, post_length

DISCLOSURE = "(AI-generated)"
"""What is added to a post that does not say so itself."""

_SAID = re.compile(
    r"(?i)(?<!\w)(?:ai[- ](?:generated|assisted|made|written|created)|#ai(?:generated|assisted|made)?(?!\w)|#madewithai"
    r"|(?:made|written|created|generated|drafted) (?:with|by) (?:an )?(?:ai(?!\w)|artificial intelligence))"
)


def disclosed(text: str) -> bool:
    """Whether the text says that it was made by AI."""
    return disclosure_in(text) is not None


def disclosure_in(text: str) -> str | None:
    """Return the words by which the text says so."""
    found = _SAID.search(text)
    return found.group() if found else None


def with_disclosure(platform: str, text: str) -> str | None:
    """Return the text with its disclosure, or None when both do not fit the platform."""
    said = text if disclosed(text) else f"{text.rstrip()}\n\n{DISCLOSURE}"
    limit = LIMITS.get(platform)
    return said if limit is None or post_length(platform, said) <= limit else None
