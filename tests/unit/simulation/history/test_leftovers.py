import re
from pathlib import Path

from chimera_cli.simulation.history.leftovers import EMPTIED, FLEET, LIVE, STAYS

SCRIPTS = Path(__file__).parents[4] / "chimera_cli" / "adapters" / "lua"
EXAMPLES = {
    "<lane>": "noop:normal/execute",
    "<stage>": "work",
    "<kind>": "content.draft",
    "<priority>": "high",
    "<id>": "ab12",
    "<goal>": "cd34",
    "<process>": "ef56" * 8,
}


def test_the_checker_knows_every_key_that_the_scripts_document() -> None:
    header = (SCRIPTS / "transition.lua").read_text("utf-8").partition("]]")[0]
    suffixes = re.findall(r"^  T:(\S+)  ", header, re.M)
    assert len(suffixes) >= 14
    for suffix in suffixes:
        for placeholder, example in EXAMPLES.items():
            suffix = suffix.replace(placeholder, example)
        assert any(pattern.fullmatch(suffix) for pattern in (STAYS, EMPTIED, LIVE)), suffix


def test_the_checker_knows_every_key_of_the_fleet() -> None:
    header = (SCRIPTS / "beat.lua").read_text("utf-8").partition("]]")[0]
    suffixes = re.findall(r"^  T:(\S+)  ", header, re.M)
    assert suffixes
    assert all(FLEET.fullmatch(suffix) for suffix in suffixes)
