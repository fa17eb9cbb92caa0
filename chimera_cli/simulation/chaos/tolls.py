"""What each kind of fault cost, over all rounds of a drill. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from chimera_cli.models.drill import FaultKind, Harm, RoundReport, Tally, Toll


def sum_of(reports: Sequence[RoundReport]) -> Tally:
    """Add the accounts of all rounds."""
    total = Tally()
    for report in reports:
        total = total.plus(report.tally)
    return total


def tolls_of(reports: Sequence[RoundReport]) -> Mapping[FaultKind, Toll]:
    """Tell for each kind that struck in how many rounds it did, and what broke in these."""
    struck = {kind: [report for report in reports if kind in report.tally.struck] for kind in FaultKind}
    return {kind: _toll(rounds) for kind, rounds in struck.items() if rounds}


def _toll(reports: Sequence[RoundReport]) -> Toll:
    found = Counter(breach.harm for report in reports for breach in report.breaches)
    return Toll(
        rounds=len(reports),
        broken=sum(not report.ok for report in reports),
        harms={harm: found[harm] for harm in Harm},
    )
