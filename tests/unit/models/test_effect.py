"""What may be said of an effect, as a table."""

import pytest

from chimera_cli.models.effect import Effect, Traces, effect_of

DONE, NOT_DONE, UNKNOWN = Effect.DONE, Effect.NOT_DONE, Effect.UNKNOWN


@pytest.mark.parametrize(
    ("traces", "completed", "ended", "effect"),
    [
        (Traces(), False, False, None),
        (Traces(begun=True), False, False, None),
        (Traces(begun=True, stored=True), False, False, DONE),
        (Traces(), False, True, NOT_DONE),
        (Traces(begun=True), False, True, UNKNOWN),
        (Traces(lost=True), False, True, UNKNOWN),
        (Traces(begun=True, stored=True), False, True, DONE),
        (Traces(stored=True, lost=True), False, True, DONE),
        (Traces(begun=True), True, True, DONE),
        (Traces(), True, True, DONE),
    ],
)
def test_an_effect_is_done_not_done_or_unknown(
    traces: Traces, completed: bool, ended: bool, effect: Effect | None
) -> None:
    assert effect_of(traces, completed=completed, ended=ended) is effect
