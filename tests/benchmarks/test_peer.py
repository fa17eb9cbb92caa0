from pathlib import Path

import pytest

from benchmarks.peer import JOBS, commands

MODULES = sorted(JOBS.glob("*_jobs.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_peer_says_how_its_workers_are_started(module: Path) -> None:
    found = commands(module)
    known = {"SLOTS": "25", "NUMBER": "0", "JOBS": str(module), "REDIS_URL": "redis://"}
    assert {"WORKER", "FLEET"} & found.keys()
    assert all(found[name].format_map(known) for name in ("WORKER", "FLEET") if name in found)


def test_a_module_is_read_without_being_run(tmp_path: Path) -> None:
    module = tmp_path / "some_jobs.py"
    module.write_text('import nowhere\n\nWORKER = "run {SLOTS}"\nCOUNT = 3\na.b = "other"\n')
    assert commands(module) == {"WORKER": "run {SLOTS}", "a.b": "other"}
