import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.drill import RoundReport
from chimera_cli.simulation.chaos.drill import run_drill
from chimera_cli.simulation.chaos.options import DrillOptions


class Ears:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def tell(self, report: RoundReport) -> None:
        self.heard.append(report)


def test_a_drill_with_settings_that_are_wrong_starts_nothing() -> None:
    listener = Ears()
    with pytest.raises(ConfigError, match="shards"):
        run_drill(DrillOptions(settings={"CHIMERA_SHARDS": "wrong"}), listener)
    assert listener.heard == []
