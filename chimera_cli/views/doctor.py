"""The doctor's list: each check with a line that says how to mend it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.text import Text

from chimera_cli.models.check import Check
from chimera_cli.services.plain_text import one_line
from chimera_cli.views.theme import BAD, GOOD, WAITING


class CheckList:
    """Both faces of the checks."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = list(checks)

    def drawn(self) -> RenderableType:
        """Draw a line a check, and below a failed one its cure. Neighbours that fail for the same reason share one."""
        text = Text()
        for check in _joined(self._checks):
            word, style = ("FAIL  ", BAD) if not check.ok else ("warn  ", WAITING) if check.warn else ("ok    ", GOOD)
            text.append(word, style=style)
            text.append(one_line(check.name), style="bold")
            text.append(f"  {one_line(check.detail)}\n")
            if check.mend:
                text.append(f"      mend: {one_line(check.mend)}\n", style="yellow")
        text.rstrip()
        return text

    def lines(self) -> list[str]:
        """Write ok, warn or fail, name, detail and cure."""
        fields = (("fail" if not c.ok else "warn" if c.warn else "ok", c.name, c.detail, c.mend) for c in self._checks)
        return ["\t".join(map(one_line, each)) for each in fields]


def _joined(checks: Sequence[Check]) -> Iterator[Check]:
    for _, alike in groupby(checks, lambda check: (check.ok, check.warn, check.detail, check.mend)):
        group = list(alike)
        if len(group) == 1 or (group[0].ok and not group[0].warn):
            yield from group
        else:
            yield group[0].model_copy(update={"name": ", ".join(check.name for check in group)})
