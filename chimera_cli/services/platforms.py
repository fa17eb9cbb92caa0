"""What each social platform allows, and how it counts."""

import re
import unicodedata
from collections.abc import Mapping

LIMITS: Mapping[str, int] = {"twitter": 280, "instagram": 2200, "linkedin": 3000, "bluesky": 300}
"""Longest post a platform takes, in characters as it counts them."""
TWITTER_LINK = 23
"""What a link of any length counts on Twitter."""

_LINK = re.compile(r"https?://\S+")
# Code points that count one on Twitter; all others count two (its published configuration, version 3).
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))


def post_length(platform: str, text: str) -> int:
    """Count a post as its platform does; where a platform counts clusters this counts code points, which are never fewer."""
    composed = unicodedata.normalize("NFC", text)
    if platform != "twitter":
        return len(composed)
    words, links = _LINK.subn("", composed)
    return sum(_weight(ch) for ch in words) + links * TWITTER_LINK


def _weight(ch: str) -> int:
    return 1 if any(low <= ord(ch) <= high for low, high in _LIGHT) else 2
