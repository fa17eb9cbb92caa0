"""What the stand-in model does wrong on demand, and its journal of what it served."""

from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

JOURNAL_LENGTH = 1000
"""Entries kept; the counts go on."""


class Fault(StrEnum):
    """A way to misbehave."""

    THROTTLE = "throttle"
    """HTTP 429 with Retry-After."""
    ERROR = "error"
    """HTTP 500."""
    MALFORMED = "malformed"
    """An answer that is cut in the middle of its JSON, and says that it is whole."""
    REFUSE = "refuse"
    """A refusal in place of an answer."""
    TRUNCATE = "truncate"
    """An answer that ran into the length limit."""


class Faults:
    """How many requests still go wrong, by fault and purpose."""

    def __init__(self, wanted: Mapping[Fault, Mapping[str, int]]) -> None:
        """Args:
        wanted: For each fault the number of first requests by purpose; the purpose `all` stands for each purpose.
        """
        self._wanted = wanted
        self._used: Counter[tuple[Fault, str]] = Counter()
        self._anyhow: Counter[Fault] = Counter()

    def more(self, fault: Fault, number: int) -> None:
        """Have so many more requests go wrong, whatever their purpose."""
        self._anyhow[fault] += number

    def next(self, purpose: str) -> Fault | None:
        """Take the next fault of a purpose, in the order of the enum; None when the request goes well."""
        for fault in Fault:
            numbers = self._wanted.get(fault, {})
            if self._used[fault, purpose] < numbers.get(purpose, numbers.get("all", 0)):
                self._used[fault, purpose] += 1
                return fault
            if self._anyhow[fault] > 0:
                self._anyhow[fault] -= 1
                return fault
        return None


class Journal:
    """What was served, so that a simulation can prove that it survived it."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=JOURNAL_LENGTH)
        self._served: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._requests = 0

    def note(
        self, purpose: str, status: int, fault: Fault | None, *, input_tokens: int = 0, output_tokens: int = 0
    ) -> None:
        """Write one request down."""
        self._requests += 1
        if fault is None:
            self._served[purpose] += 1
        else:
            self._faults[fault] += 1
        self._entries.append(
            {
                "seq": self._requests,
                "purpose": purpose,
                "status": status,
                "fault": fault,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the counts and the last entries."""
        return {
            "requests": self._requests,
            "served": dict(self._served),
            "throttled": self._faults[Fault.THROTTLE],
            "malformed": self._faults[Fault.MALFORMED],
            "faults": {fault.value: self._faults[fault] for fault in Fault},
            "entries": list(self._entries),
        }
