from pathlib import Path

from chimera_cli.simulation.gather import read_journal, read_logs
from chimera_cli.simulation.stand_in_faults import Fault
from chimera_cli.simulation.stand_in_model import StandInPlan
from tests.stand_in import serving


def test_logs_of_all_folders_are_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "judge.err.log").write_bytes(b"fine \xff")
    (tmp_path / "stack.json").write_text("a password")
    assert list(read_logs(tmp_path)) == ["roles/judge.err.log"]
    assert read_logs(tmp_path)["roles/judge.err.log"].startswith("fine")


async def test_the_journal_tells_what_went_wrong_on_the_wire() -> None:
    async with serving(StandInPlan(faults={Fault.THROTTLE: {"all": 1}})) as served:
        served.stand_in.journal.note("draft", 429, Fault.THROTTLE)
        served.stand_in.journal.note("draft", 200, Fault.MALFORMED)
        served.stand_in.journal.note("draft", 200, None)
        told = await read_journal(served.url)
    assert (told.served, told.throttled, told.malformed) == (1, 1, 1)
