import json

import pytest

from chimera_cli.services.redaction import MASK, Redactor, passwords_in


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    redactor = Redactor(["s3cr3t-key", "s3cr3t"])
    assert redactor.text("key=s3cr3t-key, pw=s3cr3t!") == f"key={MASK}, pw={MASK}!"


def test_a_secret_inside_nested_values_and_keys_is_masked() -> None:
    redactor = Redactor(["s3cr3t"])
    assert redactor.value({"s3cr3t": ["x s3cr3t", ("s3cr3t", 1, None, True)]}) == {
        MASK: [f"x {MASK}", [MASK, 1, None, True]]
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:pa55@host/0", f"redis://:{MASK}@host/0"),
        ("postgresql+psycopg://u:p@55/word@host/db", f"postgresql+psycopg://u:{MASK}@host/db"),
        ("redis+sentinel://u:pa55@a:1,b:2/main/0", f"redis+sentinel://u:{MASK}@a:1,b:2/main/0"),
        ("http://host:80/path", "http://host:80/path"),
        ("key sk-abcdefghijklmnop", f"key {MASK}"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: {MASK}"),
    ],
)
def test_passwords_in_urls_and_api_keys_are_masked_unasked(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


def test_a_very_short_secret_does_not_blank_every_line() -> None:
    assert Redactor(["a"]).text("a banana") == "a banana"


@pytest.mark.parametrize(
    "text",
    ['x s3"cr3t', "key:\nsk-abcdefghijklmnop", "Bearer\tabcdefgh12345", "redis://u:p\u00e4ss@host", "a s\u00fc\u00df."],
)
def test_whatever_is_masked_is_suspected_also_when_it_is_written_as_json(text: str) -> None:
    redactor = Redactor(['s3"cr3t', "s\u00fc\u00df."])
    assert redactor.text(text) != text
    assert redactor.suspects(json.dumps({"field": text}))


def test_ordinary_lines_are_not_looked_at_twice() -> None:
    assert not Redactor(["s3cr3t"]).suspects('{"task": "1234", "url": "http://host/path", "event": "task.started"}')


def test_what_json_cannot_hold_becomes_text_before_it_is_masked() -> None:
    assert Redactor(["s3cr3t"]).value(ValueError("bad s3cr3t")) == f"bad {MASK}"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://u:p%40w@h/d", ["p%40w"]),
        ("redis+sentinel://:pw@a:1,[::1]:2/main/0?sentinel_password=other", ["pw", "other"]),
        ("postgresql://h/d?user=u&password=in%20query&sslpassword=key", ["in%20query", "key"]),
        ("rediss://:both@h?password=ways", ["both", "ways"]),
        ("redis://h/0?health_check_interval=3", []),
        ("", []),
    ],
)
def test_a_password_is_found_wherever_a_url_may_hold_one(url: str, found: list[str]) -> None:
    assert list(passwords_in(url)) == found
