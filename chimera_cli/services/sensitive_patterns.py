"""Secrets and personal data by their shape: what the words PII, SSN and secret key stand for.

Every pattern is linear: repetitions are bounded, and what may repeat never begins like what follows it. Numbers are believed
only with their check digits, so that an order number is no credit card.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chimera_cli.services.budget import Budget

_E = r"(?<![A-Za-z0-9])"
_Z = r"(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class SensitivePattern:
    """One shape."""

    rule: str
    """What is reported."""
    says: str
    """What it is, for a person."""
    shape: re.Pattern[str]
    """How it looks."""
    holds: Callable[[str], bool] = bool
    """Whether check digits bear it out."""


def luhn(text: str) -> bool:
    """Whether the digits end in the check digit that payment cards carry."""
    digits = [int(ch) for ch in text if ch.isdigit()]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return len(digits) >= 13 and len(set(digits)) > 1 and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def iban(text: str) -> bool:
    """Whether the account number's two check digits are right (ISO 13616)."""
    plain = re.sub(r"\W", "", text).upper()
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(ch, 36)) for ch in turned)) % 97 == 1


def _strong(text: str) -> bool:
    value = re.split(r"[:=]", text, maxsplit=1)[-1].strip(" \"'")
    return len(value) >= 6 and any(ch.isdigit() for ch in value)


_SSN = rf"{_E}(?!000|666|9)\d{{3}}[- ](?!00)\d\d[- ](?!0000)\d{{4}}{_Z}"
_EMAIL = rf"{_E}[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{1,4}}"
_PHONE = (
    r"(?:(?<![\w+])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
    rf"|(?<![\w(])\(\d{{3}}\) ?\d{{3}}[ .-]\d{{4}}|{_E}\d{{3}}-\d{{3}}-\d{{4}}){_Z}"
)
_CARD = r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"
_IBAN = rf"{_E}[A-Z]{{2}}\d\d(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_Z}"
_PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
_AWS_KEY = rf"{_E}(?:AKIA|ASIA)[A-Z0-9]{{16}}{_Z}"
_TOKEN = (
    rf"{_E}(?:sk-[A-Za-z0-9_-]{{16,200}}|gh[pousr]_[A-Za-z0-9]{{20,255}}|github_pat_[A-Za-z0-9_]{{20,255}}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,200}|AIza[A-Za-z0-9_-]{30,60}|glpat-[A-Za-z0-9_-]{16,100})"
)
_JWT = rf"{_E}eyJ[A-Za-z0-9_-]{{8,2000}}\.eyJ[A-Za-z0-9_-]{{4,2000}}\.[A-Za-z0-9_-]{{4,2000}}"
_IN_LINK = r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s:/@]{0,128}:[^\s/@]{1,256}@"
_ASSIGNMENT = (
    r"(?i)(?:passw(?:or)?d|pwd|secret|token|api[_ -]?key)"
    r"[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?[^\s\"',;]{6,200}"
)

PATTERNS = (
    SensitivePattern("pii.ssn", "a social security number", re.compile(_SSN)),
    SensitivePattern("pii.email", "an e-mail address", re.compile(_EMAIL)),
    SensitivePattern("pii.phone", "a phone number", re.compile(_PHONE)),
    SensitivePattern("pii.card", "a payment card number", re.compile(_CARD), luhn),
    SensitivePattern("pii.iban", "a bank account number", re.compile(_IBAN), iban),
    SensitivePattern("secret.private_key", "a private key", re.compile(_PRIVATE_KEY)),
    SensitivePattern("secret.aws_key", "an AWS access key", re.compile(_AWS_KEY)),
    SensitivePattern("secret.token", "an access token", re.compile(_TOKEN)),
    SensitivePattern("secret.jwt", "a signed token", re.compile(_JWT)),
    SensitivePattern("secret.url", "a password in a link", re.compile(_IN_LINK)),
    SensitivePattern("secret.assignment", "a credential", re.compile(_ASSIGNMENT), _strong),
)
"""What is looked for."""


def find_patterns(text: str, budget: Budget) -> Iterator[tuple[SensitivePattern, int, int]]:
    """Give every match with the start and end of its characters. Raises OverBudget as `PhraseBook.find` does."""
    for pattern in PATTERNS:
        budget.spend(len(text))
        for match in pattern.shape.finditer(text):
            if pattern.holds(match.group()):
                yield pattern, match.start(), match.end()


def masked(text: str) -> str:
    """Show that something stands there, and its first two characters if it is long, and not what it is."""
    return f"{text[:2] if len(text) >= 8 else ''}*** ({len(text)} characters)"
