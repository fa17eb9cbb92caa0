"""A book of phrases: what matches in a text, the first time and again."""

import pytest

from chimera_cli.services.budget import Budget
from chimera_cli.services.phrases import PhraseBook


def found(book: PhraseBook, text: str) -> list[str]:
    return [text[low:high] for _, low, high in book.find(text, Budget(1_000_000))]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a bomb", ["bomb"]),
        ("two bombs", ["bombs"]),
        ("a bombsite", []),
        ("vaccinations", ["vaccinations"]),
        ("vaccine" * 100, ["vaccine" * 100]),
        ("delete them, all", ["delete them, all"]),
        ("deleteall", ["deleteall"]),
        ("deleteallx", []),
    ],
)
def test_a_word_matches_as_a_whole_and_a_stem_by_its_beginning_however_long_the_word_is(
    text: str, seen: list[str]
) -> None:
    book = PhraseBook([("r", "bomb"), ("r", "vaccin*"), ("r", "delete all")])
    assert found(book, text) == seen
    assert found(book, text) == seen
