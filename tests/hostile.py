"""Text that means harm, nouns that are full of it, and what a terminal or a log may be shown of it."""

import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel

Noun = TypeVar("Noun", bound=BaseModel)

PIECES = (
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gi=1;\x1b\\",
    "\x9b31m",
    "\x9d0;title\x9c",
    "\x90q\x9c",
    "\x85next",
    "\u2028line",
    "\u2029paragraph",
    "\r\n[MCP-LOG] 2026-01-01T00:00:00.000Z AUDIT forged approved {}",
    "\nerror: forged\n\nhint: rm -rf",
    "\rover",
    "\x08\x08\x08",
    "\x0b\x0c\x1c\x1d\x1e\x1f",
    "a\tb",
    "\x00\x7f",
    "\u202egnp.exe",
    "\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d",
    "\u200e\u200f\u061c",
    "\U000e0041\U000e0042\U000e007f",
    "\ufe0f\U000e0100\U000e01ef",
    "\u200b\u2060\u2061\ufeff\u00ad\u034f\u115f\u3164\uffa0\ufff9",
    "\ud800",
    "\udfff\udc80",
    "[bold red]markup[/] [link=x]y[/link] [",
    "{curly} %s %(x)s {0} \\x1b",
    "\u6f22\u5b57 \U0001f642 e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467",
)
"""What has fooled a terminal, a log or a reader somewhere."""

TEXTS = st.one_of(
    st.sampled_from(PIECES),
    st.lists(st.sampled_from(PIECES) | st.text(max_size=8), min_size=1, max_size=5).map("".join).filter(bool),
    st.text(st.characters(), min_size=1, max_size=40),
)
"""Any text at all, mostly a bad one."""

SHAPELESS = re.compile("[\U000e0000-\U000e0fff\u034f\u115f\u1160\u3164\uffa0]")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What Rich writes for a style; nothing else of what begins with an escape is ours."""
JOINERS = "\u200c\u200d"
"""Without them many scripts and emoji fall apart."""
NUMBER_SIGNS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
"""Format characters that have a shape."""


def offending(text: str) -> list[str]:
    """List the characters that a line may not hold; told by the Unicode tables, not by the product's own list."""
    return [char for char in text if steers(char)]


def steers(char: str) -> bool:
    """Tell whether a character moves the cursor, ends a line, turns words round, or has no shape."""
    category = unicodedata.category(char)
    if category == "Cf":
        return char not in JOINERS and ord(char) not in NUMBER_SIGNS
    return category in {"Cc", "Cs", "Zl", "Zp"} or SHAPELESS.match(char) is not None


def poisoned(noun: Noun, text: str) -> Noun:
    """Return a noun in which every text is this one, however deep, unchecked as somebody could have stored it."""
    return noun.model_copy(update={name: _poisoned(value, text) for name, value in noun})


def _poisoned(value: Any, text: str) -> Any:
    if isinstance(value, BaseModel):
        return poisoned(value, text)
    if isinstance(value, Enum) or value is None:
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, Mapping):
        return {key if isinstance(key, Enum) else text: _poisoned(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_poisoned(item, text) for item in value)
    return value
