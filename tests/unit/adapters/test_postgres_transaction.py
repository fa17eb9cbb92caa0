"""What a transaction's settings are."""

from chimera_cli.adapters.postgres_engine import driver_url
from chimera_cli.adapters.postgres_transaction import settings_of

OPTIONS = "postgresql://db/c?options=-c%20statement_timeout%3D5min%20--search-path%3Dswarm"


def test_all_settings_end_with_the_transaction() -> None:
    statements = settings_of(driver_url("postgresql://db/c"), "public").split("; ")
    assert statements == [
        "SET LOCAL statement_timeout TO '60s'",
        "SET LOCAL idle_in_transaction_session_timeout TO '60s'",
        "SET LOCAL timezone TO 'UTC'",
        "SET LOCAL search_path TO DEFAULT",
    ]


def test_a_schemas_name_is_quoted_whatever_it_is() -> None:
    assert settings_of(driver_url("postgresql://db/c"), 'a"; DROP x').endswith('search_path TO "a""; DROP x"')


def test_what_the_urls_options_name_is_as_they_say() -> None:
    settings = settings_of(driver_url(OPTIONS), "public")
    assert "statement_timeout TO DEFAULT" in settings
    assert "search_path TO DEFAULT" in settings
    assert "timezone TO 'UTC'" in settings


def test_a_namespaces_schema_goes_before_the_options_path() -> None:
    assert settings_of(driver_url(OPTIONS), "chimera_b").endswith('search_path TO "chimera_b"')
