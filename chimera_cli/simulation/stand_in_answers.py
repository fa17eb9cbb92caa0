"""What the stand-in model says: canned plans, posts and scores, the same for the same seed and question. No intelligence."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from chimera_cli.simulation.stand_in_shapes import example

FENCE = re.compile(
    r"^<<<(?P<token>[0-9a-f]+) (?P<label>[a-z]+)\n(?P<body>.*?)\n(?P=token)>>>$", re.DOTALL | re.MULTILINE
)
CRITERION = re.compile(r"^## criterion (\S+)$", re.MULTILINE)
LIMIT = re.compile(r"at most (\d+) characters")
WEAK = ("maybe", "stuff", "somehow", "whatever")
"""Each of these words in a result costs one point a criterion."""
PLATFORMS = ("twitter", "instagram", "linkedin", "bluesky")
OPEN_BRIEF = "an open question, no firm advice"
SAFETY_BRIEF = "close with an account safety tip"
PLAIN_BRIEFS = ("one clear tip", "a short checklist")
CONTENT_KINDS = {"trend.fetch", "content.draft", "content.publish"}

OPENINGS = (
    "Three notes on {topic}",
    "What we learned about {topic} this week",
    "A short checklist for {topic}",
    "One habit that helps with {topic}",
)
TIPS = (
    "Post at a steady hour.",
    "Answer every reply within the day.",
    "Keep one idea to a post.",
    "Show the work behind the result.",
    "Ask a question that is easy to answer.",
    "Thank the people who share your posts.",
)

Answer = dict[str, Any]


def answer(shape: str, schema: Mapping[str, Any], prompt: str, seed: int) -> Answer:
    """Answer a question by the title of the shape that is asked for; an unknown shape gets an example of its schema."""
    drawn = hashlib.sha256(f"{seed}\n{shape}\n{_unfenced(prompt)}".encode()).digest()
    chance = Random(drawn)  # nosec B311 # the same question must get the same answer
    known: dict[str, Callable[[str, Random], Answer]] = {
        "PlanDraft": _plan,
        "PostDraft": _post,
        "VerdictDraft": _verdict,
    }
    if shape in known:
        return known[shape](prompt, chance)
    made = example(schema, chance)
    return made if isinstance(made, dict) else {}


def purpose(shape: str) -> str:
    """Name what a question is for: plan, draft, verdict or other."""
    return {"PlanDraft": "plan", "PostDraft": "draft", "VerdictDraft": "verdict"}.get(shape, "other")


def blocks(prompt: str) -> dict[str, str]:
    """Return the fenced texts of a prompt by their labels."""
    return {found["label"]: found["body"] for found in FENCE.finditer(prompt)}


def _unfenced(prompt: str) -> str:
    """Drop the random delimiters, so that the same question gets the same answer."""
    tokens = {found["token"] for found in FENCE.finditer(prompt)}
    for token in tokens:
        prompt = prompt.replace(token, "")
    # The present stands in a planner's prompt.
    return re.sub(r"It is \S+\.\n", "", prompt)


def _plan(prompt: str, chance: Random) -> Answer:
    given = blocks(prompt)
    if "ended" in given:
        return {"tasks": _replacements(json.loads(given["ended"]))}
    kinds: dict[str, Any] = json.loads(given.get("kinds", "{}"))
    if not kinds.keys() >= CONTENT_KINDS:
        return {"tasks": [_any_task(kind, schema, chance) for kind, schema in kinds.items()]}
    return {"tasks": _campaign(given.get("goal", ""))}


def _campaign(goal: str) -> list[Answer]:
    topic = " ".join(goal.split())[:60].rstrip(" .!?") or "the goal"
    platform = next((name for name in PLATFORMS if name in goal.lower()), "twitter")
    tasks = [
        _task("trends-topic", "trend.fetch", f"Trends around {topic}", {"topic": topic}),
        _task(
            "trends-audience",
            "trend.fetch",
            "What the audience talks about",
            {"topic": f"{topic}: audience", "limit": 3},
        ),
    ]
    for number, brief in enumerate((*PLAIN_BRIEFS, OPEN_BRIEF, SAFETY_BRIEF), 1):
        payload = {"topic": topic, "platform": platform, "brief": brief}
        source = "trends-topic" if number % 2 else "trends-audience"
        tasks.append(_task(f"draft-{number}", "content.draft", f"Post {number}: {brief}", payload, source))
    for number in (1, 2, 3):
        payload = {"platform": platform, "account": "main", "draft": f"draft-{number}"}
        tasks.append(
            _task(f"publish-{number}", "content.publish", f"Publish post {number}", payload, f"draft-{number}")
        )
    return tasks


def _task(key: str, kind: str, title: str, payload: Answer, *depends_on: str) -> Answer:
    return {"key": key, "kind": kind, "title": title, "payload": payload, "depends_on": list(depends_on)}


def _any_task(kind: str, schema: Mapping[str, Any], chance: Random) -> Answer:
    payload = example(schema, chance)
    return _task(kind, kind, f"One {kind}", payload if isinstance(payload, dict) else {})


def _replacements(ended: Sequence[Answer]) -> list[Answer]:
    """Repeat what ended badly under new keys."""
    taken = {task["key"] for task in ended}
    done = {task["key"] for task in ended if task["status"] == "COMPLETED"}
    # Of a task that was replaced before only the latest replacement is repeated.
    latest = {_stem(task["key"]): task for task in ended}
    bad = [task for task in latest.values() if task["status"] != "COMPLETED"]
    new: dict[str, str] = {task["key"]: _fresh(_stem(task["key"]), taken) for task in bad}
    now = {stem: new.get(task["key"]) or str(task["key"]) for stem, task in latest.items()}
    return [
        {
            "key": new[task["key"]],
            "kind": task["kind"],
            "title": task["title"],
            "payload": {name: _renamed(value, now) for name, value in task["payload"].items()},
            "depends_on": [
                key for key in (now.get(_stem(k), k) for k in task["depends_on"]) if key in done | {*new.values()}
            ],
        }
        for task in bad
    ]


def _stem(key: str) -> str:
    return re.sub(r"-r\d+$", "", key)


def _fresh(stem: str, taken: set[str]) -> str:
    number = 1
    while f"{stem}-r{number}" in taken:
        number += 1
    return f"{stem}-r{number}"


def _renamed(value: Any, now: Mapping[str, str]) -> Any:
    return now.get(_stem(value), value) if isinstance(value, str) else value


def _post(prompt: str, chance: Random) -> Answer:
    given = blocks(prompt)
    task: Answer = json.loads(given.get("task", "{}"))
    topic, brief = str(task.get("topic", "the topic")), str(task.get("brief", ""))
    text = _text(topic, brief, chance, revised="feedback" in given)
    limits = [int(found) for found in LIMIT.findall(FENCE.sub("", prompt))]
    return {"text": _cut(text, min(limits, default=None)), "hashtags": [_tag(topic)] if brief != OPEN_BRIEF else []}


def _text(topic: str, brief: str, chance: Random, *, revised: bool) -> str:
    if brief == OPEN_BRIEF:
        advice = "one clear note" if revised else "more stuff"
        return f"Maybe post {advice} about {topic} every day and see what happens?"
    opening, tips = chance.choice(OPENINGS).format(topic=topic), chance.sample(TIPS, 2)
    if brief == SAFETY_BRIEF:
        tips[1] = "And never use one password for two accounts."
    return f"{opening}: {' '.join(tips)}"


def _tag(topic: str) -> str:
    return "".join(word.capitalize() for word in re.findall(r"\w+", topic)[:3])


def _cut(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    return text[:limit].rsplit(" ", 1)[0]


def _verdict(prompt: str, chance: Random) -> Answer:
    """Score by what can be seen: weak words cost a point each everywhere; else one criterion, by the length, gets a 4."""
    result = blocks(prompt).get("result", "")
    criteria = CRITERION.findall(FENCE.sub("", prompt))
    words = re.sub(r'"\w+":', " ", result).split()
    weak = [word for word in WEAK if re.search(rf"\b{word}\b", result, re.IGNORECASE)]
    lesser = len(words) % (len(criteria) + 1) if len(criteria) > 2 and not weak else None
    scores = []
    for place, criterion in enumerate(criteria):
        quote = _around(result, weak[place % len(weak)]) if weak else _passage(result, chance)
        score = max(5 - len(weak) - (place == lesser), 0)
        scores.append(
            {"criterion": criterion, "quote": quote, "reason": _reason(score, weak), "score": _ground(quote, score)}
        )
    return {"scores": scores}


def _ground(quote: str, score: int) -> int | str:
    return score if quote else "cannot_judge"


def _reason(score: int, weak: Sequence[str]) -> str:
    if weak:
        return f"Stand-in verdict: vague wording ({', '.join(weak)})."
    return "Stand-in verdict: clear and specific." if score == 5 else "Stand-in verdict: clear, with one small flaw."


def _around(text: str, word: str) -> str:
    """Quote a word with its neighbours, letter by letter."""
    found = re.search(rf"(?:\w+ )?\b{word}\b(?: \w+){{0,2}}", text, re.IGNORECASE)
    return found.group() if found else word


def _passage(text: str, chance: Random) -> str:
    """Quote a few plain words that follow each other, letter by letter."""
    runs = [found.group() for found in re.finditer(r"\w+(?: \w+){1,7}", text)] or re.findall(r"\w{3,}", text)
    return chance.choice(runs) if runs else text.strip()[:40]
