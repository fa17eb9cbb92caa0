from chimera_cli.adapters.health_unserved import unserved_check
from chimera_cli.models.unserved import Unserved


def test_work_that_no_worker_serves_is_a_warning_with_a_cure() -> None:
    check = unserved_check([Unserved(kind="x", waiting=6), Unserved(kind="y", waiting=1)])
    assert (check.name, check.ok, check.warn, check.mend) == (
        "unserved",
        True,
        True,
        "chimera worker --handlers MODULE",
    )
    assert check.detail == "6 tasks of kind x wait, no worker serves it; 1 task of kind y waits, no worker serves it"


def test_without_such_work_there_is_nothing_to_mend() -> None:
    check = unserved_check([])
    assert (check.ok, check.warn, check.mend) == (True, False, "")
