from chimera_cli.models.post import Post
from chimera_cli.views.outbox import post_page, posts_grid
from tests.builders import NOON
from tests.unit.views.drawing import drawn


def test_a_post_without_a_task_or_a_text_is_shown_whole() -> None:
    post = Post(idempotency_key="by hand", platform="notes", post={"title": "t", "n": 1}, at=NOON)
    page = drawn(post_page(post), 120)
    assert "stored; no connector" in page
    assert '"title"' in page
    assert [row.split("\t")[0] for row in posts_grid([post]).lines()] == ["by hand"]


def test_a_post_that_no_person_released_says_who_did() -> None:
    post = Post(idempotency_key="t:execute", platform="twitter", post={"text": "hi"}, at=NOON, task_id="t")
    assert "by judge and gate" in drawn(post_page(post), 120)
