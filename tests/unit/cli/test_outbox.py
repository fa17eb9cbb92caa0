"""`chimera outbox`: what is stored is not called posted."""

import json
from datetime import timedelta
from typing import Any

from chimera_cli.exceptions import NotFound
from chimera_cli.models.post import Post
from tests.builders import GOAL, NOON, a_goal
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run

KEY = "9c1e:execute"
POST = Post(
    idempotency_key=KEY,
    platform="twitter",
    post={"text": "A fine\nday\x1b[2J", "account": "main"},
    at=NOON,
    task_id="9c1e",
    goal_id=GOAL,
    kind="content.publish",
    card_id="7d0b",
    decided_by="ada",
    decided_at=NOON,
)


class Shelf(FakeSwarm):
    """A swarm with one post."""

    asked: dict[str, Any] | None = None

    @property
    def posts(self) -> "Outbox":
        return Outbox(self)


class Outbox:
    """Its outbox."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    async def posts(self, **asked: Any) -> list[Post]:
        self.shelf.asked = asked
        return [POST]

    async def post(self, prefix: str) -> Post:
        if not KEY.startswith(prefix):
            raise NotFound("post", prefix, hint="chimera outbox list")
        return POST


def test_posts_are_listed_as_stored_with_where_they_came_from() -> None:
    shelf = Shelf({GOAL: a_goal()})
    result = run("outbox", "list", "--goal", GOAL[:6], "--since", "2h", "--limit", "3", backend=FakeBackend(shelf))
    assert result.exit_code == 0
    row = result.stdout.rstrip("\n").split("\t")
    assert (row[0], row[1], row[2], row[4], row[5]) == (KEY, "twitter", "content.publish", "stored", GOAL)
    assert shelf.asked == {"goal_id": GOAL, "within": timedelta(hours=2), "limit": 3}
    (said,) = json.loads(run("outbox", "list", "--json", backend=FakeBackend(shelf)).stdout)["posts"]
    assert (said["idempotency_key"], said["status"], said["card_id"]) == (KEY, "stored", "7d0b")


def test_a_post_is_shown_as_text_with_its_card_and_who_decided() -> None:
    result = run("outbox", "show", "9c1e", backend=FakeBackend(Shelf()))
    assert result.exit_code == 0
    assert "A fine" in result.stdout
    assert "\x1b" not in result.stdout
    assert "by ada" in result.stdout
    assert "card 7d0b" in result.stdout
    assert "stored; no connector" in result.stdout
    assert (
        json.loads(run("outbox", "show", "9c1e", "--json", backend=FakeBackend(Shelf())).stdout)["decided_by"] == "ada"
    )


def test_a_post_that_is_not_there_exits_3() -> None:
    result = run("outbox", "show", "nothing", backend=FakeBackend(Shelf()))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: chimera outbox list" in result.stderr
