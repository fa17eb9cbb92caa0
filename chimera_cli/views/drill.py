"""A chaos drill for a person: a line a round while it runs, and the account at the end."""

from collections.abc import Mapping

from chimera_cli.models.drill import DrillReport, Harm, RoundReport, Strike, Tally
from chimera_cli.views.shown import Column, Facts, Grid, Shown, Stack, Words
from chimera_cli.views.theme import BAD, GOOD


def round_view(report: RoundReport) -> Shown:
    """Say in a line how a round went, and in one more each what broke."""
    struck = ", ".join(strike_words(strike) for strike in report.schedule)
    tally = report.tally
    account = f"{tally.delivered} of {tally.accepted} tasks ended, {tally.runs} runs, {tally.repeated} repeated"
    which = f"round {report.round} of seed {report.seed}"
    text = f"{which}: {'ok' if report.ok else 'BROKEN'} in {report.took_s:.1f} s: {account}; {struck}"
    broken = [Words(f"  {b.invariant}: {b.subject} {b.text}", BAD) for b in report.breaches]
    return Stack([Words(text, "" if report.ok else BAD), *broken], gap=False)


def strike_words(strike: Strike) -> str:
    """Say a fault in a few words."""
    parts = [strike.fault.value, strike.action, strike.target]
    parts += [f"{strike.lasts_s:g} s"] if strike.lasts_s else []
    parts += [f"{strike.leases:g} leases"] if strike.leases else []
    parts += [f"({strike.amount:g})"] if strike.amount else []
    return " ".join(part for part in parts if part)


def drill_view(report: DrillReport) -> Shown:
    """Show the end of a drill."""
    facts = [*_figures(report.tally), ("took", f"{report.took_s:g} s")]
    facts += [("kept", report.kept)] if report.kept else []
    return Stack([Facts(facts), _tolls(report), verdict(report)])


def _tolls(report: DrillReport) -> Grid:
    """Show what each kind of fault cost; a round with several counts for each of them."""
    columns = [Column("fault", whole=True), Column("rounds", number=True), Column("broken", number=True)]
    columns += [Column(harm.value, number=True) for harm in Harm]
    rows = [
        [kind.value, str(toll.rounds), str(toll.broken), *(str(toll.harms.get(harm, 0)) for harm in Harm)]
        for kind, toll in report.tolls.items()
    ]
    return Grid("faults", columns, rows)


def verdict(report: DrillReport) -> Words:
    """Say in a line how it went."""
    good = report.rounds - len(report.broken)
    text = f"{good} of {report.rounds} rounds hold (seed {report.seed})"
    broken = f"; broken: {', '.join(map(str, report.broken))}"
    return Words(text if report.ok else text + broken, GOOD if report.ok else BAD)


def _figures(tally: Tally) -> list[tuple[str, str]]:
    return [
        ("accepted", f"{tally.accepted} tasks"),
        ("ended", f"{tally.delivered}: {_listed(tally.ended)}"),
        ("effects", str(tally.effects)),
        ("runs", f"{tally.runs}, of these {tally.repeated} repeated"),
        ("takeovers", str(tally.takeovers)),
        ("faults", _listed(tally.struck)),
    ]


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items()) or "none"
