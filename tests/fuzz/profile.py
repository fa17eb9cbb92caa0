"""How long the fuzzing takes: seconds in CI; `CHIMERA_FUZZ=N` tries N times as much."""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.hostile import TEXTS

#: Read when the tests are collected; each test runs without any variable of this name.
TIMES = int(os.environ.get("CHIMERA_FUZZ", "1"))
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130}
"""The table in docs/exit-codes.md."""

NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, float("nan"), float("inf"), 1e308, -0.0]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
"""Anything that JSON can say, and what Python's JSON says beyond it."""
ODD_TIMES = st.sampled_from(
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+23:59",
        "9999-12-31T23:59:59Z",
        "294277-01-01T00:00:00Z",
        "2030-02-30T00:00:00Z",
        "2030-01-01",
        "2030-01-01T00:00:00",
        "+1e9999",
        "now",
        "99999999999999999999",
    ]
)


def budget(examples: int) -> Any:
    """Return the settings of a test that tries so many examples in CI."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
