"""Ways to read a text that a plain search for words would miss: each a pure function from text to text, with offsets.

Nothing here judges. A lens undoes one disguise (invisible characters, look-alike letters, an encoding, letters set apart) and
remembers for each of its characters where the original stands, so that a reviewer is shown what was really written.
"""

import base64
import binascii
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from chimera_cli.services.confusables import CONFUSABLES


@dataclass(frozen=True, slots=True)
class Offsets:
    """Where each part of a rewritten text comes from, as runs: a text that hardly changes needs hardly any."""

    starts: tuple[int, ...] = (0,)
    """Where each run begins in the rewritten text, ascending."""
    sources: tuple[tuple[int, int], ...] = ((0, 0),)
    """Start and end of the run in the source; equal ends mark a run copied character by character."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the source's characters from which these of the rewritten text were made."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, max(end - 1, start)) - 1
        low, low_end = self.sources[first]
        high, high_end = self.sources[last]
        begin = low + (start - self.starts[first]) if low == low_end else low
        stop = high + (end - self.starts[last]) if high == high_end else high_end
        return begin, stop


SAME = Offsets()
"""The offsets of a text that was not rewritten, or only character by character."""
Rewritten = tuple[str, Offsets]

_ODD = re.compile(r"[^ -~\n\t\r]")
_ESCAPES = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&#?[0-9A-Za-z]{1,32};|\\u\{[0-9A-Fa-f]{1,6}\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
    r"|\\[nrt\"\\]|<[A-Za-z/!][^<>]{0,200}>"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :]?){6,}")
_SINGLES = re.compile(r"(?<![^\W_])[^\W_](?:[^\w\n]{1,2}[^\W_]|_[^\W_]|\n[^\W_]){2,}(?![^\W_])")
_SEPARATORS = re.compile(r"[\W_]+")
_BREAKS = re.compile(r"(?<=[^\W\d_])(?:-?[ \t]*\r?\n[ \t]*|[-_.*|~'`^+/\\]{1,2})(?=[^\W\d_])")
_WORDLIKE = re.compile(r"\S+")
_LEET = str.maketrans("4@31!|0$578+9", "aaeiiiosstbtg")
_LEET_SIGNS = frozenset("4@31!|0$578+9")
_BACKSLASHED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_TAGS = {0xE0020 + i: chr(0x20 + i) for i in range(0x5F)}


def rewrite(text: str, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Rewritten:
    """Replace every match, and tell where everything came from; a replacement equal to its match is left alone."""
    parts: list[str] = []
    starts: list[int] = []
    sources: list[tuple[int, int]] = []
    done = length = 0

    def add(piece: str, low: int, high: int) -> None:
        nonlocal length
        if piece:
            parts.append(piece)
            starts.append(length)
            sources.append((low, high))
            length += len(piece)

    for match in pattern.finditer(text):
        new = replace(match)
        if new == match.group():
            continue
        add(text[done : match.start()], done, done)
        add(new, match.start(), match.end())
        done = match.end()
    if not parts and done == 0:
        return text, SAME
    add(text[done:], done, done)
    return "".join(parts), Offsets(tuple(starts) or (0,), tuple(sources) or ((0, 0),))


def per_character(text: str, change: Callable[[str], str]) -> Rewritten:
    """Change every character that is not plain ASCII by itself, quickly: the function is called once a distinct one."""
    if not _ODD.search(text):
        return text, SAME
    odd = set(filter(_ODD.match, set(text)))
    table = {ch: change(ch) for ch in odd}
    single = {ord(ch): new for ch, new in table.items() if len(new) == 1}
    uneven = [ch for ch, new in table.items() if len(new) != 1]
    offsets = SAME
    if uneven:
        pattern = re.compile(f"[{re.escape(''.join(uneven))}]")
        text, offsets = rewrite(text, pattern, lambda match: table[match.group()])
    return text.translate(single), offsets


def normalised(text: str) -> Rewritten:
    """Drop what is not seen (format characters, marks, controls) and write compatibility forms and look-alikes in ASCII."""
    return per_character(text, _visible)


def casefolded(text: str) -> Rewritten:
    """Write everything in lower case."""
    folded, offsets = per_character(text, str.casefold)
    return _ascii_lower(folded), offsets


def decoded(text: str) -> Rewritten:
    """Undo percent signs, HTML entities and tags, and backslash escapes, and read invisible tag characters as letters."""
    plain = text if text.isascii() else text.translate(_TAGS)
    return rewrite(plain, _ESCAPES, _unescape)


def unpacked(text: str) -> Rewritten:
    """Replace runs of base64 that hold readable text by that text."""
    return rewrite(text, _BASE64, _from_base64)


def unhexed(text: str) -> Rewritten:
    """Replace runs of hexadecimal bytes that hold readable text by that text."""
    return rewrite(text, _HEX, _from_hex)


def deleeted(text: str) -> Rewritten:
    """Read digits and signs inside words as the letters that they look like; plain numbers stay.

    1, ! and | may stand for i or l, so every l becomes an i too, here and in the words looked for (see `skeleton`).
    """
    if not disguised(text):
        return text, SAME
    read = _WORDLIKE.sub(_deleet, text)
    return (text if read == text else skeleton(read)), SAME


def skeleton(text: str) -> str:
    """Write i for l, as `deleeted` does."""
    return text.replace("l", "i")


def disguised(text: str) -> bool:
    """Whether characters that `deleeted` would change stand in the text."""
    return not _LEET_SIGNS.isdisjoint(text)


def joined(text: str) -> Rewritten:
    """Put single letters that stand apart together."""
    return rewrite(text, _SINGLES, lambda match: _SEPARATORS.sub("", match.group()))


def unbroken(text: str) -> Rewritten:
    """Remove a hyphen, a line break or another sign between two letters."""
    return rewrite(text, _BREAKS, lambda match: "")


@lru_cache(maxsize=8192)
def _visible(ch: str) -> str:
    kept = [c for c in unicodedata.normalize("NFKD", ch) if not _ignorable(c)]
    composed = unicodedata.normalize("NFKC", "".join(kept))
    return "".join(CONFUSABLES.get(c, c) for c in composed)


def _ignorable(ch: str) -> bool:
    category = unicodedata.category(ch)
    if category in {"Cf", "Mn", "Me"}:
        return True
    if category == "Cc":
        return ch not in "\n\t\r\x85"
    # Default-ignorable characters that count as letters or are not assigned.
    return ch in "\u115f\u1160\u3164\uffa0\u2800" or 0xFFF0 <= ord(ch) <= 0xFFF8 or 0xE0000 <= ord(ch) <= 0xE0FFF


def _ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _unescape(match: re.Match[str]) -> str:
    found = match.group()
    if found[0] == "%":
        return unquote(found, errors="replace")
    if found[0] == "&":
        return html.unescape(found)
    if found[0] == "<":
        return ""
    if found[1] in _BACKSLASHED:
        return _BACKSLASHED[found[1]]
    code = int(found[2:].strip("{}"), 16)
    return chr(code) if code < 0xD800 or 0xE000 <= code < 0x110000 else found


def _from_base64(match: re.Match[str]) -> str:
    run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(run + "=" * (-len(run) % 4))) or match.group()
    except binascii.Error:
        return match.group()


def _from_hex(match: re.Match[str]) -> str:
    return _readable(bytes.fromhex(match.group().replace(":", " "))) or match.group()


def _readable(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() or text.replace("\n", " ").replace("\t", " ").isprintable() else ""


def _deleet(match: re.Match[str]) -> str:
    token = match.group()
    word = token.rstrip("!|+,;:?.)\"'")
    if _LEET_SIGNS.isdisjoint(word) or not any(ch.isalpha() for ch in word):
        return token
    return word.translate(_LEET) + token[len(word) :]
