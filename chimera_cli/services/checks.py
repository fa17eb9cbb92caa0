"""What can be known of a result without asking a model: cheap, and cannot be talked round."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from chimera_cli.models.delivery import Delivery
from chimera_cli.models.gate import Finding
from chimera_cli.services.disclosure import disclosed
from chimera_cli.services.platforms import LIMITS, post_length

# What judges have been fooled by (arXiv 2507.08794), and what models leave behind when they say nothing.
_NOTHING_SAID = re.compile(
    r"(?i)<\|[^|<>]{0,40}\|>|</?s>|\[/?inst\]|```\w{0,12}|\b(?:thought process|let's solve this problem step by step|"
    r"solution|answer|output|response|n/?a|null|none|todo|tbd|lorem ipsum|as an ai language model)\b"
)
_SCHEME = re.compile(
    r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{1,30}):(?://|(?<=javascript:)|(?<=vbscript:)|(?<=data:))\S"
)
_WEB = frozenset({"http", "https"})


def check(delivery: Delivery) -> tuple[Finding, ...]:
    """Return what is wrong with a delivery's output; an empty tuple clears it for the judge."""
    output = delivery.output
    findings = [*_empty(output)]
    if not findings and isinstance(output, dict) and "platform" in output:
        findings += _post(output, executes=delivery.executes)
    return tuple(findings)


def _empty(output: JsonValue) -> Iterator[Finding]:
    text = _words(output)
    if not text.strip():
        yield _fault("check.empty", "The result is empty.")
    elif not any(ch.isalnum() for ch in _NOTHING_SAID.sub("", text)):
        yield _fault("check.empty", "The result says nothing: it holds only signs or stock phrases.")


def _post(output: dict[str, JsonValue], *, executes: bool) -> Iterator[Finding]:
    platform, text = output.get("platform"), output.get("text")
    if not isinstance(platform, str) or not isinstance(text, str):
        yield _fault("check.shape", "The post has no platform and text that are strings.")
        return
    if not any(ch.isalnum() for ch in _NOTHING_SAID.sub("", text)):
        yield _fault("check.empty", "The post's text is empty.")
    if platform not in LIMITS:
        yield _fault("check.platform", f"No platform is called {platform[:40]!r} (known: {', '.join(sorted(LIMITS))}).")
    elif (length := post_length(platform, text)) > LIMITS[platform]:
        yield _fault("check.length", f"The text counts {length} characters, {platform} takes {LIMITS[platform]}.")
    if executes and not disclosed(text):
        yield _fault("check.disclosure", "The post does not say that it was made by AI.")
    schemes = sorted({found.group(1).lower() for found in _SCHEME.finditer(text)} - _WEB)
    if schemes:
        yield _fault("check.link", f"Only http and https links may be posted, not {', '.join(schemes)}.")


def _words(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "\n".join(_words(item) for item in value.values())
    if isinstance(value, list):
        return "\n".join(_words(item) for item in value)
    return "" if value is None else str(value)


def _fault(rule: str, message: str) -> Finding:
    return Finding(rule=rule, where="output", message=message)
