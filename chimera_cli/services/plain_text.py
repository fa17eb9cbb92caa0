"""Text from anywhere, made safe to print: nothing in it can move the cursor, forge a line or reverse words."""

import re

# C0, DEL and C1 controls; line and paragraph separators; marks that reorder text; characters without a shape, in which a message
# for a model can hide from a reader (tags, selectors, fillers); lone surrogates. What joins emoji and scripts stays.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
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
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
