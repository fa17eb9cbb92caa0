"""The kinds of text that may enter the swarm, each refused at the door when a store or a terminal could not bear it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""A task key, a kind or a state key: letters, digits, dot, dash and underscore, 100 at most."""
LAYOUT = frozenset("\n\t")
"""Control characters that a longer text may hold."""


def _harmless(text: str, allowed: frozenset[str] = frozenset()) -> str:
    """Refuse control characters (they forge log lines and steer terminals) and lone surrogates (no store takes them)."""
    if text.isprintable():
        return text  # As nearly all are; what is refused below is never printable.
    for char in text:
        code = ord(char)
        if char not in allowed and (code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000):
            raise ValueError(f"the character U+{code:04X} is not allowed")
    return text


def _harmless_text(text: str) -> str:
    return _harmless(text, LAYOUT)


def _harmless_line(text: str) -> str:
    return _harmless(text)


Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), AfterValidator(_harmless_line)
]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), AfterValidator(_harmless_text)
]
