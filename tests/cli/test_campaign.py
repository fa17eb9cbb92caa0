"""One goal through the whole line: planned by the model, worked, judged, decided by people, published."""

from dataclasses import dataclass

import pytest

from tests.cli.driver import Completed, Line

GOAL = "Grow on Twitter"


@dataclass(frozen=True)
class Campaign:
    """A goal with what waits for people."""

    line: Line
    goal: str
    cards: dict[str, dict]
    """Waiting cards by the key of their task."""


@dataclass(frozen=True)
class Decided:
    """The same goal after the decisions."""

    campaign: Campaign
    racers: dict[str, Completed]
    """How approving one card at the same time ended, by operator."""


@pytest.fixture(scope="module")
def campaign(line: Line) -> Campaign:
    plan = line.run("plan", GOAL, "--json").json
    goal, keys = plan["goal_id"], {task["id"]: task["key"] for task in plan["tasks"]}
    line.until(
        lambda: sorted(line.tasks(goal).values()) == ["COMPLETED"] * 6 + ["NEEDS_REVIEW"] * 2 + ["PENDING"],
        "all but what waits for people is done",
    )
    cards = line.run("review", "list", "--goal", goal, "--json").json["cards"]
    return Campaign(line, goal, {keys[card["task_id"]]: card for card in cards})


@pytest.fixture(scope="module")
def decided(campaign: Campaign) -> Decided:
    line, raced, other = campaign.line, campaign.cards["draft-3"]["id"], campaign.cards["draft-4"]["id"]
    racers = {name: line.start("review", "approve", raced, "--as", name, "--json") for name in ("ada", "bo")}
    last = line.start("review", "approve", other[:6], "--as", "cy", "--json")
    ended = {name: running.ended() for name, running in racers.items()}
    assert last.ended().json["cards"][0]["decided_by"] == "cy"
    line.until(
        lambda: line.tasks(campaign.goal)["publish-3"] == "NEEDS_REVIEW", "the post of the weak draft is held too"
    )
    approved = line.run("review", "approve", card_of(line, campaign.goal, "publish-3"), "--as", "cy", "--json")
    assert approved.json["cards"][0]["status"] == "APPROVED"
    line.over(campaign.goal)
    return Decided(campaign, ended)


def card_of(line: Line, goal: str, key: str) -> str:
    query = "SELECT c.id FROM cards c JOIN tasks t ON t.id = c.task_id WHERE t.goal_id = %s AND t.key = %s"
    ((card,),) = line.rows(query, goal, key)
    return str(card)


def test_the_judge_approves_alone_what_is_good_and_people_get_a_low_score_and_a_sensitive_word(
    campaign: Campaign,
) -> None:
    cards = campaign.cards
    assert set(cards) == {"draft-3", "draft-4"}
    assert cards["draft-3"]["confidence"] == 0.6
    assert "0.6" in cards["draft-3"]["reasons"][0]
    assert cards["draft-4"]["confidence"] > 0.9
    assert "password" in cards["draft-4"]["findings"][0]["message"]
    assert {card["status"] for card in cards.values()} == {"PENDING"}
    assert "task.held" not in campaign.line.history(campaign.goal, "draft-1")
    assert "task.approved" in campaign.line.history(campaign.goal, "draft-1")


def test_of_two_operators_at_one_card_the_second_hears_who_was_first(decided: Decided) -> None:
    codes = {name: ended.code for name, ended in decided.racers.items()}
    assert sorted(codes.values()) == [0, 4]
    first, second = sorted(codes, key=codes.__getitem__)
    failure = decided.racers[second].failure
    assert failure["code"] == "already_decided"
    assert failure["exit_code"] == 4
    assert f"approved by {first} at " in failure["message"]
    card = decided.campaign.cards["draft-3"]["id"]
    assert decided.campaign.line.rows("SELECT operator, action FROM audit WHERE card_id = %s", card) == [
        (first, "approve")
    ]


def test_the_goal_completes_and_the_audit_tells_who_decided_and_when(decided: Decided) -> None:
    line, goal = decided.campaign.line, decided.campaign.goal
    shown, audit = line.at_once(("goals", "show", goal, "--json"), ("audit", "list", "--json"))
    assert shown.json["status"] == "COMPLETED"
    assert shown.json["text"] == GOAL
    assert shown.json["counts"] == {"COMPLETED": 9}
    tasks = {id for (id,) in line.rows("SELECT id FROM tasks WHERE goal_id = %s", goal)}
    rows = [event for event in audit.json["events"] if event["task_id"] in tasks]
    assert len(rows) == 3
    assert [event["operator"] for event in rows].count("cy") == 2
    assert all(event["at"] and event["action"] == "approve" and event["card_id"] for event in rows)


def test_every_post_stands_in_the_outbox_once_and_none_before_its_approval(decided: Decided) -> None:
    line, goal = decided.campaign.line, decided.campaign.goal
    posts = line.rows(
        "SELECT t.key, count(*) FROM posts p JOIN tasks t ON p.idempotency_key LIKE t.id || ':%%' GROUP BY t.key ORDER BY 1"
    )
    assert posts == [("publish-1", 1), ("publish-2", 1), ("publish-3", 1)]
    early = line.rows(
        "SELECT e.task_id, e.name FROM events e WHERE e.goal_id = %s AND e.phase = 'execute' AND e.name = 'task.started'"
        " AND NOT EXISTS (SELECT FROM events a WHERE a.task_id = e.task_id AND a.name = 'task.approved' AND a.seq < e.seq)",
        goal,
    )
    assert early == []
    for key in ("publish-1", "publish-2", "publish-3"):
        history = line.history(goal, key)
        assert history.count("task.approved") == 1
        assert history[-3:] == ["task.approved", "task.started", "task.completed"], history
    assert line.history(goal, "draft-3")[-3:] == ["task.held", "task.approved", "task.completed"]


def test_a_card_that_was_decided_cannot_be_decided_otherwise(decided: Decided) -> None:
    card = decided.campaign.cards["draft-4"]["id"]
    again = decided.campaign.line.run("review", "reject", card, "--reason", "too late", "--as", "dee")
    assert again.code == 4
    assert "approved by cy" in again.err
    assert decided.campaign.line.goal(decided.campaign.goal) == "COMPLETED"
