"""Results as Markdown: a table a scenario, a row a subject; median, and the spread when there were several rounds."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.figures import Rounds, median, ratio, spread

Results = Mapping[str, Any]
"""What is written as JSON."""


def markdown(results: Results) -> str:
    """Draw everything."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    lines = [f"`{results['command']}`, {results['at']}", "", f"{machine}. Versions: {versions}."]
    if results["quick"]:
        lines += ["", "A trial with `--quick`: less work than the texts say, and figures that are worth less."]
    for name, found in results["scenarios"].items():
        lines += ["", f"### {name}", "", " ".join(found["about"].split()), "", *rows(found)]
    return "\n".join(lines) + "\n"


def rows(found: Mapping[str, Any]) -> Iterator[str]:
    """Draw one scenario."""
    headings, subjects, beside = found["headings"], found["subjects"], found["beside_floor"]
    told = [key for key in headings if any(key in rounds for rounds in subjects.values())]
    first, its = next(iter(subjects.items()), ("", {}))
    yield "| " + " | ".join(["", *(headings[key] for key in told), *([f"x {first}"] if beside else [])]) + " |"
    yield "|---" * (len(told) + 1 + bool(beside)) + "|"
    for subject, figures in subjects.items():
        cells = [subject, *(cell(figures.get(key, ())) for key in told)]
        if beside:
            cells.append(number(ratio(figures.get(beside, ()), its.get(beside, ()))))
        yield "| " + " | ".join(cells) + " |"
    for subject, why in found["failed"].items():
        yield f"\n{subject} failed: {why}"


def cell(rounds: Rounds) -> str:
    """Draw a figure: its median, and its spread when it has one."""
    ends = spread(rounds)
    middle = number(median(rounds))
    return (
        middle
        if ends is None or number(ends[0]) == number(ends[1])
        else f"{middle} ({number(ends[0])}-{number(ends[1])})"
    )


def number(value: float | None) -> str:
    """Write a number with three digits that mean something."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
