"""The whole line over TLS, as a Redis user who may do little, with canaries wherever a secret stands: none is ever seen again."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql
from redis import Redis

from tests.acl import ENCODED, PASSWORD, USER, limited_url
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Completed, Line, assert_one_clear_error
from tests.servers import Servers
from tests.tls import Certificates, Front, tls_in_front_of

ROLE, ROLE_PASSWORD = "canary", "pg c@nary/pass:word?#"
KEY = "canary-of-the-provider-8e1f"
SECRETS = (PASSWORD, ENCODED, ROLE_PASSWORD, quote(ROLE_PASSWORD, safe=""), KEY)
FILE_ONLY = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"))
"""What the environment of these commands lacks; the line's own URLs are the administrator's."""
POST = {"topic": "growth", "platform": "twitter"}


@contextmanager
def telltale_model() -> Iterator[str]:
    """Serve a provider that repeats the key in its complaint."""

    class Complains(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            key = self.headers["authorization"]
            body = json.dumps({"error": {"message": f"the key {key} may not do this", "code": "x"}}).encode()
            self.send_response(400)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Complains) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("ca"), "localhost")


@pytest.fixture(scope="module")
def front(servers: Servers, certificates: Certificates) -> Iterator[Front]:
    with tls_in_front_of(servers.redis.port, servers.postgres.port, certificates) as made:
        yield made


@pytest.fixture(scope="module")
def role(servers: Servers) -> None:
    with psycopg.connect(servers.postgres.url_of("postgres"), autocommit=True) as connection:
        words = sql.Identifier(ROLE), sql.Literal(ROLE_PASSWORD)
        connection.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(*words))


@pytest.fixture(scope="module")
def secured(
    new_line: NewLine, servers: Servers, front: Front, certificates: Certificates, role: None
) -> Iterator[tuple[Line, dict[str, str]]]:
    """A line whose settings stand in `.env` alone, with the URLs as they stand there."""
    limited_url([servers.redis.url])
    with telltale_model() as model:
        line = new_line()
        database = urlsplit(line.environment["DATABASE_URL"]).path
        settings = {
            "DATABASE_URL": f"postgresql://{ROLE}:{quote(ROLE_PASSWORD, safe='')}@localhost:{front.postgres}{database}"
            f"?sslmode=verify-full&sslrootcert={certificates.ca}",
            "REDIS_URL": f"rediss://{USER}:{ENCODED}@localhost:{front.redis}/0?ssl_ca_certs={certificates.ca}",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model,
        }
        (line.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        yield line, settings


@pytest.fixture(scope="module")
def after(secured: tuple[Line, dict[str, str]], servers: Servers) -> tuple[Line, str, list[Completed]]:
    """Run a goal to its end and every looking command after it; returns the line, all command lines seen, and the ends."""
    line, settings = secured
    with Redis.from_url(servers.redis.url) as admin:
        admin.execute_command("ACL", "LOG", "RESET")
    roles = [
        line.start("worker", "--count", "4", "--handlers", str(KINDS), "-v", "--debug", **FILE_ONLY),
        line.start("judge", "--count", "2", "-v", "--debug", **FILE_ONLY),
        line.start("plan", "--watch", "--handlers", str(KINDS), "-v", **FILE_ONLY),
    ]
    tasks = [
        {"key": "leaks", "kind": "leaking", "max_retries": 1},
        {"key": "asks", "kind": "content.draft", "payload": POST, "max_retries": 0},
        {"key": "judged", "kind": "vague"},
        {"key": "done", "kind": "mark"},
        {"key": "told", "kind": "leaking", "title": f"use {KEY}", "max_retries": 0},
    ]
    plan = line.write("plan.json", json.dumps({"goal": "keep it to ourselves", "tasks": tasks}))
    goal = line.run("plan", "--file", plan, "--handlers", str(KINDS), "--json", **FILE_ONLY).json["goal_id"]
    ends = {"leaks": "FAILED", "asks": "FAILED", "judged": "NEEDS_REVIEW", "done": "COMPLETED", "told": "FAILED"}
    line.until(lambda: line.tasks(goal) == ends, f"all end as {ends}: {line.tasks(goal)}")
    seen = "\n".join(command_lines())
    ((card,),) = line.rows("SELECT id FROM cards")
    stranger = {**FILE_ONLY, "DATABASE_URL": settings["DATABASE_URL"].replace(ROLE, "nobody", 1)}
    looks = [("doctor",), ("status",), ("goals", "show", goal), ("review", "show", card), ("audit", "list", "--debug")]
    looking = [line.start(*words, **FILE_ONLY) for words in looks]
    looking.append(line.start("goals", "list", "--debug", **stranger))
    looking.append(line.start("review", "approve", card, "--as", "ada", "--debug", **FILE_ONLY))
    ended = [running.ended() for running in looking]
    line.until(lambda: line.tasks(goal)["judged"] == "COMPLETED", "the approval is carried out")
    for running in roles:
        running.signal(signal.SIGTERM)
    return line, seen, [*ended, *[running.ended() for running in roles]]


def command_lines() -> list[str]:
    """Return what ps would show of every process."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return lines


