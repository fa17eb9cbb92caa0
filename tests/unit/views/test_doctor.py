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
    assert CheckList([GOOD, *skipped, BAD]).lines() == [
        "ok\tredis\treachable\t",
        "warn\ta, b, c\tcannot be told\tredis first",
        "fail\tschema\tempty\tchimera db migrate",
    ]
    assert drawn(CheckList(skipped)).splitlines()[0].startswith("warn  a, b, c")
    well = [Check(name=name, ok=True, detail="fine") for name in "ab"]
    assert len(CheckList(well).lines()) == 2


def test_local_servers_are_listed_with_their_ports() -> None:
    server = ServerStatus(name="Redis", state="running", pid=7, port=6379)
    assert list(stack_grid([server]).lines()) == ["Redis\trunning\t7\t6379"]
    assert stack_document([server], ["Redis"])["started"] == ["Redis"]
