"""`make audit`, against an index on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.pins import FOUND, PIN, PINS, UNTOLD, main


@contextmanager
def index(releases: dict[str, Any]) -> Iterator[str]:
    """Serve what an index says of releases, by path."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = releases.get(self.path)
            self.send_response(200 if known is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(known).encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text('alpha==1.0\nbeta==2.0.1 ; sys_platform == "linux"\n')
    return file


def releases(*told: dict[str, Any]) -> dict[str, Any]:
    return {"/pypi/alpha/1.0/json": {"vulnerabilities": []}, "/pypi/beta/2.0.1/json": {"vulnerabilities": list(told)}}


def test_pins_against_which_nothing_is_known_pass(pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with index(releases({"id": "OLD-1", "withdrawn": "2020-01-01"})) as root:
        assert main(pins, root) == 0
    assert "nothing is known" in capsys.readouterr().out


def test_a_known_vulnerability_is_named_with_the_release_that_mends_it(
    pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with index(releases({"id": "BAD-7", "fixed_in": ["2.0.2"]})) as root:
        assert main(pins, root) == FOUND
    assert "beta 2.0.1: BAD-7, mended in 2.0.2" in capsys.readouterr().out


@pytest.mark.parametrize("said", [{}, {"/pypi/alpha/1.0/json": {"info": {}}}])
def test_an_index_that_does_not_tell_is_not_taken_for_good_news(
    pins: Path, said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with index(said) as root:
        assert main(pins, root) == UNTOLD
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("not checked")


def test_every_line_of_the_pins_is_a_pin() -> None:
    text = PINS.read_text("utf-8")
    assert len(PIN.findall(text)) == len([line for line in text.splitlines() if line and not line.startswith("#")])
