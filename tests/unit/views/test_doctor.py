from chimera_cli.models.check import Check
from chimera_cli.models.server import ServerStatus
from chimera_cli.views.doctor import CheckList
from chimera_cli.views.stack import stack_document, stack_grid
from tests.unit.views.drawing import drawn

GOOD = Check(name="redis", ok=True, detail="reachable")
BAD = Check(name="schema", ok=False, detail="empty", mend="chimera db migrate")


def test_a_failed_check_comes_with_its_cure() -> None:
    lines = drawn(CheckList([GOOD, BAD])).splitlines()
    assert lines[0].startswith("ok    redis")
    assert lines[1].startswith("FAIL  schema")
    assert lines[2].strip() == "mend: chimera db migrate"
    assert CheckList([GOOD, BAD]).lines() == ["ok\tredis\treachable\t", "fail\tschema\tempty\tchimera db migrate"]


def test_checks_that_were_skipped_for_the_same_reason_share_a_line_with_their_names() -> None:
    skipped = [Check(name=name, ok=True, warn=True, detail="cannot be told", mend="redis first") for name in "abc"]
    shown = drawn(CheckList([GOOD, *skipped, BAD])).splitlines()
    assert [line[6:].split("  ")[0] for line in shown if not line.startswith(" ")] == ["redis", "a, b, c", "schema"]
    assert len(CheckList(skipped).lines()) == 3, "who reads lines looks for a check by its name"
    well = [Check(name=name, ok=True, detail="fine") for name in "ab"]
    assert len(drawn(CheckList(well)).splitlines()) == 2


def test_local_servers_are_listed_with_their_ports() -> None:
    server = ServerStatus(name="Redis", state="running", pid=7, port=6379)
    assert list(stack_grid([server]).lines()) == ["Redis\trunning\t7\t6379"]
    assert stack_document([server], ["Redis"])["started"] == ["Redis"]
