"""How a database's URL is read."""

import pytest

from chimera_cli.adapters.postgres_engine import driver_url, open_engine
from chimera_cli.exceptions import ConfigError


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_usual_spelling_reaches_the_same_driver(scheme: str) -> None:
    url = driver_url(f"{scheme}://ada:s%40cret@db:5433/chimera")
    assert (url.drivername, url.password, url.host, url.port, url.database) == (
        "postgresql+psycopg",
        "s@cret",
        "db",
        5433,
        "chimera",
    )


def test_what_the_url_says_takes_precedence_over_our_patience() -> None:
    query = driver_url("postgresql://db/c?sslmode=require&connect_timeout=30&options=-c%20search_path%3Dswarm").query
    assert (query["sslmode"], query["connect_timeout"], query["keepalives"]) == ("require", "30", "1")
    assert query["options"] == "-c search_path=swarm"


def test_no_start_up_option_is_sent_of_our_own_for_poolers_refuse_them() -> None:
    assert "options" not in driver_url("postgresql://db/c").query


def test_a_number_of_runs_before_a_statement_is_prepared_must_be_one() -> None:
    with pytest.raises(ConfigError, match="prepare_threshold"):
        open_engine("postgresql://ada:s3cret@db/c?prepare_threshold=often")


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "mysql://db/x", "redis://db", "nonsense", "", "postgresql://h:port/x"]
)
def test_what_is_no_postgres_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        open_engine(url)


def test_the_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as unreadable:
        open_engine("postgresql//ada:s3cret@db/chimera")
    assert "s3cret" not in str(unreadable.value)
    assert "s3cret" not in repr(open_engine("postgresql://ada:s3cret@db/chimera"))
