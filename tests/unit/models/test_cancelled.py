from chimera_cli.models.cancelled import CancelledGoal
from chimera_cli.models.effect import Effect


def test_a_goal_that_was_cancelled_whole_is_told_in_few_words() -> None:
    whole = CancelledGoal(goal_id="g", tasks=3, cancelled=3, ended_before=0, live=0, effects={Effect.NOT_DONE: 3})
    assert whole.sentence == "goal g: cancelled 3 of 3 tasks"


def test_what_is_not_over_and_effects_that_happened_or_may_have_are_told() -> None:
    effects = {Effect.DONE: 1, Effect.UNKNOWN: 2, Effect.NOT_DONE: 2}
    part = CancelledGoal(goal_id="g", tasks=10, cancelled=5, ended_before=4, live=1, effects=effects)
    for words in (
        "cancelled 5 of 10",
        "4 had ended before",
        "1 are not recorded",
        "1 with effect done",
        "2 with effect unknown",
    ):
        assert words in part.sentence
    assert "effect not done" not in part.sentence