def test_the_whole_line_works_over_tls_as_a_user_who_may_do_little(
    after: tuple[Line, str, list[Completed]], servers: Servers
) -> None:
    _, _, (doctor, *looks, refused, approved, worker, judge, planner) = after
    failed = [line for line in doctor.out.splitlines() if line.startswith("fail") and "persistence" not in line]
    assert failed == []
    assert [end.code for end in (*looks, approved, worker, judge, planner)] == [0] * (len(looks) + 4)
    assert refused.code == 6
    with Redis.from_url(servers.redis.url, decode_responses=True) as admin:
        denied = [entry["object"] for entry in admin.execute_command("ACL", "LOG") if entry["username"] == USER]
    assert denied == [], "add these to deploy/redis.acl"


def test_no_secret_is_seen_anywhere(after: tuple[Line, str, list[Completed]], servers: Servers) -> None:
    line, command_lines_seen, ended = after
    sinks = {
        f"{path.parent.name}/{path.name}": path.read_text(errors="replace") for path in line.folder.glob("run-*/*")
    }
    sinks |= {f"output {number}": end.out + end.err for number, end in enumerate(ended)}
    sinks |= {"ps": command_lines_seen, "PostgreSQL's log": servers.postgres.log.read_text(errors="replace")}
    sinks["Redis' log"] = servers.redis.log.read_text(errors="replace")
    assert len(sinks) > 20
    assert {name: found for name, text in sinks.items() if (found := secrets_in(text)) and not quoted(name, text)} == {}


def quoted(name: str, text: str) -> bool:
    """Tell whether a sink only shows the title of the task that holds the key, which is the user's own data."""
    return secrets_in(text.replace(f"use {KEY}", "")) == [] and not name.endswith("/err")


def test_no_secret_is_kept_in_a_store(secured: tuple[Line, dict[str, str]], after: object, servers: Servers) -> None:
    line, _ = secured
    database = urlsplit(secured[1]["DATABASE_URL"]).path.lstrip("/")
    with psycopg.connect(servers.postgres.url_of(database)) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        rows = [
            str(row)
            for table in tables
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table)))
        ]
    assert len(rows) > 20
    # What the user wrote himself is kept as he wrote it.
    assert [found for row in rows if (found := secrets_in(row.replace(f"use {KEY}", "")))] == []
    assert any("cannot go on with" in row and "***" in row for row in rows)
    assert any("the key" in row and "may not do this" in row and "***" in row for row in rows)
    with Redis.from_url(servers.redis.url, decode_responses=True) as admin:
        keys = list(admin.scan_iter(match=f"{{chimera:{line.environment['CHIMERA_NAMESPACE']}*"))
        kept = "".join(str(admin.dump(key)) for key in keys)
    assert secrets_in(kept.replace(f"use {KEY}", "")) == []


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_that_does_not_fit_is_told_with_what_mends_it(
    secured: tuple[Line, dict[str, str]], host: str, tmp_path: Path
) -> None:
    """For the address the certificate has another name; for the name it is of a CA that nobody here knows."""
    line, settings = secured
    stranger = Certificates.made(tmp_path, "localhost").ca
    good = settings["REDIS_URL"].partition("ca_certs=")[2]
    changed = {name: settings[name].replace("@localhost", f"@{host}") for name in ("REDIS_URL", "DATABASE_URL")}
    if host == "localhost":
        changed = {name: url.replace(good, str(stranger)) for name, url in changed.items()}
    started = [line.start("worker", **{**FILE_ONLY, name: url}) for name, url in changed.items()]
    redis, postgres = [running.ended() for running in started]
    assert_one_clear_error(redis, 6, "Redis cannot be trusted", "hint: ", "ssl_ca_certs")
    assert_one_clear_error(postgres, 6, "certificate", "hint: ", "sslrootcert")
    assert not secrets_in(redis.err + postgres.err)


def test_a_server_without_tls_is_not_spoken_to(secured: tuple[Line, dict[str, str]], servers: Servers) -> None:
    line, settings = secured
    ports = {"REDIS_URL": servers.redis.port, "DATABASE_URL": servers.postgres.port}
    changed = {
        name: settings[name].replace(str(urlsplit(settings[name]).port), str(port)) for name, port in ports.items()
    }
    started = [line.start("worker", **{**FILE_ONLY, name: url}) for name, url in changed.items()]
    redis, postgres = [running.ended() for running in started]
    # Redis takes the handshake for the beginning of a command and waits for the rest.
    assert_one_clear_error(redis, 5, "Redis", "hint: ")
    assert_one_clear_error(postgres, 6, "SSL", "hint: ")
