"""A release is vouched for by one who has the key, and for nothing but what was signed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chimera_cli.models.release import Release, ReviewMode, Seal, check_key

KEY = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
TEXTS = st.text(max_size=20)
RELEASES = st.builds(
    Release,
    namespace=TEXTS,
    task_id=TEXTS,
    kind=TEXTS,
    mode=st.sampled_from(ReviewMode),
    digest=TEXTS,
    decision=TEXTS,
    who=TEXTS,
)


@given(RELEASES)
def test_what_was_signed_is_vouched_for(release: Release) -> None:
    assert release.vouched(KEY, release.sealed(KEY))


@given(RELEASES, RELEASES)
def test_a_seal_of_one_release_is_worth_nothing_for_another(one: Release, other: Release) -> None:
    assume(one != other)
    assert one.sealed(KEY).signature != other.sealed(KEY).signature
    assert not other.vouched(KEY, one.sealed(KEY))


@given(RELEASES, st.sampled_from(sorted(Release.model_fields)), TEXTS)
def test_any_changed_field_changes_the_verdict(release: Release, field: str, text: str) -> None:
    value = next(mode for mode in ReviewMode if mode is not release.mode) if field == "mode" else text
    assume(getattr(release, field) != value)
    changed = release.model_copy(update={field: value})
    seal = Seal(mode=changed.mode, who=changed.who, signature=release.sealed(KEY).signature)
    assert not changed.vouched(KEY, seal)


@given(RELEASES, TEXTS, TEXTS)
def test_words_that_move_from_one_field_to_the_next_are_another_release(release: Release, one: str, two: str) -> None:
    assume(two)
    first = release.model_copy(update={"task_id": one + two, "kind": ""})
    second = release.model_copy(update={"task_id": one, "kind": two})
    assert not second.vouched(KEY, first.sealed(KEY))


@given(RELEASES)
def test_another_key_vouches_for_nothing(release: Release) -> None:
    assert not release.vouched(OTHER, release.sealed(KEY))


@given(RELEASES, TEXTS)
def test_no_made_up_signature_is_taken(release: Release, signature: str) -> None:
    assert not release.vouched(KEY, Seal(mode=release.mode, who=release.who, signature=signature))


def test_a_key_that_is_hard_to_guess_is_taken() -> None:
    assert check_key(KEY) == KEY


@pytest.mark.parametrize(
    "key", ["", "short", "a" * 64, "abc" * 20, KEY[:31], KEY + " ", "key with spaces " * 4, "ä" + KEY]
)
def test_a_key_that_is_short_plain_or_odd_is_refused_with_the_cure(key: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -hex 32"):
        check_key(key)
