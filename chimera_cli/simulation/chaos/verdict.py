"""What the history checker says of a swarm between two rounds: all that the stretch has left so far, in both stores and logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from chimera_cli.config import Settings
from chimera_cli.models.drill import Breach, Harm
from chimera_cli.simulation.gather import read_logs
from chimera_cli.simulation.history.checker import INVARIANTS, check_history
from chimera_cli.simulation.history.history import Timing
from chimera_cli.simulation.history.reading import read_history
from chimera_cli.simulation.history.violation import Violation

NAMES = {invariant.number: invariant.name for invariant in INVARIANTS}
"""What the checker's numbers stand for."""
HARMS = {1: Harm.DOUBLED, 2: Harm.DOUBLED, 3: Harm.LOST, 4: Harm.STUCK, 7: Harm.LOST, 8: Harm.STUCK}
"""What a breach of each did to the work; the others did nothing to it."""


@dataclass(frozen=True)
class Examiner:
    """Checks a swarm that has nothing in hand."""

    settings: Settings
    """The swarm's settings."""
    place: Path
    """Where its roles write their logs."""

    def breaches(self, runs: Sequence[Mapping[str, Any]], *, timed: bool = True) -> list[Breach]:
        """Check all ten invariants over everything that was done so far.

        Args:
            runs: The runs that handlers noted.
            timed: Whether the times of events are those at which they happened.
        """
        history = read_history(
            self.settings.database_url.get_secret_value(),
            self.settings.redis_url.get_secret_value(),
            namespace=self.settings.namespace,
            shards=self.settings.shards,
            effects=[(run["task"], run["phase"], run["key"]) for run in runs],
            sinks=read_logs(self.place).items(),
            secrets=self.settings.secret_values(),
        )
        retry = self.settings.retry
        timing = Timing(retry_base=timedelta(seconds=retry.base_s), retry_longest=timedelta(seconds=retry.longest_s))
        return [_breach(violation) for violation in check_history(history, timing=timing if timed else None)]


def _breach(violation: Violation) -> Breach:
    name = f"{violation.invariant}. {NAMES[violation.invariant]}"
    harm = HARMS.get(violation.invariant, Harm.OTHER)
    return Breach(invariant=name, subject=violation.subject, text=violation.text, harm=harm)
