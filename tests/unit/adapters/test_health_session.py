"""What doctor finds out by transactions of the roles' kind."""

import pytest

from chimera_cli.adapters.health_postgres import postgres_checks
from chimera_cli.adapters.health_session import judge_settings

RIGHT = {"statement_timeout": "60000", "idle_in_transaction_session_timeout": "60000", "timezone": "UTC"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"statement_timeout": "0"}, "statement_timeout is 0"),
        ({"idle_in_transaction_session_timeout": "0"}, "idle_in_transaction_session_timeout is 0"),
        ({"timezone": "Asia/Tokyo"}, "timezone is Asia/Tokyo"),
    ],
)
def test_a_setting_that_does_not_reach_the_second_transaction_is_told(wrong: dict[str, str], words: str) -> None:
    check = judge_settings([RIGHT, RIGHT | wrong])
    assert not check.ok
    assert words in check.detail
    assert "pool_mode" in check.mend
    assert judge_settings([RIGHT, RIGHT]).ok


async def test_a_real_postgres_keeps_settings_and_prepared_statements(fresh_database: str) -> None:
    for url in (fresh_database, f"{fresh_database}?prepare_threshold=2"):
        checks = {check.name: check async for check in postgres_checks(url, "default")}
        assert checks["postgres.session"].ok
        assert checks["postgres.prepared"].ok
