"""Invariant 3: the version of a state key is the number of committed effects on it."""

from collections.abc import Iterator
from typing import Any

from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.history.violation import Flaw, Terms


def versions_count_commits(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find commits on a version that was not the newest, and stored values that are not what was committed last."""
    commits: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for event in history.events:
        for change in event.changes:
            made = commits.setdefault((event.goal_id, change["key"]), [])
            made.append((change["expected"], change["value"]))
    stored = {(value.goal_id, value.key): value for value in history.state}
    for place in sorted(commits.keys() | stored.keys()):
        subject, made, value = f"state {place[1]} of goal {place[0]}", commits.get(place, []), stored.get(place)
        expected = [version for version, _ in made]
        if expected != list(range(len(made))):
            yield subject, f"was committed on the versions {expected}"
        if value is None or value.version != len(made):
            yield subject, f"has {len(made)} commits and the version {value.version if value else 'none'}"
        elif made and value.value != made[-1][1]:
            yield subject, f"holds {value.value!r}, and {made[-1][1]!r} was committed last"
