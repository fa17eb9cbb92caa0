import json
from pathlib import Path

from chimera_cli.cli.doctor import NEEDED, imports_check
from tests.unit.cli.fakes import PASSWORD, run

CHECKS = [
    "python",
    "imports",
    "settings",
    "redis",
    "redis version",
    "redis eviction",
    "redis persistence",
    "redis.role",
    "redis.memory",
    "redis.disk",
    "redis.replicas",
    "redis.write",
    "redis clock",
    "postgres",
    "postgres schema",
    "postgres clock",
    "postgres.session",
    "postgres.prepared",
    "postgres.write",
    "postgres.connections",
    "postgres.disk",
    "identity",
    "redis compared",
    "redis recovery",
    "outbox complete",
    "stuck",
    "approvals.key",
    "approvals.waiting",
    "unserved",
    "stalled",
    "redis.clock",
    "model",
]


def test_every_check_is_made_though_every_server_is_away() -> None:
    result = run("doctor", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["ok"]) == (1, False)
    assert [check["name"] for check in document["checks"]] == CHECKS
    assert all(check["mend"] for check in document["checks"] if not check["ok"])
    assert PASSWORD not in result.output


def test_settings_that_are_wrong_stop_no_check(folder: Path) -> None:
    (folder / ".env").unlink()
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    assert [check["name"] for check in checks] == ["python", "imports", "settings", "redis", "postgres", "model"]
    assert "DATABASE_URL is not set" in checks[2]["detail"]


def test_a_package_that_cannot_be_imported_is_named() -> None:
    check = imports_check((*NEEDED, "no_such_package"))
    assert not check.ok
    assert "no_such_package" in check.detail
    assert check.mend == "pip install chimera-swarm"
