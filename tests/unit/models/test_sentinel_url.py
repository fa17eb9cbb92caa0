import pytest

from chimera_cli.models.sentinel_url import is_sentinel_url, read_sentinel_url


def test_a_whole_url_is_taken_apart() -> None:
    url = "redis+sentinel://ada:p%40w@one:26380,two,[::1]:5/main/3?sentinel_username=sam&sentinel_password=a%26b&ssl_ca_certs=f"
    place = read_sentinel_url(url)
    assert place.sentinels == (("one", 26380), ("two", 26379), ("::1", 5))
    assert (place.service, place.username, place.password) == ("main", "sam", "a&b")
    assert place.server == "redis://ada:p%40w@sentinel/3?ssl_ca_certs=f"


def test_the_shortest_url_is_enough() -> None:
    place = read_sentinel_url("rediss+sentinel://one/main")
    assert (place.sentinels, place.service, place.server) == ((("one", 26379),), "main", "rediss://sentinel/0")
    assert (place.username, place.password) == (None, None)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "one",
        "one/",
        "/main",
        "one,/main",
        "one:0/main",
        "one:65536/main",
        "one:x/main",
        "::1/main",
        "one/main/x",
        "one/main/0/1",
        ":s3cret@one:1,:s3cret@two:1/main",
        ":s3cret@one two/main",
    ],
)
def test_what_is_missing_or_odd_is_told_without_a_password(rest: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        read_sentinel_url(f"redis+sentinel://{rest}")
    assert "s3cret" not in str(refused.value)


def test_no_password_is_in_what_is_printed() -> None:
    place = read_sentinel_url("redis+sentinel://:s3cret@one/main?sentinel_password=s3cret")
    assert "s3cret" not in repr(place)


def test_the_scheme_alone_tells() -> None:
    assert is_sentinel_url("REDIS+sentinel://x")
    assert not is_sentinel_url("redis://x/redis+sentinel://")
