"""Posts of the outbox: a table, and one on a page."""

from collections.abc import Sequence

from chimera_cli.models.post import Post
from chimera_cli.views.review import MarkedText
from chimera_cli.views.shown import Column, Facts, Grid, Shown, Stack, moment

_POSTS = (
    Column("post", whole=True),
    Column("platform", whole=True),
    Column("kind", spare=2),
    Column("at", whole=True),
    Column("status", whole=True),
    Column("goal", whole=True, spare=3),
)
NOT_SENT = "no connector has taken it anywhere yet"
"""What `stored` means, for people."""


def posts_grid(posts: Sequence[Post]) -> Grid:
    """List posts."""
    rows = [
        (post.idempotency_key, post.platform, post.kind or "-", moment(post.at), post.status, post.goal_id or "-")
        for post in posts
    ]
    return Grid("", _POSTS, rows, empty="the outbox is empty", mark="")


def post_page(post: Post) -> Shown:
    """Show a post with where it came from and who released it."""
    facts = Facts(
        [
            ("post", post.idempotency_key),
            ("status", f"{post.status}; {NOT_SENT}"),
            ("platform", post.platform),
            ("stored", moment(post.at)),
            ("task", post.task_id or "-"),
            ("goal", post.goal_id or "-"),
            ("kind", post.kind or "-"),
            ("released", _released(post)),
        ]
    )
    words = post.post.get("text")
    rest = {name: value for name, value in post.post.items() if name != "text"}
    parts: list[Shown] = [facts]
    if isinstance(words, str):
        parts.append(MarkedText("text", words))
    if rest or not isinstance(words, str):
        parts.append(MarkedText("post", rest))
    return Stack(parts)


def _released(post: Post) -> str:
    if not post.card_id:
        return "by judge and gate" if post.task_id else "-"
    return f"by {post.decided_by or '-'} at {moment(post.decided_at)}, card {post.card_id}"
