"""Text from anywhere, made safe to print: nothing in it can move the cursor, forge a line or reverse words."""

import re

# C0, DEL and C1 controls; line and paragraph separators; marks that reorder or hide text; lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """Write every character that could break out of a line as a visible escape, such as `\\n` or `\\x1b`."""
    return _UNSAFE.sub(_escape, text)


def many_lines(text: str) -> str:
    """Do the same, but keep line breaks and widen tabs, for text that is shown as a block."""
    unified = text.replace("\r\n", "\n").replace("\t", "    ")
    return "\n".join(one_line(line) for line in unified.split("\n"))


def first_line(text: str) -> str:
    """Return the first line of what a library says; those below it quote statements, values and whole replies."""
    lines = text.strip().splitlines()
    return lines[0].rstrip()[:300] if lines else ""


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
